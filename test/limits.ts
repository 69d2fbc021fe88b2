/** @file How long something may take before it counts as hanging; what slow machines need is no reason to fail. */

/** Milliseconds, for a test, a hook or a child process. */
export const HANG = 15 * 60_000;

/** @file Keeps what native libraries print off the terminal while they load. */

import { closeSync, openSync } from 'node:fs';

/**
 * Runs `body` while native code's standard error goes nowhere: Dawn warns of limits that nobody can change each time it
 * looks for adapters, and has no switch for it. Only for terminals on Linux, where a person reads along and where Node's own
 * `process.stderr` has a descriptor of its own, so that nothing else is lost.
 */
export async function withQuietLibraries<T>(body: () => Promise<T>): Promise<T> {
  if (process.platform !== 'linux' || process.stderr.isTTY !== true || process.argv.includes('--debug')) {
    return body();
  }
  let terminal: number;
  try {
    terminal = openSync('/dev/fd/2', 'a');
  } catch {
    return body();
  }
  replaceStderr('/dev/null');
  try {
    return await body();
  } finally {
    replaceStderr(`/dev/fd/${terminal}`);
    closeSync(terminal);
  }
}

/** The lowest free descriptor is taken, which is the one that has just been closed. */
function replaceStderr(path: string): void {
  closeSync(2);
  const opened = openSync(path, 'a');
  if (opened !== 2) closeSync(opened);
}

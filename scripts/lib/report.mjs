/** @file What set-up says to the person at the keyboard: notices and one-sentence errors, on stderr so that stdout stays the program's. */

/** A failure that its message explains: shown without a stack trace. */
export class SetupError extends Error {}

export function notice(sentence) {
  process.stderr.write(`${sentence}\n`);
}

/** Runs a script's main function; its result is the exit code. */
export async function main(run) {
  try {
    process.exitCode = (await run()) ?? 0;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    notice(error.message);
    process.exitCode = 1;
  }
}

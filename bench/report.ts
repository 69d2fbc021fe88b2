/** @file Where the commands of the bench write: stdout, progress on a terminal and, if asked, records in a JSON file. */

import { InputError } from '../src/core/errors.ts';
import { writeFileAtomic } from '../src/io/atomic.ts';
import { jsonText } from './format.ts';

/** Writes records where `--json` says; nothing without it. */
export async function writeJson(path: string | undefined, records: unknown): Promise<void> {
  if (path !== undefined) await writeFileAtomic(path, jsonText(records));
}

/** Progress goes to stderr and only to people. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

export const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** @throws InputError unless it is a whole number from `least` up. */
export function wholeNumber(option: string, least = 1): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least) {
      throw new InputError(`${option} takes a whole number from ${least} up, not "${text}".`);
    }
    return value;
  };
}

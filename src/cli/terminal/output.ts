/** @file What commands print: results on standard output, sentences on standard error. */

import { fstatSync, writeSync } from 'node:fs';
import { explainWriteError } from '../../io/atomic.ts';

/** How standard output is called where it cannot be written. */
const NAME = 'to standard output';

/**
 * Prints a result, and waits until it is out. A reader that has seen enough (`| head`) is no error.
 * @throws InputError when it cannot be written, such as to a file on a full disk.
 */
export async function print(text: string): Promise<void> {
  await printed(text);
}

/**
 * Prints one result of many.
 * @returns Whether its reader is still there.
 * @throws As `print` does.
 */
export async function printed(text: string): Promise<boolean> {
  try {
    if (isFile(1)) writeWhole(1, Buffer.from(text));
    else await writeToStream(process.stdout, text);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return false;
    throw explainWriteError(error, NAME);
  }
}

/** Sentences that wait until standard error is back. */
let held: string[] | undefined;

/** Says a sentence on standard error, in the program's name. Where nobody can hear it there is nothing else to do. */
export function say(text: string): void {
  if (held) {
    held.push(text);
    return;
  }
  try {
    process.stderr.write(`i3d: ${text}\n`);
  } catch {
    // A full disk, or a terminal that is gone.
  }
}

/** Keeps sentences back until the function is called that it returns. */
export function holdBack(): () => void {
  held ??= [];
  return () => {
    const waiting = held ?? [];
    held = undefined;
    for (const text of waiting) say(text);
  };
}

/**
 * Does both, the second even where the first fails: what was computed gets out where it can.
 * @throws What the first of them that fails throws.
 */
export async function both(first: () => Promise<void>, second: () => Promise<void>): Promise<void> {
  const errors: unknown[] = [];
  for (const work of [first, second]) await work().catch((error) => errors.push(error));
  if (errors.length > 0) throw errors[0];
}

/** Errors of the standard streams come as events, too, which would end the process. Whoever prints a result sees them anyway. */
export function expectStreamErrors(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

/** A file, or a device that is no terminal. */
function isFile(descriptor: 1): boolean {
  const kind = fstatSync(descriptor);
  return kind.isFile() || (kind.isCharacterDevice() && !process.stdout.isTTY);
}

/** Node's stream for files takes what a nearly full disk has left of room for the whole. */
function writeWhole(descriptor: 1, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

function writeToStream(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

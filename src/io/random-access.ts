/** @file Bytes that are read where they are wanted: a file of any size, or memory. Node only. */

import { type FileHandle, open } from 'node:fs/promises';
import { InputError } from '../core/errors.ts';
import { fileError } from './bytes.ts';

export interface RandomAccess {
  /** Bytes. */
  readonly size: number;
  /**
   * `length` bytes from `at` on, with memory of their own where they come from a file.
   * @throws InputError when they are not there, or do not fit into memory.
   */
  read(at: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A read may not exceed 2 GiB. */
const READ_BYTES = 2 ** 30;

/** @throws InputError when there is no such file, or one that cannot be read at any place. */
export async function openRandomAccess(path: string, advice: string): Promise<RandomAccess> {
  const unusable = (cause: unknown): InputError => {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reasons: Record<string, string> = { ENOENT: 'does not exist', EISDIR: 'is a folder' };
    return new InputError(`${path} ${reasons[code ?? ''] ?? `cannot be read (${code ?? message})`}; ${advice}.`, {
      cause,
    });
  };
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    throw unusable(cause);
  }
  const stats = await file.stat();
  if (!stats.isFile()) {
    await file.close();
    throw new InputError(`${path} is ${stats.isDirectory() ? 'a folder' : 'not a regular file'}; ${advice}.`);
  }
  return {
    size: stats.size,
    async read(at, length) {
      let bytes: Uint8Array;
      try {
        bytes = new Uint8Array(length);
      } catch {
        throw fileError(`${path}: ${length} bytes at once do not fit into memory; ask for fewer frames.`);
      }
      for (let done = 0; done < length; ) {
        const { bytesRead } = await file
          .read(bytes, done, Math.min(READ_BYTES, length - done), at + done)
          .catch((cause) => {
            throw unusable(cause);
          });
        if (bytesRead === 0) throw fileError(`${path} is cut short: it ends at byte ${at + done}.`);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => file.close(),
  };
}

export function memorySource(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.length,
    read: async (at, length) => bytes.subarray(at, at + length),
    close: async () => undefined,
  };
}

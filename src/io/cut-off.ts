/** @file Whether a picture file ends in the middle of a picture, where FFmpeg would fill up what is missing without a word. */

import { openRandomAccess } from './random-access.ts';

/** A picture that begins further (bytes) before the end of its file is not looked for. */
const TAIL = 2 ** 24;

/** A larger GIF (bytes) is not looked through. */
const MOST_GIF = 2 ** 29;

/** What begins and ends a picture: of JPEG, and by FFmpeg's names of files with pictures one after the other. */
const JPEG = [Buffer.from('ffd8ff', 'hex'), Buffer.from('ffd9', 'hex')] as const;
const MARKS: Record<string, readonly [begin: Buffer, end: Buffer]> = {
  jpeg_pipe: JPEG,
  mjpeg: JPEG,
  png_pipe: [Buffer.from('IHDR'), Buffer.from('IEND')],
  qoi_pipe: [Buffer.from('qoif'), Buffer.from('0000000000000001', 'hex')],
};

/** @param formatName FFmpeg's name of the kind of file; false for kinds whose decoders notice by themselves. */
export async function isCutOff(path: string, formatName: string): Promise<boolean> {
  const marks = MARKS[formatName];
  if (marks === undefined && formatName !== 'gif') return false;
  const file = await openRandomAccess(path, 'check its permissions');
  try {
    if (marks === undefined) return file.size <= MOST_GIF && !isWholeGif(await file.read(0, file.size));
    const at = Math.max(0, file.size - TAIL);
    const tail = Buffer.from(await file.read(at, file.size - at));
    return tail.lastIndexOf(marks[0]) > tail.lastIndexOf(marks[1]);
  } finally {
    await file.close();
  }
}

/** Whether every block of a GIF is there. Its end mark may be missing, and anything may follow it. */
export function isWholeGif(bytes: Uint8Array): boolean {
  const tableSize = (flags: number): number => ((flags & 0x80) === 0 ? 0 : 3 << ((flags & 7) + 1));
  /** Behind the blocks of data from `at` on: each has its length before it, and the last one has none. */
  const skipData = (at: number): number => {
    let next = at;
    while (next < bytes.length && bytes[next] !== 0) next += 1 + (bytes[next] ?? 0);
    return next + 1;
  };
  let at = 13 + tableSize(bytes[10] ?? 0);
  while (at < bytes.length) {
    const kind = bytes[at];
    if (kind === 0x21) at = skipData(at + 2);
    else if (kind === 0x2c) at = skipData(at + 11 + tableSize(bytes[at + 9] ?? 0));
    else return true;
  }
  return at === bytes.length;
}

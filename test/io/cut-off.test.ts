/** @file Pictures that are cut off, which are refused or come with a warning, and files with several pictures. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import { isWholeGif } from '../../src/io/cut-off.ts';
import { tiffPages } from '../../src/io/tiff.ts';
import { type Clip, openClip } from '../../src/io/video.ts';
import { testFolder } from '../folder.ts';
import { canEncode, type Track, writeMedia } from './media.ts';

const folder = testFolder('cut-');

const SIZE = { width: 64, height: 48 };

/** Pictures with so much in them that a part of their bytes is a part of their pixels. */
const busy = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, k) =>
    Uint8Array.from({ length: SIZE.width * SIZE.height * 3 }, (_, i) => ((i * 7919 + k * 104729) % 8191) >> 5),
  );

async function make(
  name: string,
  format: string,
  track: Partial<Track> & Pick<Track, 'codec'>,
  count = 1,
): Promise<string> {
  const path = join(folder, name);
  const settings: Record<string, string> = format === 'image2' ? { update: '1' } : {};
  await writeMedia(path, format, [{ ...SIZE, frames: busy(count), ...track }], settings);
  return path;
}

/** The first part of a file as a file. */
async function cut(path: string, part: number): Promise<string> {
  const bytes = await readFile(path);
  const target = path.replace(/(\.\w+)$/, `-cut$1`);
  await writeFile(target, bytes.subarray(0, Math.floor(bytes.length * part)));
  return target;
}

const open = (path: string): Promise<Clip> => openClip(path, { fps: 'native' });

describe('pictures that are cut off', () => {
  it.each([
    ['jpg', 'mjpeg'],
    ['png', 'png'],
    ['bmp', 'bmp'],
    ['webp', 'libwebp'],
    ['tif', 'tiff'],
    ['ppm', 'ppm'],
  ])('are refused as .%s', async (extension, codec) => {
    if (!(await canEncode(codec))) return;
    const path = await make(`one.${extension}`, 'image2', { codec });
    expect(await open(path)).toMatchObject({ kind: 'images', warnings: [], frames: { shape: [1, 48, 64, 3] } });
    for (const part of [0.9, 0.5, 0.2]) {
      const error = await open(await cut(path, part)).catch((reason: unknown) => reason);
      expect(error, String(part)).toBeInstanceOf(InputError);
      expect((error as Error).message).toMatch(/^[^\n]+ is damaged or cut off, so use an intact copy\.$/);
    }
  });

  it('may have anything behind them', async () => {
    for (const [extension, codec] of [
      ['jpg', 'mjpeg'],
      ['png', 'png'],
      ['gif', 'gif'],
    ] as const) {
      const path = await make(`more.${extension}`, extension === 'gif' ? 'gif' : 'image2', { codec });
      await writeFile(path, Buffer.concat([await readFile(path), Buffer.from('\0\0 something else')]));
      expect((await open(path)).warnings, extension).toEqual([]);
    }
  });

  it.each([
    ['gif', 'gif', 'gif'],
    ['mjpeg', 'mjpeg', 'mjpeg'],
    ['pngs', 'image2pipe', 'png'],
    ['avi', 'avi', 'mjpeg'],
    ['apng', 'apng', 'apng'],
  ])('of several (.%s) come with a warning', async (extension, format, codec) => {
    const path = await make(`several.${extension}`, format, { codec }, 8);
    const whole = await open(path);
    expect(whole.frames.shape[0]).toBe(8);
    expect(whole.warnings).toEqual([]);
    for (const part of [0.9, 0.7, 0.5]) {
      const clip = await open(await cut(path, part));
      expect(clip.frames.shape[0]).toBeLessThanOrEqual(8);
      expect(clip.warnings.join(), String(part)).toMatch(/cut off in the middle of a picture|could not be decoded/);
    }
  });

  it('are known by their structure as GIF', async () => {
    const bytes = await readFile(await make('structure.gif', 'gif', { codec: 'gif' }, 3));
    expect(isWholeGif(bytes)).toBe(true);
    // The last byte only says that no more pictures follow.
    expect(isWholeGif(bytes.subarray(0, -1))).toBe(true);
    for (const length of [bytes.length - 2, bytes.length - 40, 300, 20]) {
      expect(isWholeGif(bytes.subarray(0, length)), String(length)).toBe(false);
    }
  });
});

describe('TIFF files with several pages', () => {
  /** Pages of 64×48 grey pixels, uncompressed, each of its own level; `minor` marks those that belong to others. */
  function tiff(levels: readonly number[], little: boolean, minor: readonly number[] = [], width = SIZE.width): Buffer {
    const pixels = width * SIZE.height;
    const page = 2 + 9 * 12 + 4;
    const bytes = Buffer.alloc(8 + levels.length * (page + pixels));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    bytes.write(little ? 'II' : 'MM', 'latin1');
    view.setUint16(2, 42, little);
    view.setUint32(4, 8, little);
    for (const [k, level] of levels.entries()) {
      const at = 8 + k * (page + pixels);
      const fields = [
        [254, 4, minor.includes(k) ? 1 : 2],
        [256, 4, width],
        [257, 4, SIZE.height],
        [258, 3, 8],
        [259, 3, 1],
        [262, 3, 1],
        [273, 4, at + page],
        [278, 4, SIZE.height],
        [279, 4, pixels],
      ] as const;
      view.setUint16(at, fields.length, little);
      for (const [i, [tag, type, value]] of fields.entries()) {
        const entry = at + 2 + i * 12;
        view.setUint16(entry, tag, little);
        view.setUint16(entry + 2, type, little);
        view.setUint32(entry + 4, 1, little);
        if (type === 3) view.setUint16(entry + 8, value, little);
        else view.setUint32(entry + 8, value, little);
      }
      view.setUint32(at + page - 4, k + 1 < levels.length ? at + page + pixels : 0, little);
      bytes.fill(level, at + page, at + page + pixels);
    }
    return bytes;
  }

  const levels = (clip: Clip): (number | undefined)[] =>
    Array.from({ length: clip.frames.shape[0] ?? 0 }, (_, k) => clip.frames.data[k * SIZE.width * SIZE.height * 3]);

  it.each([true, false])('give each page as a frame (little-endian: %s)', async (little) => {
    const path = join(folder, `pages-${little}.tif`);
    await writeFile(path, tiff([10, 60, 110, 160, 210], little));
    const clip = await openClip(path);
    expect(levels(clip)).toEqual([10, 60, 110, 160, 210]);
    expect(clip).toMatchObject({ fps: 25, warnings: [] });
    expect(levels(await openClip(path, { start: 3 }))).toEqual([160, 210]);
  });

  it('leave smaller copies away and refuse other sizes', async () => {
    const path = join(folder, 'minor.tif');
    await writeFile(path, tiff([10, 60, 110], true, [0, 2]));
    expect(levels(await openClip(path))).toEqual([60]);
    const other = tiff([1], true, [], 32);
    // One more page, of another size, behind the first.
    const joined = Buffer.concat([tiff([9], true), other]);
    const at = joined.length - other.length;
    joined.writeUInt32LE(at + 8, 8 + 2 + 9 * 12);
    expect(() => tiffPages(joined, 'x.tif')).toThrow('x.tif has a page of 64×48 pixels and one of 32×48;');
  });

  it('are refused where FFmpeg would show black without a word', () => {
    const [compression, offsets, counts] = [4, 6, 8].map((field) => 8 + 2 + field * 12);
    const jpeg = tiff([9], true);
    jpeg.writeUInt16LE(7, compression! + 8);
    expect(() => tiffPages(jpeg, 'x.tif')).toThrow(
      'x.tif is a TIFF with the compression JPEG, which cannot be read; save',
    );
    const tiled = tiff([9], true);
    tiled.writeUInt16LE(324, offsets!);
    tiled.writeUInt16LE(325, counts!);
    expect(() => tiffPages(tiled, 'x.tif')).toThrow('x.tif is a TIFF in tiles, which cannot be read; save');
  });

  it('are single pictures in a folder, or refused', async () => {
    const images = join(folder, 'scans');
    await mkdir(images);
    for (const i of [1, 2]) await writeFile(join(images, `f${i}.tif`), tiff([i], true));
    expect(levels(await openClip(images))).toEqual([1, 2]);
    await writeFile(join(images, 'f2.tif'), tiff([1, 2], true));
    await expect(openClip(images)).rejects.toThrow(
      'f2.tif holds more than one picture, and those of a folder are single',
    );
  });

  it('say when they are cut off, and end where their pages go round in circles', async () => {
    const whole = tiff([10, 60, 110], true);
    const path = join(folder, 'part.tif');
    await writeFile(path, whole.subarray(0, whole.length - 9));
    expect((await openClip(path)).warnings.join()).toContain('cut off in the middle of a picture');
    const round = Buffer.from(whole);
    round.writeUInt32LE(8, 8 + 2 + 9 * 12);
    expect(tiffPages(round, 'round.tif')).toEqual({ places: [8], whole: true });
    expect(tiffPages(Buffer.from('no TIFF at all'), 'x')).toEqual({ places: [], whole: true });
  });
});

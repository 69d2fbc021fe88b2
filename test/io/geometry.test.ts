/** @file Pictures that are not to be seen as they are stored: lying, mirrored, with edges that are hidden. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cropOf } from '../../src/io/picture.ts';
import { openClip } from '../../src/io/video.ts';
import { testFolder } from '../folder.ts';
import { type Track, writeMedia } from './media.ts';

const folder = testFolder('geometry-');

const WIDTH = 64;
const HEIGHT = 48;

async function make(
  name: string,
  format: string,
  track: Partial<Track> & Pick<Track, 'codec' | 'frames'>,
): Promise<string> {
  const path = join(folder, name);
  await writeMedia(path, format, [{ width: WIDTH, height: HEIGHT, ...track }]);
  return path;
}

describe('pictures that are stored lying or mirrored', () => {
  /** Red, green / blue, white, in squares of 16. */
  const CORNERS = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [255, 255, 255],
  ] as const;
  const quarters = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % 32, Math.floor(i / 96)];
    return CORNERS[(x < 16 ? 0 : 1) + (y < 16 ? 0 : 2)]?.[i % 3] ?? 0;
  });
  /** Which corners of the stored picture are at the top left, top right and bottom left. */
  async function corners(path: string): Promise<number[]> {
    const { frames, width, height } = await openClip(path, { frames: 1 });
    const at = (x: number, y: number): number => {
      const rgb = [...frames.data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
      return CORNERS.findIndex((corner) => corner.every((value, c) => Math.abs(value - (rgb[c] ?? 0)) < 90));
    };
    return [at(4, 4), at(width - 5, 4), at(4, height - 5)];
  }
  /** By the orientation of EXIF, 1 to 8. */
  const UPRIGHT = [
    [0, 1, 2],
    [1, 0, 3],
    [3, 2, 1],
    [2, 3, 0],
    [0, 2, 1],
    [2, 0, 3],
    [3, 1, 2],
    [1, 3, 0],
  ];

  it('are turned upright by EXIF', async () => {
    const path = join(folder, 'exif.jpg');
    const track = { codec: 'mjpeg', width: 32, height: 32, frames: [quarters], options: { qmin: '1', qmax: '1' } };
    await writeMedia(path, 'image2', [track], { update: '1' });
    const bytes = await readFile(path);
    for (const [i, expected] of UPRIGHT.entries()) {
      const exif = Buffer.from('ffe100224578696600004d4d002a000000080001011200030000000100000000' + '00000000', 'hex');
      exif.writeUInt16BE(i + 1, 28);
      await writeFile(path, Buffer.concat([bytes.subarray(0, 2), exif, bytes.subarray(2)]));
      expect(await corners(path), `orientation ${i + 1}`).toEqual(expected);
    }
  });

  it.each([
    [[0, 1, -1, 0], 5],
    [[-1, 0, 0, -1], 2],
    [[0, -1, 1, 0], 7],
    [[-1, 0, 0, 1], 1],
  ] as const)('are turned upright by the matrix %j of MP4', async ([a, b, c, d], orientation) => {
    const matrix = Int32Array.of(a, b, 0, c, d, 0, 0, 0, 16384).map((value, i) => (i === 8 ? 2 ** 30 : value * 65536));
    const path = await make(`turned${orientation}.mp4`, 'mp4', {
      codec: 'mpeg4',
      width: 32,
      height: 32,
      frames: [quarters],
      stream: (stream, av) => {
        stream.codecpar.addCodedSideData(av.AV_PKT_DATA_DISPLAYMATRIX, Buffer.from(matrix.buffer));
      },
    });
    expect(await corners(path)).toEqual(UPRIGHT[orientation]);
  });
});

describe('what a container hides of its pictures', () => {
  const hidden = { left: 8, top: 4, right: 16, bottom: 12 };
  const hide: Pick<Track, 'stream'> = {
    stream: (stream, av) => {
      const { left, top, right, bottom } = hidden;
      const sides = Uint32Array.of(top, bottom, left, right);
      stream.codecpar.addCodedSideData(av.AV_PKT_DATA_FRAME_CROPPING, Buffer.from(sides.buffer));
    },
  };

  it.each([
    ['mp4', 'mp4'],
    ['mov', 'mov'],
    ['mkv', 'matroska'],
  ])('is left away in %s', async (extension, format) => {
    const white = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % WIDTH, Math.floor(i / 3 / WIDTH)];
      const seen = x >= hidden.left && x < WIDTH - hidden.right && y >= hidden.top && y < HEIGHT - hidden.bottom;
      return seen ? 255 : 0;
    });
    const codec = format === 'matroska' ? 'ffv1' : 'png';
    const frames = [white, white, white];
    const path = await make(`hidden.${extension}`, format, { codec, frames, ...hide });
    const clip = await openClip(path, { fps: 'native' });
    expect(clip.frames.shape).toEqual([3, 32, 40, 3]);
    expect(Math.min(...clip.frames.data)).toBeGreaterThan(codec === 'png' ? 254 : 250);
    expect((await openClip(path, { maxShortSide: 16 })).frames.shape.slice(1)).toEqual([16, 20, 3]);
  });

  it('is ignored where it leaves nothing', () => {
    const sides = (...numbers: number[]): Uint8Array => new Uint8Array(Uint32Array.from(numbers).buffer);
    expect(cropOf(sides(4, 12, 8, 16), 64, 48)).toEqual(hidden);
    for (const bad of [null, sides(0, 0, 0, 0), sides(24, 24, 0, 0), sides(0, 0, 2 ** 31, 0), sides(1)]) {
      expect(cropOf(bad, 64, 48)).toBeUndefined();
    }
  });
});

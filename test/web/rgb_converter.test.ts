/** @file RGB of decoded pictures on the page, against FFmpeg's: made-up pictures of several formats, sizes and codings. */

import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { loadFfmpeg } from '../../src/io/ffmpeg.ts';
import { UPRIGHT } from '../../src/io/orientation.ts';
import { RgbConverter as FfmpegConverter } from '../../src/io/picture.ts';
import type { Picture } from '../../web/video/picture.ts';
import { RgbConverter } from '../../web/video/rgb_converter.ts';

/** What FFmpeg calls a coding: its matrix and range. */
const CODINGS = {
  unknown: { matrix: null, fullRange: null, numbers: [2, 0] },
  'BT.601': { matrix: 'smpte170m', fullRange: false, numbers: [6, 1] },
  'BT.709': { matrix: 'bt709', fullRange: false, numbers: [1, 1] },
  'BT.709, full range': { matrix: 'bt709', fullRange: true, numbers: [1, 2] },
} as const;

/** Smooth and noisy, bright and dark: luma, then both chromas. */
function samples(width: number, height: number): Uint8Array {
  const random = new Random(7, 'samples');
  const plane = (columns: number, rows: number, phase: number): Uint8Array =>
    Uint8Array.from({ length: columns * rows }, (_, i) => {
      const [x, y] = [(i % columns) / columns, Math.floor(i / columns) / rows];
      return 128 + 90 * Math.sin(7 * x + phase) * Math.cos(5 * y - phase) + random.range(-25, 25);
    });
  const [columns, rows] = [(width + 1) >> 1, (height + 1) >> 1];
  return Buffer.concat([plane(width, height, 0), plane(columns, rows, 1), plane(columns, rows, 2)]);
}

function pictureOf(data: Uint8Array, width: number, height: number, coding: Picture['coding']): Picture {
  const [columns, rows] = [(width + 1) >> 1, (height + 1) >> 1];
  const chroma = (index: number) => ({
    data,
    offset: width * height + index * columns * rows,
    stride: columns,
    step: 1,
  });
  const planes = [{ data, offset: 0, stride: width, step: 1 }, chroma(0), chroma(1)] as const;
  return { width, height, bits: 8, coding, halfWidth: true, halfHeight: true, chromaLeft: false, planes };
}

describe('RGB of decoded pictures', () => {
  // FFmpeg computes by vector units, which round in their own way: those of x86-64 are copied.
  const slack = process.arch === 'x64' ? 0.03 : 2;

  for (const [name, { numbers, ...coding }] of Object.entries(CODINGS)) {
    it(`is what FFmpeg makes of them: ${name}`, async () => {
      const av = await loadFfmpeg();
      const [width, height] = [214, 120];
      const data = samples(width, height);
      for (const [toWidth, toHeight] of [
        [214, 120],
        [114, 64],
        [115, 64],
        [62, 36],
      ] as const) {
        const frame = av.Frame.fromVideoBuffer(Buffer.from(data), {
          width,
          height,
          format: av.AV_PIX_FMT_YUV420P,
          timeBase: { num: 1, den: 25 },
          pts: 0n,
        });
        frame.colorSpace = numbers[0] as typeof frame.colorSpace;
        frame.colorRange = numbers[1] as typeof frame.colorRange;
        const ffmpeg = new FfmpegConverter(av, toWidth, toHeight);
        const expected = (await ffmpeg.convert(frame, UPRIGHT, 'made up')).slice();
        ffmpeg.close();
        frame.free();
        const found = new RgbConverter(toWidth, toHeight).convert(pictureOf(data, width, height, coding));
        const differences = found.map((value, i) => Math.abs(value - expected[i]!));
        const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length;
        expect(mean, `${toWidth}×${toHeight}`).toBeLessThan(slack);
        expect(Math.max(...differences), `${toWidth}×${toHeight}`).toBeLessThanOrEqual(4);
      }
    });
  }

  it('leaves red, green and blue as they are where nothing is resized', () => {
    const data = Uint8Array.from({ length: 5 * 3 * 4 }, (_, i) => (i * 37) % 256);
    const plane = (offset: number) => ({ data, offset, stride: 20, step: 4 });
    const whole = { halfWidth: false, halfHeight: false, chromaLeft: false };
    const planes = [plane(0), plane(1), plane(2)] as const;
    const picture: Picture = { width: 5, height: 3, bits: 8, coding: 'rgb', ...whole, planes };
    expect(new RgbConverter(5, 3).convert(picture)).toEqual(data.filter((_, i) => i % 4 < 3));
  });
});

/** @file Pictures of four bytes a pixel on their way to RGB frames: packed, and resized. */

import { describe, expect, test } from 'vitest';
import { Program } from '../../src/gpu/program.ts';
import { wholeBuffer } from '../../src/gpu/resource.ts';
import { BufferUsage } from '../../src/gpu/usage.ts';
import { type AntialiasProblem, antialias } from '../../src/kernels/clip/antialias.ts';
import { packFloats, packRgb } from '../../src/kernels/clip/pack_rgb.ts';
import { frameBytes, normalisation } from '../../src/models/frames.ts';
import { Resizer } from '../../src/models/resize.ts';
import { uniform } from '../formula.ts';
import { testGpu } from '../harness.ts';
import { antialias as reference } from '../reference/resize.ts';

const gpu = testGpu();

/** The bytes that a kernel of one input makes; what it does not write is 7. */
async function bytesOf(
  kernel: Parameters<typeof Program.create>[2][number]['kernel'],
  input: ArrayBufferView<ArrayBuffer>,
  bytes: number,
): Promise<Uint8Array> {
  const from = gpu().upload('x', input, BufferUsage.STORAGE);
  const size = Math.ceil((bytes + 16) / 16) * 16;
  const to = gpu().upload('y', new Uint8Array(size).fill(7), BufferUsage.STORAGE | BufferUsage.COPY_SRC);
  const staging = gpu().createBuffer('read', size, BufferUsage.MAP_READ | BufferUsage.COPY_DST);
  const program = await Program.create(gpu(), 'test', [{ kernel, resources: [from, to].map(wholeBuffer) }]);
  const encoder = gpu().device.createCommandEncoder();
  program.encode(encoder);
  encoder.copyBufferToBuffer(to, 0, staging, 0, size);
  gpu().device.queue.submit([encoder.finish()]);
  const result = new Uint8Array(await gpu().read(staging, size));
  program.dispose();
  for (const buffer of [from, to, staging]) gpu().destroyBuffer(buffer);
  return result;
}

const pixels = (count: number) =>
  Uint8Array.from({ length: 4 * count }, (_, i) => Math.floor(256 * uniform('pixels', i)));

describe('pixels of four bytes become three', () => {
  test.each([
    [1, 1, 1],
    [3, 5, 7],
    [2, 4, 4],
    [5, 33, 19],
  ])('%i frames of %i×%i', async (frames, height, width) => {
    const rgba = pixels(frames * height * width);
    const count = frames * height * width * 3;
    const found = await bytesOf(packRgb({ frames, height, width }), rgba, count);
    expect([...found.subarray(0, count)]).toEqual([...rgba].filter((_, i) => i % 4 < 3));
    expect([...found.subarray(Math.ceil(count / 4) * 4)].every((byte) => byte === 7)).toBe(true);
  });

  test('of a part of each picture', async () => {
    const [frames, height, width] = [3, 5, 7];
    const rgba = pixels(frames * height * width);
    const problem = { frames, height: 3, width: 2, from: { height, width, top: 1, left: 4 } };
    const found = await bytesOf(packRgb(problem), rgba, frames * 18);
    const expected = Array.from({ length: frames * 18 }, (_, i) => {
      const [frame, row, column, c] = [Math.floor(i / 18), Math.floor(i / 6) % 3, Math.floor(i / 3) % 2, i % 3];
      return rgba[((frame * height + row + 1) * width + column + 4) * 4 + c];
    });
    expect([...found.subarray(0, frames * 18)]).toEqual(expected);
  });

  test('a network’s input becomes the bytes that it was made of', async () => {
    const [frames, height, width] = [2, 5, 7];
    const count = frames * height * width * 3;
    const statistics = { mean: [0.4, 0.5, 0.6], deviation: [0.2, 0.25, 0.3] } as const;
    const rgb = Uint8Array.from({ length: count }, (_, i) => (i * 29) % 256);
    for (const preprocessing of [undefined, statistics]) {
      const { scale, shift } = normalisation(preprocessing);
      const of = (value: typeof scale, c: number): number => (typeof value === 'number' ? value : value[c]!);
      const data = Float32Array.from(rgb, (byte, i) => byte * of(scale, i % 3) + of(shift, i % 3));
      const padded = Float32Array.from({ length: (count / 3) * 4 }, (_, i) =>
        i % 4 < 3 ? data[(i >> 2) * 3 + (i % 4)]! : 0,
      );
      const expected = frameBytes({ dtype: 'f32', shape: [frames, height, width, 3], data }, preprocessing).data;
      expect([...expected]).toEqual([...rgb]);
      const { mean = [0.5, 0.5, 0.5], deviation = [0.5, 0.5, 0.5] } = preprocessing ?? {};
      const back = {
        scale: deviation.map((d) => 255 * d) as unknown as readonly [number, number, number],
        shift: mean.map((m, i) => m / deviation[i]!) as unknown as readonly [number, number, number],
      };
      const found = await bytesOf(packFloats({ frames, height, width, ...back }), padded, count);
      expect([...found.subarray(0, count)]).toEqual([...rgb]);
    }
  });
});

describe('a picture is resized with antialiasing', () => {
  const cases: [string, AntialiasProblem][] = [
    ['one pixel', { picture: { height: 1, width: 1 }, resized: { height: 1, width: 1 } }],
    ['the same size', { picture: { height: 5, width: 7 }, resized: { height: 5, width: 7 } }],
    ['down', { picture: { height: 33, width: 47 }, resized: { height: 7, width: 10 } }],
    ['up', { picture: { height: 5, width: 3 }, resized: { height: 12, width: 11 } }],
    [
      'down and up, rows with padding, in the middle of the result',
      { picture: { height: 30, width: 6 }, pitch: 64, resized: { height: 8, width: 9 }, first: 13 },
    ],
  ];
  test.each(cases)('%s', async (_, problem) => {
    const { picture, pitch = picture.width, resized, first = 0 } = problem;
    const rgba = pixels(picture.height * picture.width);
    const rows = new Uint8Array(picture.height * pitch * 4).fill(99);
    for (let y = 0; y < picture.height; y++) {
      rows.set(rgba.subarray(y * picture.width * 4, (y + 1) * picture.width * 4), y * pitch * 4);
    }
    const count = resized.height * resized.width * 4;
    const found = (await bytesOf(antialias(problem), rows, first * 4 + count)).subarray(first * 4, first * 4 + count);
    const expected = reference(rgba, [picture.height, picture.width], [resized.height, resized.width]);
    // Rounded: by a little more than a half at most.
    found.forEach((byte, i) => void expect(Math.abs(byte - expected[i]!)).toBeLessThan(0.501));
    const rgb = rgba.filter((_, i) => i % 4 < 3);
    const host = new Resizer(picture.width, picture.height, resized.width, resized.height).resize(rgb);
    found
      .filter((_, i) => i % 4 < 3)
      .forEach((byte, i) => void expect(Math.abs(byte - host[i]!)).toBeLessThanOrEqual(1));
  });
});

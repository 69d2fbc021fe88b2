/** @file Puts pictures into the layouts of the TV-L1 kernels, runs steps on them and takes the results out again. */

import type { Kernel } from '../../src/core/kernel.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { Program } from '../../src/gpu/program.ts';
import { wholeBuffer } from '../../src/gpu/resource.ts';
import { BufferUsage } from '../../src/gpu/usage.ts';
import { planeOf, quadsOf } from '../../src/kernels/tvl1/layout.ts';
import { type Picture, picture } from './reference.ts';

export type Words = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Runs kernels in order; each names its buffers. Every buffer comes back as 32-bit words. */
export async function runSteps(
  gpu: Gpu,
  buffers: Readonly<Record<string, Words>>,
  steps: readonly { kernel: Kernel; on: readonly string[] }[],
): Promise<Record<string, Uint32Array>> {
  const names = Object.keys(buffers);
  const made = names.map((name) => gpu.upload(name, buffers[name]!, BufferUsage.STORAGE | BufferUsage.COPY_SRC));
  const staging = made.map((b) => gpu.createBuffer('read', b.size, BufferUsage.MAP_READ | BufferUsage.COPY_DST));
  const range = (name: string) => wholeBuffer(made[names.indexOf(name)]!);
  const program = await Program.create(
    gpu,
    'steps',
    steps.map(({ kernel, on }) => ({ kernel, resources: on.map(range) })),
  );
  await gpu.checked('steps', () => {
    const encoder = gpu.device.createCommandEncoder();
    program.encode(encoder);
    made.forEach((b, i) => {
      encoder.copyBufferToBuffer(b, 0, staging[i]!, 0, b.size);
    });
    gpu.device.queue.submit([encoder.finish()]);
  });
  const results: Record<string, Uint32Array> = {};
  for (const [i, name] of names.entries())
    results[name] = new Uint32Array(await gpu.read(staging[i]!, staging[i]!.size));
  program.dispose();
  for (const buffer of [...made, ...staging]) gpu.destroyBuffer(buffer);
  return results;
}

export const floats = (words: Uint32Array): Float32Array => new Float32Array(words.buffer);

/** Frames, rows padded to quads by `padding`. */
export function packFrames(frames: readonly Picture[], padding = 0): Float32Array<ArrayBuffer> {
  const extent = frames[0]!;
  const stride = quadsOf(extent) * 4;
  const out = new Float32Array(planeOf(extent) * 4 * frames.length).fill(padding);
  frames.forEach((frame, k) => {
    for (let y = 0; y < extent.height; y++) {
      out.set(frame.data.subarray(y * extent.width, (y + 1) * extent.width), k * planeOf(extent) * 4 + y * stride);
    }
  });
  return out;
}

export function unpackFrame(data: Float32Array, k: number, extent: { width: number; height: number }): Picture {
  const start = k * planeOf(extent) * 4;
  return picture(extent.width, extent.height, (x, y) => data[start + y * quadsOf(extent) * 4 + x]!);
}

/** Word of component c (0 … 3) of a pixel in data. */
export const dataWordAt = (
  extent: { width: number; height: number },
  pair: number,
  x: number,
  y: number,
  c: number,
): number => (pair * planeOf(extent) + y * quadsOf(extent) + (x >> 2)) * 16 + c * 4 + (x & 3);

/** Word of component c (0 or 1) of a pixel in u, dual_u or dual_v. */
export function wordAt(
  extent: { width: number; height: number },
  pair: number,
  x: number,
  y: number,
  c: number,
): number {
  return (pair * planeOf(extent) + y * quadsOf(extent) + (x >> 2)) * 8 + c * 4 + (x & 3);
}

/** Writes u and v of one pair into a half of the state, which begins at word `start`. */
export function packFlow(into: Float32Array, start: number, pair: number, u: Picture, v: Picture): void {
  for (let y = 0; y < u.height; y++) {
    for (let x = 0; x < u.width; x++) {
      into[start + wordAt(u, pair, x, y, 0)] = u.data[y * u.width + x]!;
      into[start + wordAt(u, pair, x, y, 1)] = v.data[y * u.width + x]!;
    }
  }
}

export function unpackFlow(
  data: Float32Array,
  start: number,
  pair: number,
  extent: { width: number; height: number },
): { u: Picture; v: Picture } {
  const part = (c: number): Picture =>
    picture(extent.width, extent.height, (x, y) => data[start + wordAt(extent, pair, x, y, c)]!);
  return { u: part(0), v: part(1) };
}

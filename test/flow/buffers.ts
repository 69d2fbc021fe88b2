/** @file Puts pictures into the layouts of the TV-L1 kernels, runs steps on them and takes the results out again. */

import { isTexels, type Kernel, TEXEL_COLUMNS } from '../../src/core/kernel.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { Program } from '../../src/gpu/program.ts';
import { type Resource, Texels, wholeBuffer } from '../../src/gpu/resource.ts';
import { BufferUsage, TextureUsage } from '../../src/gpu/usage.ts';
import { type DataIn, planeOf, quadsOf } from '../../src/kernels/tvl1/layout.ts';
import { type Picture, picture } from './reference.ts';

export type Words = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Runs kernels in order; each names its buffers, or textures where it wants texels. All come back as 32-bit words. */
export async function runSteps(
  gpu: Gpu,
  buffers: Readonly<Record<string, Words>>,
  steps: readonly { kernel: Kernel; on: readonly string[] }[],
): Promise<Record<string, Uint32Array>> {
  const names = Object.keys(buffers);
  const inTexels = new Set(steps.flatMap(({ kernel, on }) => textured(kernel, on)));
  const made = names.map(
    (name): Resource =>
      inTexels.has(name)
        ? texture(gpu, name, buffers[name]!)
        : wholeBuffer(gpu.upload(name, buffers[name]!, BufferUsage.STORAGE | BufferUsage.COPY_SRC)),
  );
  const staging = made.map((b) => gpu.createBuffer('read', b.size, BufferUsage.MAP_READ | BufferUsage.COPY_DST));
  const range = (name: string) => made[names.indexOf(name)]!;
  const program = await Program.create(
    gpu,
    'steps',
    steps.map(({ kernel, on }) => ({ kernel, resources: on.map(range) })),
  );
  await gpu.checked('steps', () => {
    const encoder = gpu.device.createCommandEncoder();
    program.encode(encoder);
    made.forEach((b, i) => {
      if (b instanceof Texels) {
        const to = { buffer: staging[i]!, bytesPerRow: 16 * TEXEL_COLUMNS };
        encoder.copyTextureToBuffer({ texture: b.texture }, to, [b.texture.width, b.texture.height]);
      } else encoder.copyBufferToBuffer(b.buffer, 0, staging[i]!, 0, b.size);
    });
    gpu.device.queue.submit([encoder.finish()]);
  });
  const results: Record<string, Uint32Array> = {};
  for (const [i, name] of names.entries())
    results[name] = new Uint32Array(await gpu.read(staging[i]!, staging[i]!.size));
  program.dispose();
  for (const resource of made) gpu.destroyResource(resource);
  for (const buffer of staging) gpu.destroyBuffer(buffer);
  return results;
}

/** Those of `on` that the kernel has as texels. */
function textured(kernel: Kernel, on: readonly string[]): string[] {
  const bindings = kernel.bindings.filter(({ kind }) => kind !== 'uniform');
  return on.filter((_, i) => isTexels(bindings[i]!.kind));
}

function texture(gpu: Gpu, name: string, words: Words): Texels {
  const COPY_SRC = 0x01;
  const usage = TextureUsage.STORAGE_BINDING | TextureUsage.COPY_DST | COPY_SRC;
  const texels = gpu.createTexels(name, Math.ceil(words.length / 4), usage);
  const all = new Float32Array(texels.size / 4);
  all.set(words);
  const { width, height } = texels.texture;
  gpu.device.queue.writeTexture({ texture: texels.texture }, all, { bytesPerRow: 16 * width }, [width, height]);
  return texels;
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
  dataIn: DataIn = 'buffer',
): number => {
  const quad = (pair * planeOf(extent) + y * quadsOf(extent) + (x >> 2)) * 16;
  return quad + (dataIn === 'texels' ? (x & 3) * 4 + c : c * 4 + (x & 3));
};

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

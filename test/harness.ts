/**
 * @file Runs one kernel on real data: packs activations into their views, uploads, dispatches, reads back and unpacks.
 *
 * Around and between what a view covers the buffers hold poison: NaN in inputs, so that a read outside shows in the result,
 * and a marker in outputs, so that a write outside shows. Padding lanes of outputs must come back as zero where the channels
 * beside them are finite.
 */

import { afterAll, beforeAll, expect } from 'vitest';
import type { Kernel } from '../src/core/kernel.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { Program } from '../src/gpu/program.ts';
import { type Resource, wholeBuffer } from '../src/gpu/resource.ts';
import { BufferUsage } from '../src/gpu/usage.ts';
import { pixelsOf, type View, vec4s } from '../src/kernels/shared/view.ts';
import { type NodeGpuOptions, openGpu } from '../src/node.ts';

/** A device for all tests of a file, opened before them and disposed of after them. */
export function testGpu(options: NodeGpuOptions = {}): () => Gpu {
  let gpu: Gpu | undefined;
  beforeAll(async () => {
    gpu = await openGpu(options);
  });
  afterAll(() => gpu?.dispose());
  return () => gpu!;
}

/** Values N T H W C, dense, and the view that they go to or come from. */
export interface Activation {
  readonly view: View;
  readonly data: Float32Array | Float64Array;
}

/** The contents of a buffer. */
type Words = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

export interface KernelRun {
  /** By binding name: activations, or the contents of a buffer as they are. */
  readonly inputs: Readonly<Record<string, Activation | Words>>;
  /** By binding name; with data where the kernel leaves part of an output as it was. */
  readonly outputs: Readonly<Record<string, View | Activation>>;
}

const MARKER = 12345.75;
/** vec4 after the end of a view. */
const SLACK = 4;

/** The outputs, N T H W C, dense, by binding name. */
export async function runKernel(gpu: Gpu, kernel: Kernel, run: KernelRun): Promise<Record<string, Float32Array>> {
  const made: Resource[] = [];
  const upload = (name: string, data: Words): GPUBuffer => {
    const buffer = gpu.upload(name, data, BufferUsage.STORAGE | BufferUsage.COPY_SRC);
    made.push(wholeBuffer(buffer));
    return buffer;
  };
  const outputs = Object.entries(run.outputs).map(([name, output]) => {
    const activation = 'view' in output ? output : { view: output, data: undefined };
    return { name, ...activation, buffer: upload(name, pack(activation.view, activation.data, MARKER)) };
  });
  const inTexels = new Set(kernel.bindings.filter(({ kind }) => kind === 'texels').map(({ name }) => name));
  const inputs = Object.entries(run.inputs).map(([name, input]) => {
    const data = 'view' in input ? pack(input.view, input.data, Number.NaN) : input;
    if (!inTexels.has(name)) return { name, resource: wholeBuffer(upload(name, data)) };
    const texels = gpu.uploadConstant(name, data as Float32Array<ArrayBuffer>, true);
    made.push(texels);
    return { name, resource: texels };
  });
  const byName = new Map<string, Resource>([
    ...inputs.map(({ name, resource }) => [name, resource] as const),
    ...outputs.map(({ name, buffer }) => [name, wholeBuffer(buffer)] as const),
  ]);
  const resources = kernel.bindings
    .filter((binding) => binding.kind !== 'uniform')
    .map(({ name }) => {
      const resource = byName.get(name);
      if (!resource) throw new Error(`Nothing was given for binding ${name} of ${kernel.name}.`);
      return resource;
    });
  const program = await Program.create(gpu, kernel.name, [{ kernel, resources }]);
  try {
    const read = await gpu.checked(kernel.name, () => {
      const encoder = gpu.device.createCommandEncoder();
      program.encode(encoder);
      const staging = outputs.map(({ name, buffer }) => {
        const copy = gpu.createBuffer(name, buffer.size, BufferUsage.MAP_READ | BufferUsage.COPY_DST);
        made.push(wholeBuffer(copy));
        encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
        return copy;
      });
      gpu.device.queue.submit([encoder.finish()]);
      return staging;
    });
    const results: Record<string, Float32Array> = {};
    for (const [i, { name, view }] of outputs.entries()) {
      const values = new Float32Array(await gpu.read(read[i]!, read[i]!.size));
      results[name] = unpack(view, values, `${name} of ${kernel.name}`);
    }
    return results;
  } finally {
    program.dispose();
    for (const resource of made) gpu.destroyResource(resource);
  }
}

/** Where channel `c` of pixel `i` lies. */
const slot = (view: View, pixel: number, c: number): number => 4 * (view.base + pixel * view.stride) + c;

/** The buffer of a view: `data` with zeros in the padding lanes, `rest` everywhere else (everywhere without data). */
export function pack(view: View, data: Activation['data'] | undefined, rest: number): Float32Array<ArrayBuffer> {
  const [pixels, channels] = [pixelsOf(view), view.shape[4]];
  const packed = new Float32Array(slot(view, pixels, 0) + 4 * SLACK).fill(rest);
  if (!data) return packed;
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let c = 0; c < 4 * vec4s(channels); c++) {
      packed[slot(view, pixel, c)] = c < channels ? data[pixel * channels + c]! : 0;
    }
  }
  return packed;
}

/** Whether all channels of a pixel are finite. Where they are not, padding lanes may be NaN: 0 · ∞ and 0 · NaN are. */
function isFinitePixel(view: View, packed: Float32Array, pixel: number): boolean {
  const first = slot(view, pixel, 0);
  return packed.subarray(first, first + view.shape[4]).every(Number.isFinite);
}

export function unpack(view: View, packed: Float32Array, what: string): Float32Array {
  const [pixels, channels] = [pixelsOf(view), view.shape[4]];
  const data = new Float32Array(pixels * channels);
  let [padding, outside] = [0, 0];
  const seen = new Uint8Array(packed.length);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let c = 0; c < 4 * vec4s(channels); c++) {
      const at = slot(view, pixel, c);
      seen[at] = 1;
      if (c < channels) data[pixel * channels + c] = packed[at]!;
      else if (packed[at] !== 0 && !(Number.isNaN(packed[at]) && !isFinitePixel(view, packed, pixel))) padding++;
    }
  }
  for (let i = 0; i < packed.length; i++) if (!seen[i] && packed[i] !== MARKER) outside++;
  expect(padding, `padding lanes of ${what} that are not zero`).toBe(0);
  expect(outside, `values outside ${what} that were written`).toBe(0);
  return data;
}

/**
 * Fails unless the largest difference is within `tolerance` of the largest magnitude.
 */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5): void {
  expect(actual.length).toBe(expected.length);
  let [largest, worst, at] = [0, 0, 0];
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]!));
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    // Written so that NaN counts as the worst.
    if (!(difference <= worst)) [worst, at] = [difference, i];
    if (Number.isNaN(worst)) break;
  }
  expect(
    worst / (largest || 1),
    `difference at ${at}: ${actual[at]} instead of ${expected[at]}, relative to the largest magnitude ${largest}`,
  ).toBeLessThanOrEqual(tolerance);
}

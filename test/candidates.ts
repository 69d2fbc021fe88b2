/**
 * @file Runs a candidate of an operator on buffers of its own, with poison around what views cover: inputs and scratch memory
 * hold NaN, outputs a marker. Inputs with a storage are buffers, the others parameters that constants are made from.
 */

import { expect } from 'vitest';
import { floatToHalf, halfToFloat } from '../src/core/half.ts';
import { floatTensor, type Shape } from '../src/core/tensor.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { Program } from '../src/gpu/program.ts';
import { type Resource, wholeBuffer } from '../src/gpu/resource.ts';
import { BufferUsage } from '../src/gpu/usage.ts';
import { DeviceConstants } from '../src/graph/constants.ts';
import { viewShape } from '../src/kernels/shared/layout.ts';
import { denseView, pixelsOf, type View, vec4Bytes, vec4s } from '../src/kernels/shared/view.ts';
import {
  type Candidate,
  constantsOf,
  f32,
  type NodeOperands,
  type Operand,
  operand as operandAt,
} from '../src/ops/operator.ts';
import { FULL } from './full.ts';

/** f16 has it, too. */
const MARKER = 1000.5;

let nextStorage = 0;

/** A tensor in memory of its own, or in the middle of a wider one. */
export function operand(shape: Shape, sliced = false, half = false): Operand {
  const extents = viewShape(shape);
  const whole: View = sliced ? { shape: extents, stride: vec4s(extents[4]) + 3, base: 2 } : denseView(extents);
  const view = half ? { ...whole, half } : whole;
  const storageBytes = vec4Bytes(view) * (view.base + pixelsOf(view) * view.stride);
  return operandAt(half ? { dtype: 'f16', shape } : f32(shape), view, nextStorage++, storageBytes);
}

/** A tensor that is known on the host. */
export function parameter(shape: Shape): Operand {
  return operandAt(f32(shape), denseView(viewShape(shape)), -1, 0);
}

/** The name without the sizes at its end: `tiled` of `tiled 64×64×16 8×8`. */
const familyOf = (name: string): string => name.replace(/( [\d×]+)+$/, '');

/** All candidates in the full run; else of each family the one with the shortest shaders. */
export function oneOfEachFamily(candidates: readonly Candidate[]): readonly Candidate[] {
  if (FULL) return candidates;
  const length = (candidate: Candidate): number =>
    candidate.lower().reduce((sum, { kernel }) => sum + kernel.wgsl.length, 0);
  const families = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const family = familyOf(candidate.name);
    const before = families.get(family);
    if (!before || length(candidate) < length(before)) families.set(family, candidate);
  }
  return [...families.values()];
}

/**
 * The outputs, dense.
 * @param data The inputs' values, dense
 * @param limit Bytes that a binding of activations or scratch memory may cover
 */
export async function runCandidate(
  gpu: Gpu,
  candidate: Candidate,
  { inputs, outputs }: NodeOperands,
  data: readonly Float32Array[],
  limit = Number.POSITIVE_INFINITY,
): Promise<Float32Array[]> {
  const made: Resource[] = [];
  const constants = new DeviceConstants(gpu);
  const keep = <T extends Resource>(resource: T): T => {
    made.push(resource);
    return resource;
  };
  const upload = (values: Float32Array<ArrayBuffer>, { half = false }: { half?: boolean } = {}): GPUBuffer => {
    const stored = half ? Uint16Array.from(values, floatToHalf) : values;
    return keep(wholeBuffer(gpu.upload(candidate.name, stored, BufferUsage.STORAGE | BufferUsage.COPY_SRC))).buffer;
  };
  const scratch = (sizes: readonly number[]): GPUBuffer[] =>
    sizes.map((bytes) => upload(new Float32Array(bytes / 4).fill(Number.NaN)));
  const tensors = inputs.map(({ type }, i) => floatTensor(type.shape, data[i]!));
  // Slices of one tensor share its buffer.
  const outputBuffers: GPUBuffer[] = [];
  for (const [i, output] of outputs.entries()) {
    const first = outputs.findIndex(({ storage }) => storage === output.storage);
    const values = () => new Float32Array(valuesOf(output)).fill(MARKER);
    outputBuffers.push(first < i ? outputBuffers[first]! : upload(values(), output.view));
  }
  const buffers = {
    input: inputs.map((input, i) => (input.storage < 0 ? undefined : upload(pack(input, data[i]!), input.view))),
    output: outputBuffers,
    workspace: scratch(candidate.workspaces),
    packed: scratch(candidate.packs ?? []),
  };
  const dispatches = candidate.lower();
  const packed = await constants.get(
    constantsOf(dispatches).map((argument) => ({
      key: `${argument.layout} ${argument.inputs.join()}`,
      argument,
      parameters: () => argument.inputs.map((index) => tensors[index]!),
    })),
  );
  const bound = packed.values();
  const steps = dispatches.map(({ kernel, args }) => ({
    kernel,
    resources: args.map((argument, i): Resource => {
      if (argument.from === 'constant') return bound.next().value!;
      const buffer = buffers[argument.from][argument.index]!;
      const offset = argument.offset ?? 0;
      const range = { buffer, offset, size: argument.size ?? buffer.size - offset };
      // Weights are never cut.
      const { kind } = kernel.bindings.filter((binding) => binding.kind !== 'uniform')[i]!;
      if (kind === 'storage' && argument.from !== 'packed') {
        expect(range.size, `a binding of ${candidate.name}`).toBeLessThanOrEqual(limit);
      }
      return range;
    }),
  }));
  const program = await Program.create(gpu, candidate.name, steps);
  try {
    const staging = await gpu.checked(candidate.name, () => {
      const encoder = gpu.device.createCommandEncoder();
      program.encode(encoder);
      const copies = buffers.output.map((buffer) => {
        const usage = BufferUsage.MAP_READ | BufferUsage.COPY_DST;
        const copy = keep(wholeBuffer(gpu.createBuffer('copy', buffer.size, usage))).buffer;
        encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
        return copy;
      });
      gpu.device.queue.submit([encoder.finish()]);
      return copies;
    });
    const results: Float32Array[] = [];
    for (const [i, { view, storage }] of outputs.entries()) {
      const bytes = await gpu.read(staging[i]!, staging[i]!.size);
      const stored = view.half ? Float32Array.from(new Uint16Array(bytes), halfToFloat) : new Float32Array(bytes);
      const beside = outputs.filter((other) => other.storage === storage).map((other) => other.view);
      results.push(unpack(view, beside, stored.subarray(0, valuesOf(outputs[i]!)), candidate.name));
    }
    return results;
  } finally {
    program.dispose();
    constants.dispose();
    for (const resource of made) gpu.destroyResource(resource);
  }
}

/** In an operand's storage. */
const valuesOf = ({ storageBytes, view }: Operand): number => (4 * storageBytes) / vec4Bytes(view);

function pack(operand: Operand, data: Float32Array): Float32Array<ArrayBuffer> {
  const { view } = operand;
  const packed = new Float32Array(valuesOf(operand)).fill(Number.NaN);
  const [channels, width] = [view.shape[4], 4 * vec4s(view.shape[4])];
  for (let pixel = 0; pixel < pixelsOf(view); pixel++) {
    const from = 4 * (view.base + pixel * view.stride);
    packed.fill(0, from, from + width);
    packed.set(data.subarray(pixel * channels, (pixel + 1) * channels), from);
  }
  return packed;
}

/** @param all All outputs in this memory. */
function unpack(view: View, all: readonly View[], packed: Float32Array, what: string): Float32Array {
  const [channels, width] = [view.shape[4], 4 * vec4s(view.shape[4])];
  const data = new Float32Array(pixelsOf(view) * channels);
  const written = new Uint8Array(packed.length);
  for (let pixel = 0; pixel < pixelsOf(view); pixel++) {
    const from = 4 * (view.base + pixel * view.stride);
    data.set(packed.subarray(from, from + channels), pixel * channels);
    const padding = packed.subarray(from + channels, from + width);
    // Beside channels that are not, they may be NaN: 0 · ∞ and 0 · NaN are.
    const finite = packed.subarray(from, from + channels).every(Number.isFinite);
    expect(
      padding.every((value) => value === 0 || (Number.isNaN(value) && !finite)),
      `padding lanes of ${what} are zero`,
    ).toBe(true);
  }
  for (const other of all) {
    for (let pixel = 0; pixel < pixelsOf(other); pixel++) {
      const from = 4 * (other.base + pixel * other.stride);
      written.fill(1, from, from + 4 * vec4s(other.shape[4]));
    }
  }
  expect(
    packed.every((value, at) => written[at] === 1 || value === MARKER),
    `${what} writes nothing outside its outputs`,
  ).toBe(true);
  return data;
}

/**
 * @file Runs an operator's candidate on real data, without a graph: every operand and workspace has a buffer of its own, with
 * poison around what its view covers (see harness.ts). Results come from memory that the candidate's dispatches wrote.
 */

import type { DeviceProfile } from '../src/core/kernel.ts';
import type { Shape } from '../src/core/tensor.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { Program } from '../src/gpu/program.ts';
import { BufferUsage } from '../src/gpu/usage.ts';
import { viewShape } from '../src/kernels/shared/layout.ts';
import { type View, vec4s } from '../src/kernels/shared/view.ts';
import { type Argument, f32, inPlaceOf, type Operator, operand } from '../src/ops/operator.ts';
import { pack, unpack } from './harness.ts';

/** A tensor for an operator; `slice` vec4 lie before it, and between its pixels. */
export interface Tensor {
  readonly shape: Shape;
  readonly data: Float32Array | Float64Array;
  readonly slice?: number;
}

export interface OperatorRun {
  /** Facts about the device to be taken for others, such as `{ software: false }`. */
  readonly profile?: Partial<DeviceProfile>;
  /** Outputs are slices too, with so many vec4 between their pixels. */
  readonly slice?: number;
  /** Name of the candidate; the first one where left out. */
  readonly candidate?: string;
}

const MARKER = 12345.75;

function sliced(shape: Shape, slice: number): View {
  const extents = viewShape(shape);
  return { shape: extents, stride: vec4s(extents[4]) + slice, base: slice };
}

/** The outputs in order, dense. */
export async function runOperator<A extends object>(
  gpu: Gpu,
  operator: Operator<A>,
  attributes: A,
  inputs: readonly Tensor[],
  run: OperatorRun = {},
): Promise<Float32Array[]> {
  const { type } = operator;
  const made: GPUBuffer[] = [];
  const usage = BufferUsage.STORAGE | BufferUsage.COPY_SRC;
  const upload = (name: string, data: Float32Array<ArrayBuffer>): GPUBuffer => {
    const buffer = gpu.upload(name, data, usage);
    made.push(buffer);
    return buffer;
  };
  const types = inputs.map(({ shape }) => f32(shape));
  const views = inputs.map(({ shape, slice = 0 }) => sliced(shape, slice));
  const inPlace = inPlaceOf(operator, inputs.length);
  const changed = new Set(inPlace);
  const inputBuffers = inputs.map(({ data }, i) =>
    upload(`input ${i}`, pack(views[i]!, data, changed.has(i) ? MARKER : Number.NaN)),
  );
  const outputs = operator.infer(attributes, types).map((type, i) => {
    const shared = inPlace[i];
    const view = shared === undefined ? sliced(type.shape, run.slice ?? 0) : views[shared]!;
    const buffer = shared === undefined ? upload(`output ${i}`, pack(view, undefined, MARKER)) : inputBuffers[shared]!;
    return { type, view, buffer, storage: shared ?? inputs.length + i };
  });
  const io = {
    inputs: inputs.map(({ shape }, i) => operand(f32(shape), views[i]!, i, inputBuffers[i]!.size)),
    outputs: outputs.map(({ type, view, storage, buffer }) => operand(type, view, storage, buffer.size)),
  };
  const candidates = await operator.candidates(attributes, io, { ...gpu.profile, ...run.profile });
  const candidate = run.candidate ? candidates.find(({ name }) => name === run.candidate)! : candidates[0]!;
  const workspaces = candidate.workspaces.map((size, i) =>
    upload(`workspace ${i}`, new Float32Array(Math.ceil(size / 4)).fill(Number.NaN)),
  );
  const buffers = { input: inputBuffers, output: outputs.map(({ buffer }) => buffer), workspace: workspaces };
  const range = (argument: Argument) => {
    if (argument.from === 'packed') throw new Error('packs are not supported here');
    if (argument.from === 'constant') {
      const buffer = gpu.upload('constant', argument.make([]) as Float32Array<ArrayBuffer>, BufferUsage.STORAGE);
      made.push(buffer);
      return { buffer, offset: 0, size: buffer.size };
    }
    const buffer = buffers[argument.from][argument.index]!;
    return { buffer, offset: argument.offset ?? 0, size: argument.size ?? buffer.size };
  };
  const steps = candidate.lower().map(({ kernel, args }) => ({ kernel, resources: args.map(range) }));
  const program = await Program.create(gpu, type, steps);
  try {
    const staging = await gpu.checked(type, () => {
      const encoder = gpu.device.createCommandEncoder();
      program.encode(encoder);
      const copies = outputs.map(({ buffer }, i) => {
        const copy = gpu.createBuffer(`result ${i}`, buffer.size, BufferUsage.MAP_READ | BufferUsage.COPY_DST);
        made.push(copy);
        encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
        return copy;
      });
      gpu.device.queue.submit([encoder.finish()]);
      return copies;
    });
    const results: Float32Array[] = [];
    for (const [i, { view }] of outputs.entries()) {
      const values = new Float32Array(await gpu.read(staging[i]!, staging[i]!.size));
      results.push(unpack(view, values, `output ${i} of ${type}`));
    }
    return results;
  } finally {
    program.dispose();
    for (const buffer of made) gpu.destroyBuffer(buffer);
  }
}

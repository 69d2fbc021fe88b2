/** @file Runs candidates of one case: buffers once, then for each candidate compile, check, and time it where that is asked for. */

import { floatToHalf, toFloat32 } from '../src/core/half.ts';
import type { FloatTensor } from '../src/core/tensor.ts';
import { floatTensor, sizeOf } from '../src/core/tensor.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { DeviceLostError } from '../src/gpu/errors.ts';
import { Program } from '../src/gpu/program.ts';
import { type Resource, wholeBuffer } from '../src/gpu/resource.ts';
import { BufferUsage } from '../src/gpu/usage.ts';
import type { ChoiceNode } from '../src/graph/choose.ts';
import { DeviceConstants } from '../src/graph/constants.ts';
import { isOp } from '../src/graph/graph.ts';
import { viewShape } from '../src/kernels/shared/layout.ts';
import { padChannels, unpad } from '../src/kernels/shared/stored.ts';
import { denseView } from '../src/kernels/shared/view.ts';
import { bestFirst } from '../src/ops/estimate.ts';
import { operators } from '../src/ops/index.ts';
import {
  type Argument,
  type Candidate,
  constantsOf,
  type NodeOperands,
  type Operand,
  operand as operandAt,
  storedBytes,
  type TensorType,
} from '../src/ops/operator.ts';
import { type Case, parameterInputs } from './cases.ts';
import { cheapNoise } from './i3d.ts';
import { type Timing, type TimingOptions, timeProgram } from './measure.ts';
import { type Oracle, oracle, TOLERANCE } from './oracle.ts';

export interface Trial {
  readonly candidate: string;
  readonly accuracy: Candidate['accuracy'];
  /** Largest difference over the largest magnitude. */
  readonly error: number;
  /** Milliseconds; undefined where the result was wrong, or nobody asked. */
  readonly timing: Timing | undefined;
  readonly compileMs: number;
  /** Why there is no time. */
  readonly problem?: string;
}

/** What a case is computed on. */
interface Material {
  /** Values of the inputs, dense. */
  readonly data: readonly Float32Array<ArrayBuffer>[];
  /** Undefined for parameters, which candidates have packed. */
  readonly inputs: readonly (GPUBuffer | undefined)[];
  readonly outputs: readonly GPUBuffer[];
}

export class Workbench {
  readonly operands: NodeOperands;
  /** Both are made when they are needed: they take a moment. */
  private made: Material | undefined;
  private oracle: Oracle | undefined;
  /** A result that passed: others must agree with it everywhere, not only at the samples. */
  private accepted: { readonly results: readonly Float32Array[]; readonly tolerance: number } | undefined;

  constructor(
    private readonly gpu: Gpu,
    readonly subject: Case,
  ) {
    const { inputs, outputs } = subject;
    const parameters = parameterInputs(subject);
    this.operands = {
      inputs: inputs.map((type, i) => operand(type, parameters.has(i) ? -1 : i)),
      outputs: isOp(subject.node, operators.conv3dBranches)
        ? slices(outputs, inputs.length)
        : outputs.map((type, i) => operand(type, inputs.length + i)),
    };
  }

  private get material(): Material {
    this.made ??= makeMaterial(this.gpu, this.subject, this.operands);
    return this.made;
  }

  /** The operator's own candidates, the best guess first. */
  async candidates(): Promise<Candidate[]> {
    const { node } = this.subject;
    const { profile } = this.gpu;
    return bestFirst(await node.operator.candidates(node.attributes, this.operands, profile), profile);
  }

  /** The case as a graph's node, for those who choose. */
  async entry(): Promise<ChoiceNode> {
    const { name, node } = this.subject;
    const candidates = await this.candidates();
    return { node: { ...node, name, inputs: [], outputs: [] }, operands: this.operands, candidates };
  }

  /**
   * @param options Without them it is only checked.
   * @throws DeviceLostError; other errors are the trial's problem.
   */
  run(candidate: Candidate, options?: TimingOptions): Promise<Trial> {
    return this.trial(candidate, async (program) => {
      const judgement = this.judge(await this.results(program), this.tolerance(candidate.accuracy));
      if (judgement.problem || !options) return { ...judgement, timing: undefined };
      return { ...judgement, timing: await timeProgram(this.gpu, program, options) };
    });
  }

  private async trial(
    candidate: Candidate,
    work: (program: Program) => Promise<Pick<Trial, 'error' | 'timing' | 'problem'>>,
  ): Promise<Trial> {
    const made: Resource[] = [];
    const constants = new DeviceConstants(this.gpu);
    const { name, accuracy } = candidate;
    try {
      const start = performance.now();
      const program = await this.compile(candidate, constants, made);
      const compileMs = performance.now() - start;
      try {
        return { candidate: name, accuracy, compileMs, ...(await work(program)) };
      } finally {
        program.dispose();
      }
    } catch (error) {
      if (error instanceof DeviceLostError) throw error;
      const problem = error instanceof Error ? error.message : String(error);
      return { candidate: name, accuracy, error: Number.NaN, compileMs: Number.NaN, timing: undefined, problem };
    } finally {
      constants.dispose();
      for (const resource of made) this.gpu.destroyResource(resource);
    }
  }

  /**
   * Times a candidate that was found right elsewhere, and does not look at what it computes: its error is NaN.
   * @throws DeviceLostError; other errors are the trial's problem.
   */
  time(candidate: Candidate, options: TimingOptions): Promise<Trial> {
    return this.trial(candidate, async (program) => {
      await program.profile();
      return { error: Number.NaN, timing: await timeProgram(this.gpu, program, options) };
    });
  }

  /** Compiles the kernels of candidates side by side; those that fail say so when they are run. */
  async prepare(candidates: readonly Candidate[]): Promise<void> {
    const kernels = candidates.flatMap((candidate) => candidate.lower().map(({ kernel }) => kernel));
    await Promise.allSettled(kernels.map((kernel) => this.gpu.pipelines.get(kernel)));
  }

  dispose(): void {
    const { inputs = [], outputs = [] } = this.made ?? {};
    for (const buffer of new Set([...inputs, ...outputs])) if (buffer) this.gpu.destroyBuffer(buffer);
  }

  private async compile(candidate: Candidate, constants: DeviceConstants, made: Resource[]): Promise<Program> {
    const keep = <T extends Resource>(resource: T): T => {
      made.push(resource);
      return resource;
    };
    const scratch = (sizes: readonly number[], what: string) =>
      sizes.map(
        (size, i) => keep(wholeBuffer(this.gpu.createBuffer(`${what} ${i}`, size, BufferUsage.STORAGE))).buffer,
      );
    const { data, inputs, outputs } = this.material;
    const buffers = {
      input: inputs,
      output: outputs,
      workspace: scratch(candidate.workspaces, 'workspace'),
      packed: scratch(candidate.packs ?? [], 'packed'),
    };
    const tensors = (indices: readonly number[]): FloatTensor[] =>
      indices.map((i) => floatTensor(this.subject.inputs[i]!.shape, data[i]!));
    const dispatches = candidate.lower();
    const packed = await constants.get(
      constantsOf(dispatches).map((argument) => ({
        key: `${argument.layout} ${argument.inputs.join()}`,
        argument,
        parameters: () => tensors(argument.inputs),
      })),
    );
    const bound = packed.values();
    const resolve = (argument: Argument): Resource => {
      if (argument.from === 'constant') return bound.next().value!;
      const { from, index, offset = 0, size } = argument;
      const buffer = buffers[from][index]!;
      return { buffer, offset, size: size ?? buffer.size - offset };
    };
    const steps = dispatches.map(({ kernel, args }) => ({ kernel, resources: args.map(resolve) }));
    return Program.create(this.gpu, candidate.name, steps);
  }

  /** Runs once over outputs that hold NaN, so that a value nobody wrote shows. */
  private async results(program: Program): Promise<Float32Array[]> {
    const { gpu } = this;
    const { outputs } = this.material;
    const staging = outputs.map((buffer) =>
      gpu.createBuffer('results', buffer.size, BufferUsage.MAP_READ | BufferUsage.COPY_DST),
    );
    try {
      await gpu.checked(this.subject.name, () => {
        for (const buffer of outputs) {
          gpu.device.queue.writeBuffer(buffer, 0, new Uint16Array(buffer.size / 2).fill(NAN_TWICE));
        }
        const encoder = gpu.device.createCommandEncoder();
        program.encode(encoder);
        outputs.forEach((buffer, i) => {
          encoder.copyBufferToBuffer(buffer, 0, staging[i]!, 0, buffer.size);
        });
        gpu.device.queue.submit([encoder.finish()]);
      });
      const read: Float32Array[] = [];
      for (const [i, buffer] of staging.entries()) {
        const type = this.subject.outputs[i]!;
        const bytes = await gpu.read(buffer, this.operands.outputs[i]!.storageBytes);
        const values =
          type.dtype === 'f16'
            ? toFloat32({ dtype: 'f16', shape: type.shape, data: new Uint16Array(bytes) }, type.dtype).data
            : new Float32Array(bytes);
        read.push(unpad(values, this.operands.outputs[i]!.view));
      }
      return read;
    } finally {
      for (const buffer of staging) gpu.destroyBuffer(buffer);
    }
  }

  /** Half of the last of 11 bits is more where the result is rounded to them. */
  private tolerance(accuracy: Candidate['accuracy']): number {
    return TOLERANCE[accuracy] + (this.subject.outputs.some(({ dtype }) => dtype === 'f16') ? 2 ** -11 : 0);
  }

  private judge(results: readonly Float32Array[], tolerance: number): { error: number; problem?: string } {
    this.oracle ??= oracle(this.subject, this.material.data);
    const error = this.oracle.error(results);
    if (!(error <= tolerance)) return { error, problem: `wrong by ${error.toExponential(1)} at a sample` };
    if (results.some((values) => values.some(Number.isNaN))) return { error, problem: 'left outputs unwritten' };
    this.accepted ??= { results, tolerance };
    const apart = largestDifference(results, this.accepted.results);
    if (apart > tolerance + this.accepted.tolerance) {
      return { error: apart, problem: `${apart.toExponential(1)} apart from another candidate` };
    }
    return { error };
  }
}

function makeMaterial(gpu: Gpu, subject: Case, operands: NodeOperands): Material {
  const { inputs } = subject;
  const parameters = parameterInputs(subject);
  // Weights by fan-in keep results near 1, as in a network.
  const fanIn = (shape: readonly number[]) => Math.sqrt(3 / sizeOf(shape.slice(0, -1)));
  const scale = (shape: readonly number[], i: number) => (shape.length === 5 && parameters.has(i) ? fanIn(shape) : 1);
  const data = inputs.map(({ dtype, shape }, i) => {
    const values = cheapNoise(i, sizeOf(shape), scale(shape, i));
    // Multiples of 2⁻¹⁰ are the same in f16.
    return dtype === 'f16' ? values.map((value) => Math.round(value * 1024) / 1024) : values;
  });
  const usage = BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST;
  const outputs: GPUBuffer[] = [];
  for (const [i, { storage, storageBytes }] of operands.outputs.entries()) {
    const first = operands.outputs.findIndex((other) => other.storage === storage);
    outputs.push(first < i ? outputs[first]! : gpu.createBuffer(`y${i}`, storageBytes, usage));
  }
  return {
    data,
    inputs: inputs.map((type, i) =>
      parameters.has(i) ? undefined : gpu.upload(`x${i}`, stored(type, data[i]!), usage),
    ),
    outputs,
  };
}

/** NaN as f16 and, twice, as f32. */
const NAN_TWICE = 0x7fff;

function stored(
  { dtype, shape }: TensorType,
  data: Float32Array,
): Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  const padded = padChannels(data, shape.at(-1));
  return dtype === 'f16' ? Uint16Array.from(padded, floatToHalf) : padded;
}

function operand(type: TensorType, storage: number): Operand {
  const view = denseView(viewShape(type.shape));
  return operandAt(type, type.dtype === 'f16' ? { ...view, half: true } : view, storage, storedBytes(type));
}

/** Outputs as a concatenation has them: slices of one tensor. */
function slices(types: readonly TensorType[], storage: number): Operand[] {
  const alone = types.map((type) => operand(type, storage));
  const stride = alone.reduce((sum, { view }) => sum + view.stride, 0);
  const storageBytes = types.reduce((sum, type) => sum + storedBytes(type), 0);
  let base = 0;
  return alone.map(({ type, view }) => {
    const slice = { ...view, base, stride };
    base += view.stride;
    return operandAt(type, slice, storage, storageBytes);
  });
}

/** Largest difference over the largest magnitude. */
function largestDifference(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let [worst, largest] = [0, 0];
  a.forEach((values, i) => {
    const others = b[i]!;
    for (let j = 0; j < values.length; j++) {
      worst = Math.max(worst, Math.abs(values[j]! - others[j]!));
      largest = Math.max(largest, Math.abs(others[j]!));
    }
  });
  return worst / (largest || 1);
}

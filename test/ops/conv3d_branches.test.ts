import { describe, expect, it } from 'vitest';
import type { DeviceProfile } from '../../src/core/kernel.ts';
import { denseView, vec4s } from '../../src/kernels/shared/view.ts';
import { type BranchesAttributes, conv3dBranches } from '../../src/ops/conv3d/branches.ts';
import { f32, type NodeOperands, operand as operandAt } from '../../src/ops/operator.ts';
import { resolvePadding, windowOutput } from '../../src/ops/sliding_window.ts';
import { oneOfEachFamily, operand, parameter, runCandidate } from '../candidates.ts';
import { fill } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';
import { conv3d } from '../reference/conv3d.ts';
import { type Shape5, sizeOf5 } from '../reference/volume.ts';

type Triple = readonly [number, number, number];

interface Case {
  readonly name: string;
  /** N T H W. */
  readonly pixels: readonly [number, number, number, number];
  /** Of each branch: input channels and the channels of each output. */
  readonly branches: readonly [Channels, Channels];
  readonly kernel: Triple;
  readonly stride?: Triple;
  readonly bias?: boolean;
  readonly relu?: boolean;
  /** Outputs by index that are slices of one tensor, in its order. */
  readonly concatenated?: readonly number[];
  /** Of those computed in shared dispatches. */
  readonly has: readonly string[];
}

interface Channels {
  readonly cin: number;
  readonly outputs: readonly number[];
}

const CASES: readonly Case[] = [
  {
    name: '3×3×3 of two branches, slices beside each other',
    pixels: [1, 3, 7, 6],
    branches: [
      { cin: 33, outputs: [68] },
      { cin: 5, outputs: [9] },
    ],
    kernel: [3, 3, 3],
    bias: true,
    relu: true,
    concatenated: [0, 1],
    has: ['tiled 64×64×16 8×8', 'winograd 2×2×2 tiled', 'winograd 1×4×4 tiled', 'split-k'],
  },
  {
    name: '1×1×1 with three outputs and one, the first and the last of one tensor',
    pixels: [2, 2, 3, 5],
    branches: [
      { cin: 40, outputs: [64, 12, 20] },
      { cin: 24, outputs: [7] },
    ],
    kernel: [1, 1, 1],
    bias: true,
    concatenated: [0, 3],
    has: ['tiled 64×64×16 8×8', 'tiled 32×32×32 4×4'],
  },
  {
    name: 'a small branch first, stride 2, no bias, tensors of their own',
    pixels: [1, 5, 9, 7],
    branches: [
      { cin: 3, outputs: [4] },
      { cin: 150, outputs: [70] },
    ],
    kernel: [1, 3, 3],
    stride: [1, 2, 2],
    has: ['tiled 64×64×16 8×8', 'split-k'],
  },
];

/** As for single convolutions. */
const TOLERANCE = { exact: 1e-5, fast: 3e-5, half: 1e-3 } as const;

const gpu = testGpu({ experimental: true });

describe.each(CASES)('$name', (test) => {
  it('is computed by every candidate as by the definition', async () => {
    const { attributes, io, data, expected } = build(test);
    const candidates = await conv3dBranches.candidates(attributes, io, gpu().profile);
    const names = candidates.map(({ name }) => name);
    for (const name of test.has) expect(names.filter((found) => found.startsWith(name))).not.toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    expect(names.some((name) => name.startsWith('in turn '))).toBe(true);
    for (const candidate of oneOfEachFamily(candidates)) {
      const found = await runCandidate(gpu(), candidate, io, data);
      for (const [i, y] of found.entries()) {
        try {
          expectClose(y, expected[i]!, TOLERANCE[candidate.accuracy]);
        } catch (error) {
          throw new Error(`${candidate.name}, output ${i}: ${(error as Error).message}`);
        }
      }
    }
  });
});

describe('what cannot share a dispatch', () => {
  const test = CASES[1]!;
  const shared = async (profile: Partial<DeviceProfile>, other: Case = test): Promise<string[]> => {
    const { attributes, io } = build(other);
    const candidates = await conv3dBranches.candidates(attributes, io, { ...gpu().profile, ...profile });
    return candidates.map(({ name }) => name).filter((name) => !name.startsWith('in turn '));
  };

  it('is computed in turn', async () => {
    expect(await shared({})).not.toEqual([]);
    expect(await shared({ maxStorageBinding: 12_000 })).toEqual([]);
    // With four tensors to write into, there would be nine storage buffers.
    expect(await shared({}, { ...test, concatenated: [] })).toEqual([]);
  });

  it('must have the same pixels', () => {
    const types = [
      [1, 2, 3, 4, 4],
      [1, 1, 1, 4, 8],
      [1, 2, 3, 5, 4],
      [1, 1, 1, 4, 8],
    ].map((shape) => f32(shape));
    const attributes = { stride: [1, 1, 1], padding: 'same', activation: 'none', channels: [[8], [8]] } as const;
    expect(() => conv3dBranches.infer(attributes, types)).toThrow('1×2×3×4 and 1×2×3×5 output pixels');
  });
});

function build(test: Case) {
  const { pixels, kernel, branches, stride = [1, 1, 1], concatenated = [] } = test;
  const [samples, ...size] = pixels;
  const to = windowOutput({ kernel, stride, padding: 'same' }, size);
  const padding = resolvePadding({ kernel, stride, padding: 'same' }, size).map((pair) => pair[0]) as unknown as Triple;
  const channels = branches.flatMap(({ outputs }) => outputs);
  const whole = operand([samples, ...to, concatenated.reduce((sum, i) => sum + 4 * vec4s(channels[i]!), 0)]);
  let base = 0;
  const outputs = channels.map((count, i) => {
    if (!concatenated.includes(i)) return operand([samples, ...to, count]);
    const shape: Shape5 = [samples, ...to, count];
    const view = { ...denseView(shape), base, stride: whole.view.stride };
    base += vec4s(count);
    return operandAt(f32(shape), view, whole.storage, whole.storageBytes);
  });
  const inputs: NodeOperands['inputs'][number][] = [];
  const data: Float32Array[] = [];
  const expected: Float32Array[] = [];
  for (const [i, branch] of branches.entries()) {
    const cout = branch.outputs.reduce((sum, count) => sum + count, 0);
    const x: Shape5 = [...pixels, branch.cin];
    inputs.push(
      operand(x, i === 1),
      parameter([...kernel, branch.cin, cout]),
      ...(test.bias ? [parameter([cout])] : []),
    );
    const values = fill(`${test.name}.x${i}`, sizeOf5(x));
    const weights = fill(`${test.name}.w${i}`, kernel[0] * kernel[1] * kernel[2] * branch.cin * cout);
    const bias = test.bias ? fill(`${test.name}.b${i}`, cout) : new Float32Array(cout);
    data.push(values, weights, ...(test.bias ? [bias] : []));
    const y: Shape5 = [samples, ...to, cout];
    const activation = test.relu ? 'relu' : 'none';
    const result = conv3d({ shape: x, data: values }, weights, bias, y, { kernel, stride, padding, activation }).data;
    let first = 0;
    for (const count of branch.outputs) {
      const from = first;
      expected.push(Float32Array.from(result).filter((_, at) => at % cout >= from && at % cout < from + count));
      first += count;
    }
  }
  const attributes: BranchesAttributes = {
    stride,
    padding: 'same',
    activation: test.relu ? 'relu' : 'none',
    channels: [branches[0].outputs, branches[1].outputs],
  };
  return { attributes, io: { inputs, outputs }, data, expected };
}

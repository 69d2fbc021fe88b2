import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { DeviceProfile } from '../../src/core/kernel.ts';
import { sizeOf } from '../../src/core/tensor.ts';
import { channelSum } from '../../src/ops/channel_sum.ts';
import { conv3dInputGradient, conv3dWeightGradient } from '../../src/ops/conv3d/gradient.ts';
import type { Candidate, NodeOperands } from '../../src/ops/operator.ts';
import { type Padding, resolvePadding, windowOutput } from '../../src/ops/sliding_window.ts';
import { operand, parameter, runCandidate } from '../candidates.ts';
import { fill } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';
import { expectNaNs, withValues } from '../nan.ts';
import { conv3dGradient } from '../reference/conv3d_gradient.ts';
import { type Shape5, sizeOf5 } from '../reference/volume.ts';
import { describeWithShared } from '../shared.ts';

type Triple = readonly [number, number, number];

interface Case {
  readonly name: string;
  readonly x: Shape5;
  readonly cout: number;
  readonly kernel: Triple;
  readonly stride?: Triple;
  readonly padding?: Padding;
  readonly groups?: number;
  /** Put activations into the middle of wider tensors. */
  readonly sliced?: boolean;
  /** Bytes that a binding may cover, to force the work into parts. */
  readonly limit?: number;
  /** Run once more with NaN in x, and in dy. */
  readonly nan?: boolean;
  /** For what walks all pixels. */
  readonly weightsOnly?: boolean;
}

const CASES: readonly Case[] = [
  { name: 'one pixel, one channel', x: [1, 1, 1, 1, 1], cout: 1, kernel: [3, 3, 3] },
  { name: '1×1×1, 5 → 17', x: [2, 2, 7, 13, 5], cout: 17, kernel: [1, 1, 1], nan: true },
  { name: '3×3×3, 5 → 17 on 2×7×13', x: [1, 2, 7, 13, 5], cout: 17, kernel: [3, 3, 3] },
  { name: '3×3×3, 33 → 5 on 7×2×1', x: [1, 7, 2, 1, 33], cout: 5, kernel: [3, 3, 3] },
  {
    name: '3×3×3, 17 → 33, batch 2, slices',
    x: [2, 3, 7, 7, 17],
    cout: 33,
    kernel: [3, 3, 3],
    sliced: true,
    nan: true,
  },
  { name: '5×5×5, 4 → 3', x: [1, 6, 8, 7, 4], cout: 3, kernel: [5, 5, 5] },
  { name: '1×5×5, 12 → 8', x: [2, 2, 13, 14, 12], cout: 8, kernel: [1, 5, 5] },
  {
    name: 'padding by hand',
    x: [2, 2, 7, 13, 3],
    cout: 5,
    kernel: [1, 3, 3],
    padding: [
      [0, 0],
      [2, 1],
      [0, 2],
    ],
  },
  { name: 'valid', x: [1, 5, 5, 6, 8], cout: 12, kernel: [5, 3, 3], padding: 'valid' },
  {
    name: 'more padding than the window',
    x: [1, 1, 2, 3, 4],
    cout: 4,
    kernel: [1, 2, 2],
    padding: [
      [1, 0],
      [2, 2],
      [3, 1],
    ],
  },
  { name: 'many rows and channels', x: [2, 4, 13, 7, 36], cout: 70, kernel: [3, 3, 3] },
  { name: 'stem, 3 channels', x: [2, 5, 13, 14, 3], cout: 8, kernel: [7, 7, 7], stride: [2, 2, 2], nan: true },
  { name: 'stride 1×2×1', x: [1, 3, 7, 13, 17], cout: 5, kernel: [3, 3, 3], stride: [1, 2, 1], sliced: true },
  { name: 'stride beyond the window', x: [1, 3, 7, 13, 5], cout: 5, kernel: [1, 1, 2], stride: [1, 2, 3] },
  { name: 'groups', x: [2, 2, 7, 7, 6], cout: 9, kernel: [3, 3, 3], groups: 3, nan: true },
  { name: 'depthwise 3×3×3, batch 2', x: [2, 3, 7, 9, 6], cout: 6, kernel: [3, 3, 3], groups: 6, nan: true },
  {
    name: 'depthwise 3×3×3, stride 1×2×2, padding by hand',
    x: [1, 3, 7, 9, 8],
    cout: 8,
    kernel: [3, 3, 3],
    stride: [1, 2, 2],
    padding: [
      [1, 1],
      [2, 1],
      [0, 2],
    ],
    groups: 8,
  },
  { name: 'depthwise 5×1×1, in parts', x: [1, 6, 5, 9, 5], cout: 5, kernel: [5, 1, 1], groups: 5, limit: 30_000 },
  { name: 'depthwise', x: [1, 3, 7, 7, 33], cout: 33, kernel: [3, 1, 3], groups: 33, stride: [1, 2, 2], sliced: true },
  {
    name: 'in parts over batch and time',
    x: [2, 7, 13, 13, 12],
    cout: 12,
    kernel: [3, 3, 3],
    sliced: true,
    limit: 200_000,
  },
  { name: 'long K', x: [4, 8, 28, 28, 4], cout: 20, kernel: [1, 3, 3], weightsOnly: true },
];

const gpu = testGpu();
const TOLERANCE = 1e-5;
const toleranceOf = ({ accuracy }: Candidate): number => (accuracy === 'exact' ? TOLERANCE : 3e-5);

function build(test: Case) {
  const { x: shape, cout, kernel, stride = [1, 1, 1], padding = 'same', groups = 1, sliced = false } = test;
  const size = shape.slice(1, 4) as unknown as Triple;
  const geometry = { kernel, stride, padding };
  const y: Shape5 = [shape[0], ...windowOutput(geometry, size), cout];
  const weightShape: Shape5 = [...kernel, shape[4] / groups, cout];
  const x = { shape, data: Float32Array.from(fill(`${test.name}.x`, sizeOf5(shape))) };
  const dy = { shape: y, data: Float32Array.from(fill(`${test.name}.dy`, sizeOf5(y))) };
  const weights = fill(`${test.name}.w`, sizeOf5(weightShape));
  const before = resolvePadding(geometry, size).map((pair) => pair[0]) as unknown as Triple;
  const operands = { x: operand(shape, sliced), dy: operand(y, sliced), dw: operand(weightShape) };
  const options = { kernel, stride, padding: before, groups };
  const expected = conv3dGradient(x, weights, dy, options);
  const withNaN = (volume: typeof x) => ({
    ...volume,
    data: withValues(volume.data, [Math.max(volume.data.length - 2, 0)]),
  });
  const [nanX, nanDy] = [withNaN(x), withNaN(dy)];
  // In one of them at a time: both together would leave few numbers.
  const nan = test.nan && {
    x: nanX,
    dy: nanDy,
    byX: conv3dGradient(nanX, weights, dy, options),
    byDy: conv3dGradient(x, weights, nanDy, options),
  };
  return { nan, x, dy, weights, weightShape, operands, expected, geometry, groups, size };
}

describe.each(CASES)('the gradients of a convolution: $name', (test) => {
  const { x, dy, weights, weightShape, operands, expected, nan, geometry, groups, size } = build(test);
  const { stride, padding } = geometry;
  const profile = (): DeviceProfile => ({
    ...gpu().profile,
    maxStorageBinding: test.limit ?? gpu().profile.maxStorageBinding,
  });

  it('by the weights', async () => {
    const attributes = { ...geometry, groups };
    const io: NodeOperands = { inputs: [operands.x, operands.dy], outputs: [operands.dw] };
    const types = io.inputs.map(({ type }) => type);
    expect(conv3dWeightGradient.infer(attributes, types)[0]!.shape).toEqual(weightShape);
    for (const candidate of await conv3dWeightGradient.candidates(attributes, io, profile())) {
      const [dw] = await runCandidate(gpu(), candidate, io, [x.data, dy.data], test.limit);
      closeTo(dw!, expected.dw, candidate.name, toleranceOf(candidate));
      if (!nan) continue;
      // NaN beside a padding's 0 is in sums that the reference leaves out, so it may spread.
      const checks = { spreads: true, tolerance: toleranceOf(candidate), what: candidate.name };
      const [byX] = await runCandidate(gpu(), candidate, io, [nan.x.data, dy.data], test.limit);
      expectNaNs(byX!, nan.byX.dw, checks);
      const [byDy] = await runCandidate(gpu(), candidate, io, [x.data, nan.dy.data], test.limit);
      expectNaNs(byDy!, nan.byDy.dw, checks);
    }
  });

  it.skipIf(test.weightsOnly).each([
    { weights: 'parameters', trained: false },
    { weights: 'states', trained: true },
  ])('by the input, weights being $weights', async ({ trained }) => {
    const attributes = { stride, padding, groups, size };
    const io: NodeOperands = {
      inputs: [operands.dy, (trained ? operand : parameter)(weightShape)],
      outputs: [operands.x],
    };
    const types = io.inputs.map(({ type }) => type);
    expect(conv3dInputGradient.infer(attributes, types)[0]!.shape).toEqual(x.shape);
    const limited = stride.every((s) => s === 1) && groups === 1 ? test.limit : undefined;
    for (const candidate of await conv3dInputGradient.candidates(attributes, io, profile())) {
      const [dx] = await runCandidate(gpu(), candidate, io, [dy.data, weights], limited);
      closeTo(dx!, expected.dx, candidate.name, toleranceOf(candidate));
      if (!nan) continue;
      const [byDy] = await runCandidate(gpu(), candidate, io, [nan.dy.data, weights], limited);
      const spreads = candidate.name.includes('winograd');
      expectNaNs(byDy!, nan.byDy.dx, { spreads, tolerance: toleranceOf(candidate), what: candidate.name });
    }
  });
});

function closeTo(actual: Float32Array, expected: ArrayLike<number>, name: string, tolerance = TOLERANCE): void {
  try {
    expectClose(actual, expected, tolerance);
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`);
  }
}

/** PyTorch's results: layout N C T H W, weights Cout Cin T H W; inputs by the formula. */
interface GoldenCase {
  readonly op: string;
  readonly attrs: {
    readonly id: string;
    readonly kernel?: Triple;
    readonly stride?: Triple;
    readonly pad?: Exclude<Padding, string>;
    readonly groups?: number;
  };
  readonly inputs: Readonly<Record<'x' | 'w' | 'b', readonly number[]>>;
  readonly outputs: { readonly y: { readonly shape: readonly number[] } };
  readonly grads: Readonly<Record<'x' | 'w' | 'b', { readonly value: readonly number[] }>>;
}

describeWithShared('the gradients that PyTorch gives', ['golden/ops.json'], (path) => {
  const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: GoldenCase[] };
  const wanted = cases.filter(({ op }) => op === 'conv3d' || op === 'linear');
  it.each(wanted.map((test) => ({ id: test.attrs.id, test })))('$id', async ({ test }) => {
    const { id, kernel = [1, 1, 1], stride = [1, 1, 1], pad = 'valid' as const, groups = 1 } = test.attrs;
    const volume = (shape: readonly number[]): Shape5 => {
      const [n = 1, c = 1, t = 1, h = 1, w = 1] = shape;
      return [n, t, h, w, c];
    };
    const [shape, y] = [volume(test.inputs.x), volume(test.outputs.y.shape)];
    const [cout, inner] = test.inputs.w as readonly [number, number];
    const weightShape: Shape5 = [...kernel, inner, cout];
    const x = channelsLast(fill(`${id}.x`, sizeOf5(shape)), shape);
    const dy = channelsLast(fill(`${id}.dy`, sizeOf5(y)), y);
    const weights = channelsInside(fill(`${id}.w`, sizeOf5(weightShape)), weightShape);
    const operands = { x: operand(shape), dy: operand(y), w: operand(weightShape) };
    const { profile } = gpu();

    const byWeights: NodeOperands = { inputs: [operands.x, operands.dy], outputs: [operands.w] };
    const geometry = { kernel, stride, padding: pad, groups };
    for (const candidate of await conv3dWeightGradient.candidates(geometry, byWeights, profile)) {
      const [dw] = await runCandidate(gpu(), candidate, byWeights, [x, dy]);
      closeTo(dw!, channelsInside(test.grads.w.value, weightShape), candidate.name, toleranceOf(candidate));
    }
    const byBias: NodeOperands = { inputs: [operands.dy], outputs: [operand([cout])] };
    for (const candidate of await channelSum.candidates({}, byBias, profile)) {
      const [db] = await runCandidate(gpu(), candidate, byBias, [dy]);
      closeTo(db!, test.grads.b.value, `bias, ${candidate.name}`);
    }
    const byInput: NodeOperands = { inputs: [operands.dy, operands.w], outputs: [operands.x] };
    const size = shape.slice(1, 4) as unknown as Triple;
    for (const candidate of await conv3dInputGradient.candidates({ ...geometry, size }, byInput, profile)) {
      const [dx] = await runCandidate(gpu(), candidate, byInput, [dy, weights]);
      closeTo(dx!, channelsLast(test.grads.x.value, shape), candidate.name, toleranceOf(candidate));
    }
  });
});

/** N C T H W → N T H W C. */
function channelsLast(values: ArrayLike<number>, shape: Shape5): Float32Array<ArrayBuffer> {
  const [n, t, h, w, c] = shape;
  const area = t * h * w;
  const result = new Float32Array(sizeOf(shape));
  for (let sample = 0; sample < n; sample++)
    for (let k = 0; k < c; k++)
      for (let i = 0; i < area; i++) result[(sample * area + i) * c + k] = values[(sample * c + k) * area + i]!;
  return result;
}

/** Cout Cin taps → taps Cin Cout. */
function channelsInside(values: ArrayLike<number>, [kt, kh, kw, inner, cout]: Shape5): Float32Array<ArrayBuffer> {
  const taps = kt * kh * kw;
  return Float32Array.from({ length: values.length }, (_, i) => {
    const [tap, c, oc] = [Math.floor(i / cout / inner), Math.floor(i / cout) % inner, i % cout];
    return values[(oc * inner + c) * taps + tap]!;
  });
}

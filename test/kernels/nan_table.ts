/**
 * @file NaN through every operator that is computed on its own: it comes out where the reference has it, on any adapter. What
 * compilers fold, and what `max` gives, differs between adapters, so the table is run on several.
 */

import { describe, expect, it } from 'vitest';
import type { Gpu } from '../../src/gpu/device.ts';
import { augmentClip } from '../../src/kernels/clip/augment_clip.ts';
import { affine as affineKernel } from '../../src/kernels/norm/affine.ts';
import { BINARY_NAMES, UNARY, UNARY_NAMES } from '../../src/kernels/pointwise/functions.ts';
import { denseView } from '../../src/kernels/shared/view.ts';
import { flowStream } from '../../src/kernels/tvl1/stream.ts';
import { conv3dCandidates } from '../../src/ops/conv3d/candidates.ts';
import { operators } from '../../src/ops/index.ts';
import type { Operator } from '../../src/ops/operator.ts';
import type { WindowGeometry } from '../../src/ops/sliding_window.ts';
import { oneOfEachFamily, operand, parameter, runCandidate } from '../candidates.ts';
import { fill } from '../formula.ts';
import { runKernel } from '../harness.ts';
import { expectNaNs, withValues } from '../nan.ts';
import { type OperatorRun, runOperator, type Tensor } from '../operator.ts';
import { conv3d } from '../reference/conv3d.ts';
import { BINARY_REFERENCE } from '../reference/functions.ts';
import { add, affine, relu, softmax } from '../reference/pointwise.ts';
import { pool3d } from '../reference/pool3d.ts';
import {
  channelSum,
  crossEntropy,
  normalize,
  normalizeGradient,
  pool3dGradient,
  statistics,
} from '../reference/training.ts';
import { type Shape5, sizeOf5, type Volume } from '../reference/volume.ts';

const SHAPE: Shape5 = [2, 3, 5, 7, 6];
const CHANNELS = SHAPE[4];
const SIZE = sizeOf5(SHAPE);
/** Of pixel p, channel p mod 6; corners and edges among them. */
const at = (pixel: number): number => pixel * CHANNELS + (pixel % CHANNELS);
const PIXELS = [0, 6, 45, 104, 105, 150, 209];

interface Data extends Volume {
  readonly shape: Shape5;
  readonly data: Float32Array<ArrayBuffer>;
}
const plain = (name: string, scale = 1): Data => ({ shape: SHAPE, data: Float32Array.from(fill(name, SIZE, scale)) });
/** NaN of both signs, and infinities. */
const mixed = (name: string): Data => ({
  shape: SHAPE,
  data: withValues(plain(name, 3).data, PIXELS.map(at), ['positive', 'negative', 'infinity', 'minusInfinity']),
});
const nans = (name: string): Data => ({ shape: SHAPE, data: withValues(plain(name, 3).data, PIXELS.map(at)) });
const vector = (data: ArrayLike<number>): Tensor => ({ shape: [data.length], data: Float32Array.from(data) });
const rowsOf = (count: number, classes: number, data: Float32Array): Tensor => ({ shape: [count, classes], data });

const WINDOWS: readonly WindowGeometry[] = [
  { kernel: [3, 3, 3], stride: [1, 1, 1], padding: 'same' },
  { kernel: [2, 3, 2], stride: [2, 2, 1], padding: 'same' },
];
const CORNERS = [
  [1, 1, 1],
  [0, 1, 0],
] as const;

interface Row {
  readonly name: string;
  readonly spreads?: boolean;
  readonly run: (gpu: Gpu) => Promise<{ found: readonly ArrayLike<number>[]; expected: readonly ArrayLike<number>[] }>;
}

/** An operator against what the reference gives for the same inputs. */
const operator = <A extends object>(
  name: string,
  of: Operator<A>,
  attributes: A,
  inputs: readonly Tensor[],
  expected: () => readonly ArrayLike<number>[],
  run: OperatorRun = {},
  spreads = false,
): Row => ({
  name,
  spreads,
  run: async (gpu) => ({ found: await runOperator(gpu, of, attributes, inputs, run), expected: expected() }),
});

const KINDS = [{ software: true }, { software: false }];

function rows(): Row[] {
  const [x, y, dy] = [mixed('x'), nans('y'), plain('dy')];
  const zeroed = { ...nans('forward'), data: relu(nans('forward')).data };
  const classes = 5;
  // A row of NaN of either sign, of +∞, of −∞ (which is a logit like another), of −∞ alone; and one that does not count.
  const logits = withValues(
    fill('logits', 7 * classes, 4),
    [1, 8, 11, 17, 20, 21, 22, 23, 24, 31],
    [
      'positive',
      'negative',
      'infinity',
      'minusInfinity',
      ...Array.from({ length: 5 }, () => 'minusInfinity' as const),
      'positive',
    ],
  );
  const targets = Float32Array.from({ length: 7 * classes }, (_, i) => (i < 30 && i % classes === 0 ? 1 : 0));
  const gamma = fill('gamma', CHANNELS).map((value) => 1 + value / 2);
  const beta = fill('beta', CHANNELS, 0.5);
  const sparse: Data = { shape: SHAPE, data: withValues(plain('sparse').data, [at(45)], ['negative']) };
  const gradients = [plain('g').data, nans('g').data].map((data) => ({ shape: [SIZE], data }));
  const everywhere = (shape: readonly number[]): Tensor => ({
    shape,
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(Number.NaN),
  });
  return [
    ...UNARY_NAMES.map((fn) =>
      operator(fn, operators.unary, { fn }, [x], () => [
        Array.from(x.data, (value) => Math.fround(UNARY[fn].value(value))),
      ]),
    ),
    ...BINARY_NAMES.map((fn) =>
      operator(fn, operators.binary, { fn, activation: 'none' }, [x, y], () => [
        Array.from(x.data, (value, i) => BINARY_REFERENCE[fn](value, y.data[i]!)),
      ]),
    ),
    operator('add with ReLU', operators.binary, { fn: 'add', activation: 'relu' }, [x, y], () => [
      relu(add(x, y)).data,
    ]),
    operator('the gradient of ReLU', operators.unaryGradient, { fn: 'relu' }, [zeroed, dy], () => [
      dy.data.map((value, i) => (zeroed.data[i]! <= 0 ? 0 : value)),
    ]),
    operator('softmax', operators.softmax, {}, [rowsOf(7, classes, logits)], () => [
      softmax({ shape: [1, 1, 1, 7, classes], data: logits }).data,
    ]),
    ...[logits, fill('finite', 7 * classes, 4)].flatMap((values) => {
      const t = values === logits ? targets : withValues(targets, [0]);
      const what = values === logits ? 'logits' : 'targets';
      const inputs = [rowsOf(7, classes, values), rowsOf(7, classes, t)];
      return [
        operator(`cross entropy, ${what}`, operators.crossEntropy, {}, inputs, () => [
          [crossEntropy(values, t, classes).loss],
        ]),
        operator(`its gradient, ${what}`, operators.crossEntropyGradient, {}, [...inputs, vector([1])], () => [
          crossEntropy(values, t, classes).gradient,
        ]),
      ];
    }),
    ...[true, false].map((relus): Row => {
      const [scale, shift] = [fill('scale', CHANNELS, 2), fill('shift', CHANNELS)];
      // 0 · ∞ is a NaN that the kernel makes itself, negative on x86.
      scale[at(45) % CHANNELS] = 0;
      const view = denseView(SHAPE);
      const padded = (values: Float32Array) => Float32Array.from({ length: 8 }, (_, c) => values[c] ?? 0);
      return {
        name: `affine${relus ? ' with ReLU' : ''}`,
        run: async (gpu) => {
          const inputs = { x: { view, data: x.data }, scale: padded(scale), shift: padded(shift) };
          const kernel = affineKernel({ x: view, y: view, activation: relus ? 'relu' : 'none' });
          const { y: found } = await runKernel(gpu, kernel, { inputs, outputs: { y: view } });
          return { found: [found!], expected: [affine(x, scale, shift, relus ? 0 : -Infinity).data] };
        },
      };
    }),
    ...WINDOWS.flatMap((geometry, i) => {
      const pool = { ...geometry, padding: CORNERS[i]! };
      const to = i === 0 ? SHAPE : ([2, 2, 3, 7, 6] as const);
      const gradient = { shape: to, data: Float32Array.from(fill('pooled', sizeOf5(to))) };
      const kindsOf = (candidates: (software: boolean) => string[]) =>
        KINDS.flatMap((profile) => candidates(profile.software).map((candidate) => ({ profile, candidate })));
      const runs = kindsOf((software) => [
        'window',
        ...(software ? (i === 0 ? ['sweep'] : []) : i === 0 ? ['strip 2×4', 'strip 2×1'] : ['strip 1×1']),
      ]);
      const gradientRuns = kindsOf((software) => [
        ...(i === 0 ? ['sweep'] : []),
        'gather',
        ...(software ? [] : ['unrolled']),
      ]);
      const label = `${geometry.kernel.join('×')} ${geometry.stride.join('×')}`;
      const size = [SHAPE[1], SHAPE[2], SHAPE[3]] as const;
      return [
        ...runs.map((run) =>
          operator(
            `max pool ${label}, ${run.candidate}, software ${run.profile.software}`,
            operators.pool3d,
            { ...geometry, mode: 'max' },
            [x],
            () => [pool3d(x, to, { ...pool, mode: 'max' }).data],
            run,
          ),
        ),
        ...gradientRuns.map((run) =>
          operator(
            `the gradient of max pool ${label}, ${run.candidate}, software ${run.profile.software}`,
            operators.maxPool3dGradient,
            geometry,
            [x, gradient],
            () => [pool3dGradient(x, gradient, { ...pool, mode: 'max' })],
            run,
          ),
        ),
        ...KINDS.map((profile) =>
          operator(
            `average pool ${label}, software ${profile.software}`,
            operators.pool3d,
            { ...geometry, mode: 'average' },
            [x],
            () => [pool3d(x, to, { ...pool, mode: 'average' }).data],
            { profile },
          ),
        ),
        ...(i === 0 ? [y] : []).map((gradients) =>
          operator(
            `the gradient of average pool ${label}`,
            operators.averagePool3dGradient,
            { ...geometry, size },
            [gradients],
            () => [pool3dGradient(x, gradients, { ...pool, mode: 'average' })],
          ),
        ),
      ];
    }),
    ...KINDS.flatMap((profile) => [
      operator('the sum of a channel', operators.channelSum, {}, [sparse], () => [channelSum(sparse)], { profile }),
      operator(
        'batch statistics',
        operators.batchStatistics,
        {},
        [sparse],
        () => {
          const { mean, variance } = statistics(sparse);
          return [mean, variance];
        },
        { profile },
      ),
    ]),
    ...[true, false].flatMap((batch) => {
      const { mean, variance } = batch ? statistics(sparse) : { mean: beta, variance: gamma };
      const attributes = { epsilon: 1e-3, activation: 'relu', batch } as const;
      const problem = { x: sparse, mean, variance, gamma, beta, ...attributes };
      const inputs = [sparse, ...[mean, variance, gamma, beta].map(vector)];
      return [
        operator(`normalize, batch ${batch}`, operators.normalize, attributes, inputs, () => [normalize(problem)]),
        operator(
          `the gradient of normalize, batch ${batch}`,
          operators.normalizeGradient,
          attributes,
          [...inputs, dy],
          () => {
            const { dx, dgamma, dbeta } = normalizeGradient(problem, dy.data, batch);
            return [dx, dgamma, dbeta];
          },
          {},
          // x is in the formula of dx even where its share is 0.
          !batch,
        ),
      ];
    }),
    operator(
      'running statistics',
      operators.updateStatistics,
      { momentum: 0.5, count: 11 },
      [
        [1, 1],
        [1, 1],
        [Number.NaN, 1],
        [Number.NaN, 1],
      ].map(vector),
      () => [
        [Number.NaN, 1],
        [Number.NaN, 1.05],
      ],
    ),
    // In PyTorch what is dropped is multiplied by 0.
    operator(
      'dropout',
      operators.dropout,
      { rate: 0.5, salt: 3 },
      [everywhere([8, 1, 1, 1, 9]), vector([1, 2, 3, 0])],
      () => [everywhere([8, 1, 1, 1, 9]).data],
    ),
    operator('the norm of gradients', operators.gradientNorm, { clip: 1 }, gradients, () => [[Number.NaN, 0]]),
    operator('accumulate', operators.accumulate, { factor: 0.5 }, gradients, () => [
      gradients[0]!.data.map((value, i) => value + 0.5 * gradients[1]!.data[i]!),
    ]),
    operator(
      'a step of gradients that are NaN, which changes nothing',
      operators.sgdUpdate,
      { momentum: 0.9, weightDecay: 0.01 },
      [
        ...['p', 'v'].map((name) => ({ shape: [5], data: fill(name, 5) })),
        everywhere([5]),
        vector([Number.NaN, 0]),
        vector([1, 0, 0, 0]),
      ],
      () => [fill('p', 5), fill('v', 5)],
    ),
    ...[true, false].map((quantise): Row => {
      const [height, width] = [3, 4];
      const flow = withValues(fill('flow', height * width * 2, 9), [3, 10], ['positive', 'negative']);
      const y = denseView([1, 1, height, width, 2]);
      const same = { height, width };
      return {
        name: `flow to a stream${quantise ? ', quantised' : ''}`,
        // What a neighbour has no share of is multiplied by 0.
        spreads: true,
        run: async (gpu) => {
          const options = {
            flow: same,
            y,
            resized: same,
            crop: { top: 0, left: 0 },
            bound: 20,
            rescale: true,
            quantise,
          };
          const { y: found } = await runKernel(gpu, flowStream(options), { inputs: { flow }, outputs: { y } });
          const level = (value: number) => (quantise ? Math.floor(128.5 + 127.5 * value) * (2 / 255) - 1 : value);
          return { found: [found!], expected: [flow.map((value) => level(value / 20))] };
        },
      };
    }),
    {
      name: 'flow of a batch',
      spreads: true,
      run: async (gpu) => {
        const view = denseView([1, 1, 4, 4, 2]);
        const flow = withValues(fill('flow', 32, 9), [3, 20], ['positive', 'negative']);
        const clip = { kind: 'flow', view } as const;
        const kernel = augmentClip({ clip, y: view, firstFrame: 0, framesPerSample: 1, scale: 20, shift: 0 });
        const geometry = Float32Array.of(0, 0, 4, 4, 0, 0, 0, 0);
        const { y } = await runKernel(gpu, kernel, {
          inputs: { clip: { view, data: flow }, geometry },
          outputs: { y: view },
        });
        return { found: [y!], expected: [flow.map((value) => value / 20)] };
      },
    },
  ];
}

/** A test of each operator. */
export function testOperators(gpu: () => Gpu): void {
  describe('NaN comes out of', () => {
    it.each(rows())('$name', async ({ name, spreads = false, run }) => {
      const { found, expected } = await run(gpu());
      expect(found.length).toBe(expected.length);
      for (const [i, values] of expected.entries()) expectNaNs(found[i]!, values, { spreads, what: name });
    });
  });
}

/** A test of the candidates for some convolutions whose names are let through. */
export function testConvolutions(gpu: () => Gpu, filter: (name: string) => boolean): void {
  it.each([
    { x: [1, 3, 7, 13, 5], cout: 17, kernel: [3, 3, 3], activation: 'relu' },
    { x: [1, 3, 7, 9, 3], cout: 8, kernel: [7, 7, 7], stride: 2, activation: 'none' },
    { x: [1, 2, 7, 7, 6], cout: 9, kernel: [3, 3, 3], groups: 3, activation: 'relu' },
  ] as const)('NaN comes out of convolutions of $x by $kernel to $cout', async (test) => {
    const { cout, kernel, activation } = test;
    const [groups, s] = ['groups' in test ? test.groups : 1, 'stride' in test ? test.stride : 1];
    const shape: Shape5 = test.x;
    const stride = [s, s, s] as const;
    const to = shape.slice(1, 4).map((extent) => Math.ceil(extent / s)) as [number, number, number];
    const y: Shape5 = [shape[0], ...to, cout];
    const channels = shape[4] / groups;
    const weights = fill('weights', kernel[0] * kernel[1] * kernel[2] * channels * cout);
    const x = withValues(fill('x', sizeOf5(shape)), [2, sizeOf5(shape) - 1]);
    const padding = kernel.map((k, i) => {
      const total = Math.max((to[i]! - 1) * s + k - shape[i + 1]!, 0);
      return [Math.floor(total / 2), total - Math.floor(total / 2)] as const;
    }) as unknown as WindowGeometry['padding'];
    const before = (padding as readonly (readonly number[])[]).map(([first]) => first!) as unknown as typeof stride;
    const node = { geometry: { kernel, stride, padding }, groups, activation, bias: false };
    const io = { inputs: [operand(shape), parameter([...kernel, channels, cout])], outputs: [operand(y)] };
    const expected = conv3d({ shape, data: x }, weights, new Float32Array(cout), y, {
      kernel,
      stride,
      padding: before,
      groups,
      activation,
    }).data;
    const candidates = oneOfEachFamily(conv3dCandidates(node, io, gpu().profile).filter(({ name }) => filter(name)));
    expect(candidates.length).toBeGreaterThan(groups > 1 ? 0 : 3);
    for (const candidate of candidates) {
      const [found] = await runCandidate(gpu(), candidate, io, [x, weights, new Float32Array(cout)]);
      const spreads = candidate.name.includes('winograd');
      const tolerance = { exact: 1e-5, fast: 3e-5, half: 1e-3 }[candidate.accuracy];
      expectNaNs(found!, expected, { spreads, tolerance, what: candidate.name });
      expect(Array.from(found!).some(Number.isFinite) || spreads, candidate.name).toBe(true);
    }
  });
}

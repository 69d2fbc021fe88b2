/**
 * @file Small graphs in which every operator of the package occurs, in the ways that make a difference to its kernels: for tests that
 * go through all operators and all of their kernels.
 */

import type { DeviceProfile, Kernel } from '../../src/core/kernel.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { nodesToRun } from '../../src/graph/choose.ts';
import type { Graph, ValueId } from '../../src/graph/graph.ts';
import { inferencePasses } from '../../src/graph/passes/index.ts';
import { assignStorage } from '../../src/graph/storage.ts';
import { BINARY_NAMES, UNARY_NAMES } from '../../src/kernels/pointwise/functions.ts';
import { operators } from '../../src/ops/index.ts';
import { defineOperator, type Operator } from '../../src/ops/operator.ts';
import { REDUCTIONS } from '../../src/ops/reduce.ts';
import type { UnaryAttributes } from '../../src/ops/unary.ts';
import { moduleGraph } from '../graph/graphs.ts';

interface Nodes {
  readonly builder: GraphBuilder;
  /** A new input. */
  input(...shape: number[]): ValueId;
  /** A new node, whose outputs nobody has to read; the first of them. */
  add<A extends object>(operator: Operator<A>, attributes: A, ...inputs: ValueId[]): ValueId;
}

function sample(fill: (nodes: Nodes) => void): Graph {
  const builder = new GraphBuilder();
  let count = 0;
  const next = (what: string): string => `${what} ${++count}`;
  fill({
    builder,
    input: (...shape) => builder.input(next('input'), shape),
    add(operator, attributes, ...inputs) {
      const outputs = builder.add(operator, next(operator.type), attributes, inputs);
      for (const output of outputs) builder.name(next('output'), output);
      return outputs[0]!;
    },
  });
  return builder.build();
}

/** Windows of the families that convolutions have: 3×3×3, the first layer's, 1×1×1 with many channels and few pixels. */
const CONVOLUTIONS = [
  { kernel: [3, 3, 3], stride: 1, cin: 8, groups: 1 },
  { kernel: [3, 3, 3], stride: 2, cin: 8, groups: 2 },
  { kernel: [7, 7, 7], stride: 2, cin: 3, groups: 1 },
  { kernel: [1, 1, 1], stride: 1, cin: 512, groups: 1 },
] as const;

/** Weights that are known, and weights in training, which are packed on the device, with their gradients. */
const convolutions = CONVOLUTIONS.flatMap(({ kernel, stride: s, cin, groups }) =>
  (['parameter', 'state'] as const).map((kind) =>
    sample(({ builder, add, input }) => {
      const geometry = { stride: [s, s, s], padding: 'same', groups } as const;
      const x = input(1, 4, 14, 14, cin);
      const weights = builder[kind]('w', [...kernel, cin / groups, 32]);
      const y = builder.name('y', builder.conv3d('conv', x, weights, geometry));
      if (kind === 'parameter') return;
      add(operators.conv3dWeightGradient, { ...geometry, kernel }, x, y);
      add(operators.conv3dInputGradient, { ...geometry, size: [4, 14, 14] }, y, weights);
    }),
  ),
);

/** As a pass of inference makes it. */
const shiftedConvolution = sample(({ builder, add, input }) => {
  const weights = builder.parameter('w', [1, 1, 1, 32, 16]);
  const window = { stride: [1, 1, 1], padding: 'valid', groups: 1, activation: 'relu', channels: [16] } as const;
  add(
    operators.shiftedConv3d,
    { ...window, shift: { first: 1, second: 2, frames: [1, -1] } },
    input(1, 4, 6, 6, 32),
    weights,
  );
});

const depthwise = sample(({ builder, add, input }) => {
  for (const step of [1, 2]) {
    const geometry = { stride: [1, step, step], padding: 'same', groups: 12 } as const;
    const x = input(1, 4, 14, 14, 12);
    const weights = builder.state(`w ${step}`, [3, 3, 3, 1, 12]);
    const y = builder.name(`y ${step}`, builder.conv3d(`conv ${step}`, x, weights, geometry));
    add(operators.conv3dWeightGradient, { ...geometry, kernel: [3, 3, 3] }, x, y);
    add(operators.conv3dInputGradient, { ...geometry, size: [4, 14, 14] }, y, weights);
  }
});

/** As a pass of inference makes them. */
const branches = sample(({ builder, add, input }) => {
  const shared = { stride: [1, 1, 1], padding: 'same', activation: 'relu' } as const;
  const [a, b] = [builder.parameter('a', [3, 3, 3, 8, 16]), builder.parameter('b', [3, 3, 3, 4, 8])];
  const operands = [input(1, 4, 14, 14, 8), a, input(1, 4, 14, 14, 4), b];
  add(operators.conv3dBranches, { ...shared, channels: [[16], [8]] }, ...operands);
});

/** As a pass of inference makes it. */
const onto = sample(({ builder, add, input }) => {
  const window = { stride: [1, 1, 1], padding: 'valid', groups: 1, activation: 'relu', channels: [32] } as const;
  const weights = builder.parameter('w', [1, 1, 1, 32, 32]);
  const value = add(operators.unary, { fn: 'relu' }, input(1, 4, 14, 14, 32));
  add(operators.conv3dOnto, window, input(1, 4, 14, 14, 32), weights, value);
});

/** As a pass of inference makes them: squeeze-and-excitation, and a gate. */
const denseOfMeans = sample(({ builder, add, input }) => {
  const weights = (name: string, cin: number, cout: number) => builder.parameter(name, [cin, cout]);
  const bias = builder.parameter('bias', [9]);
  const layers = [
    { activation: 'relu', bias: false },
    { activation: 'sigmoid', bias: true },
  ] as const;
  add(operators.denseOfMeans, { layers }, input(2, 4, 6, 6, 9), weights('few', 9, 3), weights('all', 3, 9), bias);
  add(operators.denseOfMeans, { layers: layers.slice(1) }, input(2, 4, 6, 6, 9), weights('gate', 9, 9), bias);
});

const pools = sample(({ add, input, builder }) => {
  const x = input(2, 4, 6, 6, 9);
  for (const [kernel, stride] of [
    [
      [1, 3, 3],
      [1, 2, 2],
    ],
    [
      [3, 3, 3],
      [1, 1, 1],
    ],
  ] as const) {
    const window = { kernel, stride, padding: 'same' } as const;
    const maximum = add(operators.pool3d, { ...window, mode: 'max' }, x);
    const average = add(operators.pool3d, { ...window, mode: 'average' }, x);
    add(operators.maxPool3dGradient, window, x, input(...builder.shapeOf(maximum)));
    add(operators.averagePool3dGradient, { ...window, size: [4, 6, 6] }, average);
  }
});

const clips = sample(({ add, input, builder }) => {
  const frames = builder.input('frames', [1, 2, 9, 9, 3], 'u8');
  const crop = { top: 0, left: 1, height: 7, width: 7 };
  const values = { scale: 2 / 255, shift: -1 };
  add(operators.preprocess, { resized: { height: 8, width: 8 }, crop, ...values }, frames);
  add(operators.augmentClip, { size: 7, flow: false, ...values }, frames, input(1, 8));
  add(operators.augmentClip, { size: 7, flow: true, ...values }, input(1, 2, 9, 9, 2), input(1, 8));
});

const normalisation = sample(({ add, input }) => {
  const x = input(2, 4, 6, 6, 9);
  const [gamma, beta, mean, variance] = [input(9), input(9), input(9), input(9)];
  add(operators.channelSum, {}, x);
  add(operators.batchStatistics, {}, x);
  add(operators.updateStatistics, { momentum: 0.1, count: 9 }, mean, variance, gamma, beta);
  for (const activation of ['none', 'relu', 'sigmoid', 'gelu'] as const) {
    const attributes = { epsilon: 1e-3, activation, batch: true };
    add(operators.normalize, attributes, x, mean, variance, gamma, beta);
    add(operators.normalizeGradient, attributes, x, mean, variance, gamma, beta, x);
  }
});

/** Alone, so that no convolution takes it up; with the values that a plan folds on the host. */
const folded = sample(({ add, input, builder }) => {
  const [gamma, beta, mean, variance] = ['gamma', 'beta', 'mean', 'variance'].map((name) =>
    builder.parameter(name, [9]),
  );
  for (const activation of ['none', 'relu'] as const) {
    add(operators.batchNorm, { epsilon: 1e-3, activation }, input(2, 4, 6, 6, 9), gamma!, beta!, mean!, variance!);
  }
  const weights = builder.parameter('weights', [1, 1, 1, 4, 9]);
  const [scaled] = builder.add(operators.foldedWeights, 'weights', { epsilon: 1e-3 }, [weights, gamma!, variance!]);
  const [bias] = builder.add(operators.foldedBias, 'bias', { epsilon: 1e-3 }, [gamma!, beta!, mean!, variance!]);
  const [joined] = builder.add(operators.joinedParameters, 'joined', {}, [scaled!, weights]);
  builder.name('folded', builder.conv3d('folded', input(1, 2, 5, 5, 4), scaled!, { bias: bias! }));
  builder.name('joined', builder.conv3d('joined', input(1, 2, 5, 5, 4), joined!));
});

const { keepsPadding: _, gradient: __, ...withoutPadding } = { ...operators.unary, type: 'x + 1' };
/** Without a word about its padding lanes, which the plan has to clear then. */
const shifted = defineOperator<UnaryAttributes>(withoutPadding);

const pointwise = sample(({ add, input }) => {
  const [a, b] = [input(2, 4, 6, 6, 9), input(2, 4, 6, 6, 9)];
  for (const fn of UNARY_NAMES) {
    add(operators.unary, { fn }, a);
    add(operators.unaryGradient, { fn }, a, b);
  }
  for (const fn of BINARY_NAMES) {
    for (const other of [a, b, input(2, 1, 1, 1, 9), input(6, 1)]) {
      for (const activation of ['none', 'relu', 'sigmoid'] as const)
        add(operators.binary, { fn, activation }, a, other);
      for (const of of ['a', 'b'] as const) add(operators.binaryGradient, { fn, of }, a, other, b);
    }
  }
  add(operators.dropout, { rate: 0.5, salt: 1 }, a, input(4));
  add(operators.concat, { inPlace: false }, a, b);
  add(shifted, { fn: 'neg' }, a);
});

/** Read by an operator that takes no layout but the usual one, so that each leaves something to do. */
const layouts = sample(({ add, input }) => {
  const x = input(2, 4, 6, 6, 9);
  const views = [
    add(operators.reshape, { shape: [2, 144, 9] }, x),
    add(operators.slice, { axis: -1, offset: 3, size: 4 }, x),
    add(operators.pad, { axis: 1, before: 1, after: 2 }, x),
    add(operators.shift, { axis: 1, by: 1 }, x),
    add(operators.transpose, { order: [0, 1, 2, 4, 3] }, x),
    add(operators.broadcast, { shape: [2, 3, 6, 9] }, input(2, 1, 6, 9)),
  ];
  for (const view of views) add(operators.unary, { fn: 'relu' }, view);
});

const head = sample(({ add, input, builder }) => {
  const [logits, targets] = [input(3, 9), input(3, 9)];
  add(operators.linear, {}, input(3, 16), builder.parameter('w', [16, 9]));
  add(operators.softmax, {}, logits);
  add(operators.crossEntropy, {}, logits, targets);
  add(operators.crossEntropyGradient, {}, logits, targets, input(1));
});

/** Over channels, over other axes, over all; few terms, and so many that a workgroup shares them. */
const reductions = sample(({ add, input, builder }) => {
  const x = input(2, 16, 9, 3, 9);
  for (const op of REDUCTIONS) {
    for (const axes of [[0, 1, 2, 3], [1, 2], [4], [0, 4], [3]]) {
      const y = add(operators.reduce, { op, axes }, x);
      const gradient = input(...builder.shapeOf(y));
      const from = op === 'max' ? [gradient, x] : [gradient];
      add(operators.reduceGradient, { op, axes, shape: builder.shapeOf(x) }, ...from);
    }
  }
  add(operators.softmax, { axis: 1 }, x);
});

const attention = sample(({ add, input }) => {
  const [a, b] = [input(2, 3, 20, 9), input(3, 9, 70)];
  add(operators.matmul, { transposeA: false, transposeB: false }, a, b);
  add(operators.matmul, { transposeA: true, transposeB: true }, input(2, 9, 20), input(70, 9));
  add(operators.layerNorm, { epsilon: 1e-5 }, a, input(9), input(9));
  add(operators.layerNormGradient, { epsilon: 1e-5 }, a, input(9), a);
  const [q, k, v] = [input(2, 70, 9), input(2, 40, 9), input(2, 40, 20)];
  const y = add(operators.attention, { scale: 1 / 3 }, q, k, v);
  add(operators.attentionGradient, { scale: 1 / 3 }, q, k, v, y, input(2, 70, 1), input(2, 70, 20));
});

const optimiser = sample(({ add, input, builder }) => {
  const [parameter, velocity, sum] = ['parameter', 'velocity', 'sum'].map((name) => builder.state(name, [9]));
  const gradient = input(9);
  const norm = add(operators.gradientNorm, { clip: 5 }, gradient, input(3, 9));
  add(operators.sgdUpdate, { momentum: 0.9, weightDecay: 0 }, parameter!, velocity!, gradient, norm, input(4));
  add(operators.accumulate, { factor: 1 }, sum!, gradient);
  add(operators.zero, {}, sum!);
});

/** As they are: without the passes, which would take some of their operators away. */
export const SAMPLES: readonly Graph[] = [
  ...convolutions,
  ...[
    shiftedConvolution,
    depthwise,
    branches,
    onto,
    denseOfMeans,
    pools,
    clips,
    normalisation,
    folded,
    pointwise,
    layouts,
    head,
    reductions,
    attention,
    optimiser,
  ],
];

/** After the passes: convolutions with three outputs, branches in one node, and activations of 16 bits. */
const prepared = (['f32', 'f16'] as const).flatMap((activations) =>
  [false, true].map((joinBranches) => inferencePasses(moduleGraph(8), { activations, joinBranches })),
);

/** Every kernel of every candidate of every sample, and those that make its constants. */
export async function sampleKernels(profile: DeviceProfile): Promise<Kernel[]> {
  const kernels: Kernel[] = [];
  for (const graph of [...SAMPLES, ...prepared]) {
    for await (const { candidates } of nodesToRun(graph, assignStorage(graph), profile)) {
      for (const { kernel, args } of candidates.flatMap((candidate) => candidate.lower())) {
        const constants = args.flatMap((argument) => (argument.from === 'constant' ? (argument.prepare ?? []) : []));
        kernels.push(kernel, ...constants.map((preparation) => preparation.kernel()));
      }
    }
  }
  return kernels;
}

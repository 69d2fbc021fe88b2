/**
 * @file Gradients of what the models of others consist of, beside PyTorch's in float64: fixtures/make_gradients.py writes them. Inputs follow
 * from their names by a formula, and are states, as weights in training are.
 */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { floatTensor, type Shape, sizeOf } from '../../src/core/tensor.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { compile } from '../../src/graph/compile.ts';
import { gradients } from '../../src/graph/gradients.ts';
import type { ValueId } from '../../src/graph/graph.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { DeviceState } from '../../src/graph/state.ts';
import { operators } from '../../src/ops/index.ts';
import { fill } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';

const gpu = testGpu();

interface Golden {
  readonly output: Shape;
  readonly inputs: Readonly<
    Record<string, { readonly shape: Shape; readonly largest: number; readonly gradient: readonly number[] }>
  >;
}

const GOLDEN = JSON.parse(readFileSync(new URL('fixtures/gradients.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, Golden>
>;
/** Of the largest magnitude of a gradient, whose numbers are stored in so many steps. */
const STEPS = 100_000;

type Build = (b: GraphBuilder, of: (key: string) => ValueId) => ValueId;
type Window = Parameters<GraphBuilder['conv3d']>[3];

const ONE = [
  [1, 1],
  [1, 1],
  [1, 1],
] as const;
const overTime = (pad: number) =>
  [
    [pad, pad],
    [0, 0],
    [0, 0],
  ] as const;
const IN_FRAMES = [
  [0, 0],
  [1, 1],
  [1, 1],
] as const;

const convolution =
  (options: Window): Build =>
  (b, of) =>
    b.conv3d('y', of('x'), of('w'), options);

/** An eighth of the channels each from other frames, the others from their own. */
const shift =
  (...moves: readonly number[]): Build =>
  (b, of) => {
    const fold = b.shapeOf(of('x')).at(-1)! / 8;
    const part = (name: string, offset: number, size: number) => b.slice(name, of('x'), { axis: -1, offset, size });
    const moved = moves.map((by, i) => b.shift(`moved ${i}`, part(`part ${i}`, i * fold, fold), { axis: 1, by }));
    const rest = part('rest', moves.length * fold, (8 - moves.length) * fold);
    return b.conv3d('y', b.concat('shifted', [...moved, rest]), of('w'), { padding: IN_FRAMES });
  };

const BUILDS: Readonly<Record<string, Build>> = {
  'depthwise 3x3x3': convolution({ padding: ONE, groups: 6 }),
  'depthwise 3x3x3, stride 1x2x2': convolution({ padding: ONE, stride: [1, 2, 2], groups: 6 }),
  'depthwise 3x3x3, stride 2': convolution({ padding: ONE, stride: [2, 2, 2], groups: 6 }),
  'depthwise 5x1x1': convolution({ padding: overTime(2), groups: 6 }),
  'three groups': (b, of) => b.conv3d('y', of('x'), of('w'), { padding: ONE, groups: 3, bias: of('bias') }),
  '3x1x1': convolution({ padding: overTime(1) }),
  '3x1x1, stride 2': convolution({ padding: overTime(1), stride: [2, 1, 1] }),
  '7x1x1, stride 2': convolution({ padding: overTime(3), stride: [2, 1, 1] }),
  '1x3x3, stride 1x2x2': convolution({ padding: IN_FRAMES, stride: [1, 2, 2] }),
  'squeeze and excitation'(b, of) {
    const means = b.reduce('means', 'mean', of('x'), [1, 2, 3], { keep: true });
    const few = b.relu('few', b.conv3d('down', means, of('squeeze'), { bias: of('squeeze bias') }));
    const gates = b.sigmoid('gates', b.conv3d('up', few, of('excite'), { bias: of('excite bias') }));
    return b.mul('y', of('x'), gates);
  },
  'gating by means'(b, of) {
    const share = b.sigmoid('share', b.linear('gate', b.mean('means', of('x')), of('w'), of('bias')));
    const [n, , , , c] = b.shapeOf(of('x')) as [number, number, number, number, number];
    return b.mul('y', of('x'), b.reshape('volume', share, [n, 1, 1, 1, c]));
  },
  swish: (b, of) => b.swish('y', of('x')),
  gelu: (b, of) => b.gelu('y', of('x')),
  'non-local'(b, of) {
    const x = of('x');
    const fewer = b.maxPool3d('pool', x, { kernel: [1, 2, 2], padding: 'valid' });
    const rows = (key: string, from: ValueId) => {
      const y = b.conv3d(`${key}/point`, from, of(key));
      const [n, t, h, w, c] = b.shapeOf(y) as [number, number, number, number, number];
      return b.reshape(`${key}/rows`, y, [n, t * h * w, c]);
    };
    const operands = [rows('theta', x), rows('phi', fewer), rows('g', fewer)];
    const inner = b.shapeOf(operands[0]!).at(-1)!;
    const [seen] = b.add(operators.attention, 'attention', { scale: inner ** -0.5 }, operands);
    const volume = b.reshape('volume', seen!, [...b.shapeOf(x).slice(0, -1), inner]);
    return b.sum('y', x, b.conv3d('out/point', volume, of('out')));
  },
  'shift in two directions': shift(-1, 1),
  'shift in one direction': shift(1),
  'space to depth'(b, of) {
    const [n, t, h, w, c] = b.shapeOf(of('x')) as [number, number, number, number, number];
    const split = b.reshape('split', of('x'), [n, t / 2, 2, h / 2, 2, w / 2, 2, c]);
    const moved = b.transpose('moved', split, [0, 1, 3, 5, 2, 4, 6, 7]);
    return b.conv3d('y', b.reshape('joined', moved, [n, t / 2, h / 2, w / 2, 8 * c]), of('w'), { padding: ONE });
  },
  'layer norm': (b, of) => b.layerNorm('y', of('x'), of('gamma'), of('beta')),
  'batch norm in training'(b, of) {
    const [mean, variance] = b.add(operators.batchStatistics, 'statistics', {}, [of('x')]);
    const attributes = { epsilon: 1e-5, activation: 'none', batch: true } as const;
    return b.add(operators.normalize, 'y', attributes, [of('x'), mean!, variance!, of('gamma'), of('beta')])[0]!;
  },
  'average pool with padding': (b, of) =>
    b.averagePool3d('y', of('x'), { kernel: [3, 3, 3], stride: [1, 2, 2], padding: ONE }),
  'average pool 2x3x3 of stride 1': (b, of) =>
    b.averagePool3d('y', of('x'), { kernel: [2, 3, 3], stride: [1, 1, 1], padding: 'valid' }),
  'max pool with padding': (b, of) => b.maxPool3d('y', of('x'), { kernel: [3, 3, 3], stride: [2, 1, 2], padding: ONE }),
  'softmax over an inner axis': (b, of) => b.softmax('y', of('x'), 1),
  'the largest of words': (b, of) => b.reduce('y', 'max', b.relu('relu', b.linear('words', of('x'), of('w'))), [1]),
  'product of matrices': (b, of) => b.matmul('y', of('a'), of('b'), { transposeA: true, transposeB: true }),
};

it('has a network for each of PyTorch’s', () => expect(Object.keys(BUILDS)).toEqual(Object.keys(GOLDEN)));

it.each(Object.entries(GOLDEN))('%s: gradients are PyTorch’s', async (name, { output, inputs }) => {
  const b = new GraphBuilder();
  const states = new Map(Object.entries(inputs).map(([key, { shape }]) => [key, b.state(key, shape)]));
  const y = BUILDS[name]!(b, (key) => states.get(key)!);
  expect(b.shapeOf(y)).toEqual(output);
  const size = sizeOf(output);
  const loss = b.linear('loss', b.reshape('flat', y, [1, size]), b.parameter('dy', [size, 1]));
  const found = gradients(b, loss, b.input('seed', [1, 1]), [...states.values()]);
  for (const [i, key] of [...states.keys()].entries()) b.name(key, found[i]!);
  const state = new DeviceState(gpu());
  for (const [key, { shape }] of Object.entries(inputs)) {
    state.set(key, floatTensor(shape, fill(`${name}.${key}`, sizeOf(shape))));
  }
  const parameters = new DeviceParameters(gpu(), new Map([['dy', floatTensor([size, 1], fill(`${name}.dy`, size))]]));
  const plan = await compile(b.build(), parameters, { state, accuracy: 'exact' });
  try {
    const results = await plan.run({ seed: floatTensor([1, 1], [1]) });
    for (const [key, { shape, largest, gradient }] of Object.entries(inputs)) {
      const expected = gradient.map((steps) => (steps / STEPS) * largest);
      expect(results[key]!.shape).toEqual(shape);
      expectClose(results[key]!.data, expected, 2e-5);
    }
  } finally {
    plan.dispose();
    state.dispose();
    parameters.dispose();
  }
});

import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { type FloatTensor, floatTensor, type Shape, sizeOf } from '../../src/core/tensor.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { compile } from '../../src/graph/compile.ts';
import { gradients } from '../../src/graph/gradients.ts';
import type { ValueId } from '../../src/graph/graph.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { DeviceState } from '../../src/graph/state.ts';
import { operators } from '../../src/ops/index.ts';
import { testGpu } from '../harness.ts';

const gpu = testGpu();

type State = (name: string, shape: Shape) => ValueId;

/** Networks that end in any value; the loss is a weighted sum of its elements. */
const NETWORKS: Readonly<Record<string, (b: GraphBuilder, state: State) => ValueId>> = {
  attention(b, state) {
    const x = b.layerNorm('norm', state('x', [2, 5, 6]), state('gamma', [6]), state('beta', [6]));
    const head = (name: string) => {
      const y = b.matmul(name, x, state(`${name}/weights`, [6, 6]));
      return b.transpose(`${name}/heads`, b.reshape(`${name}/split`, y, [2, 5, 2, 3]), [0, 2, 1, 3]);
    };
    const [q, k, v] = [head('q'), head('k'), head('v')];
    const scores = b.softmax('scores', b.matmul('qk', q, k, { transposeB: true }));
    return b.gelu('gelu', b.matmul('mixed', scores, v));
  },
  'attention without its scores'(b, state) {
    const operands = [state('q', [2, 5, 6]), state('k', [2, 9, 6]), state('v', [2, 9, 7])];
    return b.add(operators.attention, 'attention', { scale: 0.6 }, operands)[0]!;
  },
  'squeeze and excitation'(b, state) {
    const x = state('x', [2, 2, 3, 3, 5]);
    const squeezed = b.reduce('squeeze', 'mean', x, [1, 2, 3], { keep: true });
    const hidden = b.swish('swish', b.linear('down', squeezed, state('down', [5, 3])));
    return b.mul('scaled', x, b.sigmoid('gate', b.linear('up', hidden, state('up', [3, 5]))));
  },
  'broadcasting both ways'(b, state) {
    const [x, y] = [state('x', [3, 1, 5]), state('y', [2, 1, 4, 1])];
    const quotient = b.binary('quotient', 'div', b.binary('sub', 'sub', x, y), b.unary('exp', 'exp', y));
    return b.unary('tanh', 'tanh', b.binary('max', 'max', quotient, b.unary('square', 'square', x)));
  },
  reductions(b, state) {
    const x = state('x', [2, 3, 4, 6]);
    const largest = b.reduce('largest', 'max', x, [1, 3]);
    const sums = b.reduce('sums', 'sum', b.softmax('softmax', x, 2), [1, -1]);
    return b.sum('both', largest, b.mul('product', sums, b.reduce('mean', 'mean', x, [0, 1, 3])));
  },
  'transposed products'(b, state) {
    const [x, y] = [state('x', [2, 1, 3, 5]), state('y', [4, 6, 3])];
    const z = b.matmul('z', x, y, { transposeA: true, transposeB: true });
    return b.matmul('w', z, state('v', [5, 2]), { transposeA: true });
  },
};

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

describe('gradients agree with finite differences', () => {
  it.each(Object.entries(NETWORKS))('%s', async (name, build) => {
    const random = new Random(7, name);
    const builder = new GraphBuilder();
    const states = new Map<string, ValueId>();
    const end = build(builder, (state, shape) => {
      const value = builder.state(state, shape);
      states.set(state, value);
      return value;
    });
    const size = sizeOf(builder.shapeOf(end));
    const flat = builder.reshape('flat', end, [1, size]);
    const loss = builder.name('loss', builder.linear('loss', flat, builder.parameter('w', [size, 1])));
    const found = gradients(builder, loss, builder.input('seed', [1, 1]), [...states.values()]);
    for (const [i, state] of [...states.keys()].entries()) builder.name(state, found[i]!);
    const graph = builder.build();
    const numbers = (shape: Shape): FloatTensor =>
      floatTensor(
        shape,
        Float32Array.from({ length: sizeOf(shape) }, () => random.range(-1, 1)),
      );
    const state = new DeviceState(gpu());
    const parameters = new DeviceParameters(gpu(), new Map([['w', numbers([size, 1])]]));
    const values = new Map([...states].map(([key, value]) => [key, numbers(graph.values[value]!.type.shape)]));
    for (const [key, tensor] of values) state.set(key, tensor);
    const plan = await compile(graph, parameters, { state });
    const run = () => plan.run({ seed: floatTensor([1, 1], [1]) });
    try {
      const results = await run();
      for (const [key, tensor] of values) {
        const direction = tensor.data.map(() => random.range(-1, 1));
        const step = 0.01 / Math.hypot(...direction);
        const lossAt = async (by: number): Promise<number> => {
          state.set(
            key,
            floatTensor(
              tensor.shape,
              tensor.data.map((value, i) => value + by * direction[i]!),
            ),
          );
          return (await run()).loss!.data[0]!;
        };
        const difference = (await lossAt(step)) - (await lossAt(-step));
        state.set(key, tensor);
        const gradient = results[key]!.data;
        const allowed = 0.05 * 0.02 * Math.hypot(...gradient) + 3e-6;
        expect(Math.abs(difference - 2 * step * dot(gradient, direction)), key).toBeLessThan(allowed);
      }
    } finally {
      plan.dispose();
      state.dispose();
      parameters.dispose();
    }
  });
});

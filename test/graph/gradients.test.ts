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
const CLASSES = 3;

/** A small network of random layers, all of whose tensors are states: x, weights, everything. */
function randomNetwork(random: Random): { builder: GraphBuilder; loss: ValueId; states: Map<string, ValueId> } {
  const builder = new GraphBuilder();
  const states = new Map<string, ValueId>();
  const state = (name: string, shape: Shape): ValueId => {
    const value = builder.state(name, shape);
    states.set(name, value);
    return value;
  };
  let x = state('x', [2, 2 + random.integer(3), 4 + random.integer(3), 4 + random.integer(3), 1 + random.integer(6)]);
  for (let layer = 0; layer < 4; layer++) {
    const name = `layer ${layer}`;
    const channels = builder.shapeOf(x).at(-1)!;
    const convolve = (input: ValueId, what: string, cout: number): ValueId => {
      const kernel = [1, 2, 3].map(() => 1 + random.integer(3)) as [number, number, number];
      const stride = [1, 1, 1].map(() => 1 + (random.uniform() < 0.2 ? 1 : 0)) as [number, number, number];
      const grouped = random.uniform() < 0.3 && channels > 1;
      const groups = grouped ? channels : 1;
      const outputs = grouped ? channels : cout;
      const weights = state(`${what}/weights`, [...kernel, channels / groups, outputs]);
      const bias = random.uniform() < 0.5 ? { bias: state(`${what}/bias`, [outputs]) } : {};
      return builder.conv3d(what, input, weights, { stride, groups, ...bias });
    };
    switch (random.integer(5)) {
      case 0:
        x = builder.maxPool3d(name, x, { kernel: [2, 3, 3], stride: [1, 1 + random.integer(2), 1] });
        break;
      case 1: {
        const y = state(`${name}/other`, builder.shapeOf(x));
        x = builder.relu(`${name}/relu`, builder.sum(name, x, y));
        break;
      }
      case 2: {
        const branches = [x, state(`${name}/branch`, [...builder.shapeOf(x).slice(0, -1), 5])];
        x = builder.concat(name, branches);
        break;
      }
      case 3: {
        const [mean, variance] = builder.add(operators.batchStatistics, `${name}/statistics`, {}, [x]) as [
          ValueId,
          ValueId,
        ];
        const [gamma, beta] = [state(`${name}/gamma`, [channels]), state(`${name}/beta`, [channels])];
        const activation = random.uniform() < 0.5 ? 'relu' : 'none';
        const attributes = { epsilon: 1e-3, activation, batch: true } as const;
        x = builder.add(operators.normalize, name, attributes, [x, mean, variance, gamma, beta])[0]!;
        break;
      }
      default:
        x = convolve(x, name, 1 + random.integer(6));
    }
  }
  const pooled = builder.mean('mean', x);
  const weights = state('head/weights', [builder.shapeOf(pooled).at(-1)!, CLASSES]);
  const logits = builder.linear('head', pooled, weights, state('head/bias', [CLASSES]));
  const targets = builder.input('targets', [2, CLASSES]);
  const loss = builder.name('loss', builder.add(operators.crossEntropy, 'loss', {}, [logits, targets])[0]!);
  return { builder, loss, states };
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

describe('gradients', () => {
  it.each(Array.from({ length: 12 }, (_, seed) => seed))('agree with finite differences (network %i)', async (seed) => {
    const random = new Random(seed, 'network');
    const { builder, loss, states } = randomNetwork(random);
    const found = gradients(builder, loss, builder.input('seed', [1]), [...states.values()]);
    [...states.keys()].forEach((name, i) => {
      builder.name(name, found[i]!);
    });
    const graph = builder.build();
    const state = new DeviceState(gpu());
    const parameters = new DeviceParameters(gpu(), new Map());
    const values = new Map<string, FloatTensor>();
    for (const [name, value] of states) {
      const shape = graph.values[value]!.type.shape;
      const data = Float32Array.from({ length: sizeOf(shape) }, () => random.range(-1, 1));
      values.set(name, floatTensor(shape, data));
      state.set(name, floatTensor(shape, data));
    }
    const inputs = { targets: floatTensor([2, CLASSES], [0.7, 0.1, 0.2, 0, 1, 0]), seed: floatTensor([1], [1]) };
    const backward = await compile(graph, parameters, { state });
    const forward = await compile(graph, parameters, { state, outputs: ['loss'] });
    const lossWith = async (name: string, tensor: FloatTensor): Promise<number> => {
      state.set(name, tensor);
      return (await forward.run({ targets: inputs.targets })).loss!.data[0]!;
    };
    const results = await backward.run(inputs);
    for (const [name, tensor] of values) {
      const direction = tensor.data.map(() => random.range(-1, 1));
      const length = Math.hypot(...direction);
      const step = 0.02 / length;
      const moved = (by: number) =>
        floatTensor(
          tensor.shape,
          tensor.data.map((value, i) => value + by * direction[i]!),
        );
      const difference = (await lossWith(name, moved(step))) - (await lossWith(name, moved(-step)));
      state.set(name, tensor);
      const gradient = results[name]!.data;
      const expected = dot(gradient, direction) * step * 2;
      // Kinks of ReLU and of maxima within the step, and rounding of the loss, cost some digits.
      const scale = Math.hypot(...gradient) * 0.04;
      expect(Math.abs(difference - expected), `${name} of ${loss}`).toBeLessThan(0.05 * scale + 3e-6);
    }
    backward.dispose();
    forward.dispose();
    state.dispose();
    parameters.dispose();
  });
});

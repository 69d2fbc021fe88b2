/** @file Small graphs and made-up parameters for tests. */

import { type FloatTensor, floatTensor, sizeOf } from '../../src/core/tensor.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { inceptionModule } from '../../src/i3d/graph.ts';
import { fill, uniform } from '../formula.ts';

/** Values for every parameter of a graph, by the formula; variances and gammas positive. */
export function formulaParameters(graph: Graph): Map<string, FloatTensor> {
  const parameters = new Map<string, FloatTensor>();
  for (const { source, type } of graph.values) {
    if (source.kind !== 'parameter') continue;
    const size = sizeOf(type.shape);
    const positive = /variance|gamma/.test(source.name);
    const fanIn = sizeOf(type.shape.slice(0, -1));
    const data = positive
      ? Float32Array.from({ length: size }, (_, i) => 0.5 + uniform(source.name, i))
      : fill(source.name, size, type.shape.length > 1 ? Math.sqrt(6 / fanIn) : 0.1);
    parameters.set(source.name, floatTensor(type.shape, data));
  }
  return parameters;
}

/** A tensor by the formula. */
export function formulaTensor(name: string, shape: readonly number[]): FloatTensor {
  return floatTensor(shape, fill(name, sizeOf(shape)));
}

/** One Inception module between two convolutions, with odd sizes; outputs `module` and `y`. */
export function moduleGraph(channels = 7): Graph {
  const builder = new GraphBuilder();
  const x = builder.input('x', [1, 3, 9, 8, channels]);
  const layer = { kind: 'mixed', name: 'Mixed', branches: [8, [12, 20], [4, 8], 12] } as const;
  const module = builder.name('module', inceptionModule(builder, layer, x));
  const weights = builder.parameter('last/weights', [1, 1, 1, 48, 5]);
  builder.name('y', builder.mean('mean', builder.conv3d('last', module, weights)));
  return builder.build();
}

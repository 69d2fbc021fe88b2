/** @file Parameters and multiply-adds of the models of others, beside what their publications say. */

import { expect, it } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import { sizeOf } from '../../src/core/tensor.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { modelGraph } from '../../src/models/graph.ts';
import { modelParameters } from '../../src/models/parameters.ts';
import { modelSpec } from '../../src/models/spec.ts';

/** Multiply-adds of convolutions and dense layers, 10⁹. */
function multiplyAdds({ nodes, values }: Graph): number {
  const shapeOf = (value: number) => values[value]!.type.shape;
  const products = nodes
    .filter(({ operator }) => operator.type === 'conv3d' || operator.type === 'linear')
    .map(({ inputs, outputs }) =>
      outputs.reduce((sum, y) => sum + sizeOf(shapeOf(y)) * sizeOf(shapeOf(inputs[1]!).slice(0, -1)), 0),
    );
  return products.reduce((sum, each) => sum + each, 0) / 1e9;
}

it.each([
  // Of torchvision's documentation.
  ['r3d-18', 400, 33.37, 40.7],
  ['mc3-18', 400, 11.7, 43.34],
  ['r2plus1d-18', 400, 31.51, 40.52],
  // 17.98 of 16 frames.
  ['s3d-torchvision', 400, 8.32, 4 * 17.98],
  // Of pytorchvideo's model zoo, which counts frames of 256×256: 37.53.
  ['i3d-r50', 400, 28.04, 37.53 * (224 / 256) ** 2],
  // Of the paper, table 1: 24.3 million and 33.
  ['tsm-r50', 400, 24.3, 33],
  // Of pytorchvideo's model zoo, 3.79 million, and of the paper, table 4, whose 3.76 and 6.08 million are those without batch norms.
  ['x3d-xs', 400, 3.79, 0.6],
  ['x3d-s', 400, 3.79, 1.96],
  ['x3d-m', 400, 3.79, 4.73],
  ['x3d-l', 400, 6.15, 18.37],
  ['c3d', 487, 79.99, 38.5],
] as const)(
  '%s with %i classes: %d million parameters, %d thousand million multiply-adds',
  (id, classes, millions, billions) => {
    const spec = modelSpec({ architecture: MODELS.get(id, 'the test'), stream: 'rgb', classes });
    const trained = [...modelParameters(spec)].filter(([name]) => !/\/(mean|variance)$/.test(name));
    const count = trained.reduce((sum, [, shape]) => sum + sizeOf(shape), 0) / 1e6;
    expect(Math.abs(count / millions - 1)).toBeLessThan(0.002);
    expect(Math.abs(multiplyAdds(modelGraph(spec)) / billions - 1)).toBeLessThan(0.02);
  },
);

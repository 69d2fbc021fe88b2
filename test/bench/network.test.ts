/** @file Models in the terms of other engines. */

import { expect, it } from 'vitest';
import { madeUpParameters, modelGraph, usualSize } from '../../bench/i3d.ts';
import { exportNetwork } from '../../bench/peers/network.ts';
import { encodeOnnx } from '../../bench/peers/onnx.ts';
import { MODELS } from '../../src/catalogue.ts';
import { OUTPUTS } from '../../src/models/graph.ts';

it.each(MODELS.ids)('%s: every layer has a counterpart, and reads what others write', (architecture) => {
  const network = { architecture, width: 1 };
  const graph = modelGraph({ network, stream: 'rgb', ...usualSize(network) });
  const { input, output, layers, weights } = exportNetwork(graph, OUTPUTS.logits, madeUpParameters(graph));
  const known = new Set([input.name]);
  for (const layer of layers) {
    const reads = 'inputs' in layer ? layer.inputs : [layer.x];
    expect(reads.filter((name) => !known.has(name))).toEqual([]);
    if ('weights' in layer) expect(weights.has(layer.weights)).toBe(true);
    known.add(layer.y);
  }
  expect(known.has(output.name)).toBe(true);
  expect(encodeOnnx({ input, output, layers, weights: new Map(), flops: 0 }).length).toBeGreaterThan(1000);
});

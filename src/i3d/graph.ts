/** @file Networks of Inception modules as functions that take a graph builder. */

import type { GraphBuilder } from '../graph/builder.ts';
import type { ValueId } from '../graph/graph.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import type { BuildOptions, ModelEnds } from '../models/definition.ts';
import { unit } from '../models/units.ts';
import { BATCH_NORM_EPSILON, CUBE, type Layer, type LayerTable, type MixedLayer } from './layers.ts';

/** The first layer; its parameters are `<name>/weights` and those of a batch norm. */
export const STEM = 'Conv3d_1a_7x7';
/** The layer that gives the logits; its parameters are `<name>/weights` and `<name>/bias`. */
export const LOGITS_LAYER = 'Logits/Conv3d_0c_1x1';

/** End points of the head, beside those of every model (`OUTPUTS`). */
export const HEAD_OUTPUTS = {
  /** Average pool of the head, N×T′×H′×W′×C; of I3D one step every 8 frames and C = 1024. */
  averagePool: 'AvgPool',
  /** Logits per time step, N×T′×H′×W′×classes. */
  logitsOverTime: 'Logits',
} as const;

/** Adds a whole network to x (N×T×H×W×C); names every layer's end point and the values of `HEAD_OUTPUTS`. */
export function addTable(
  builder: GraphBuilder,
  table: LayerTable,
  x: ValueId,
  options: BuildOptions & { readonly classes: number },
): ModelEnds {
  const trunk = table.layers.reduce((value, layer) => builder.name(layer.name, addLayer(builder, layer, value)), x);
  return addHead(builder, table, trunk, options);
}

function addLayer(builder: GraphBuilder, layer: Layer, x: ValueId): ValueId {
  switch (layer.kind) {
    case 'unit':
      return unit(builder, layer.name, x, { ...layer, epsilon: BATCH_NORM_EPSILON });
    case 'maxPool':
      return builder.maxPool3d(layer.name, x, { kernel: layer.kernel, stride: layer.stride });
    case 'mixed':
      return inceptionModule(builder, layer, x);
  }
}

/** Four branches over x, concatenated along the channels. */
export function inceptionModule(
  builder: GraphBuilder,
  { name, branches, kernels = [CUBE, CUBE], poolKernel = CUBE }: MixedLayer,
  x: ValueId,
): ValueId {
  const [c0, c1, c2, c3] = branches;
  const branch = (path: string, input: ValueId, kernel: Triple, channels: number) =>
    unit(builder, `${name}/${path}`, input, { kernel, channels, epsilon: BATCH_NORM_EPSILON });
  const point = (path: string, input: ValueId, channels: number) => branch(path, input, [1, 1, 1], channels);
  // As in the original code, where the names of 3D kernels give their width: Conv3d_0b_3x3.
  const cube = (path: string, input: ValueId, kernel: Triple, channels: number) =>
    branch(`${path}/Conv3d_0b_${kernel[2]}x${kernel[2]}`, input, kernel, channels);
  const branch0 = point('Branch_0/Conv3d_0a_1x1', x, c0);
  const branch1 = cube('Branch_1', point('Branch_1/Conv3d_0a_1x1', x, c1[0]), kernels[0], c1[1]);
  const branch2 = cube('Branch_2', point('Branch_2/Conv3d_0a_1x1', x, c2[0]), kernels[1], c2[1]);
  const pooled = builder.maxPool3d(`${name}/Branch_3/MaxPool3d_0a_3x3`, x, { kernel: poolKernel, stride: [1, 1, 1] });
  const branch3 = point('Branch_3/Conv3d_0b_1x1', pooled, c3);
  return builder.concat(name, [branch0, branch1, branch2, branch3]);
}

function addHead(
  builder: GraphBuilder,
  { headPool }: LayerTable,
  x: ValueId,
  { classes, dropout, overTime }: BuildOptions & { readonly classes: number },
): ModelEnds {
  const [, t, h, w, channels] = builder.shapeOf(x) as [number, number, number, number, number];
  const kernel: Triple = overTime ? [headPool?.[0] ?? 1, h, w] : (headPool ?? [t, h, w]);
  const pooled = builder.averagePool3d(HEAD_OUTPUTS.averagePool, x, { kernel, stride: [1, 1, 1] });
  builder.name(HEAD_OUTPUTS.averagePool, pooled);
  const features = average(builder, 'Head/features', pooled);
  if (classes === 0) return { features, logits: undefined };
  const kept = dropout > 0 ? builder.dropout('Head/dropout', pooled, dropout) : pooled;
  const weights = builder.parameter(`${LOGITS_LAYER}/weights`, [1, 1, 1, channels, classes]);
  const bias = builder.parameter(`${LOGITS_LAYER}/bias`, [classes]);
  const logits = builder.name(HEAD_OUTPUTS.logitsOverTime, builder.conv3d(LOGITS_LAYER, kept, weights, { bias }));
  return { features, logits: average(builder, 'Head/logits', logits) };
}

/** The mean over all steps, N×C; of a single one, that itself. */
function average(builder: GraphBuilder, name: string, x: ValueId): ValueId {
  const [n, t, h, w, c] = builder.shapeOf(x) as [number, number, number, number, number];
  return t * h * w === 1 ? builder.reshape(`${name}/flat`, x, [n, c]) : builder.mean(name, x);
}

/** @file What S3D and S3D-G consist of: windows over space and over time one after the other, and Inception modules of them. */

import type { GraphBuilder } from '../graph/builder.ts';
import type { ValueId } from '../graph/graph.ts';
import { CUBE, type MixedLayer } from '../i3d/layers.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import { centred, unit } from '../models/units.ts';

/** The part of a layer that looks at each frame by itself; the one over time has the layer's name. */
export const SPATIAL = 'spatial';

/** How a network makes the layers that all of them have. */
export interface SeparableStyle {
  /** Of the batch norms. */
  readonly epsilon: number;
  /** What a branch of a module is put through before it is joined to the others; nothing where left out. */
  gate?(builder: GraphBuilder, name: string, x: ValueId): ValueId;
}

interface Separable {
  /** On every axis. */
  readonly extent: number;
  readonly stride: number;
  readonly channels: number;
}

/** 1×k×k, then k×1×1, a norm and a ReLU after each. */
export function separable(
  builder: GraphBuilder,
  name: string,
  x: ValueId,
  { extent, stride, channels }: Separable,
  { epsilon }: SeparableStyle,
): ValueId {
  const [space, time]: readonly [Triple, Triple] = [
    [1, extent, extent],
    [extent, 1, 1],
  ];
  const shared = { channels, epsilon };
  const frames = unit(builder, `${name}/${SPATIAL}`, x, {
    ...shared,
    kernel: space,
    stride: [1, stride, stride],
    padding: centred(space),
  });
  return unit(builder, name, frames, { ...shared, kernel: time, stride: [stride, 1, 1], padding: centred(time) });
}

export const point = (
  builder: GraphBuilder,
  name: string,
  x: ValueId,
  channels: number,
  { epsilon }: SeparableStyle,
): ValueId => unit(builder, name, x, { kernel: [1, 1, 1], channels, epsilon });

/** An Inception module: branches `branch0.0`, `branch1.0` and `branch1.1`, `branch2.0` and `branch2.1`, `branch3.1`. */
export function mixed(
  builder: GraphBuilder,
  { name, branches }: MixedLayer,
  x: ValueId,
  style: SeparableStyle,
): ValueId {
  const [c0, [c1, c1b], [c2, c2b], c3] = branches;
  const window = (branch: string, inner: number, outer: number): ValueId =>
    separable(
      builder,
      `${name}/${branch}.1`,
      point(builder, `${name}/${branch}.0`, x, inner, style),
      { extent: 3, stride: 1, channels: outer },
      style,
    );
  const pooled = builder.maxPool3d(`${name}/branch3.0`, x, { kernel: CUBE, stride: [1, 1, 1], padding: centred(CUBE) });
  const ends = [
    point(builder, `${name}/branch0.0`, x, c0, style),
    window('branch1', c1, c1b),
    window('branch2', c2, c2b),
    point(builder, `${name}/branch3.1`, pooled, c3, style),
  ];
  const { gate } = style;
  return builder.concat(name, gate ? ends.map((end, i) => gate(builder, `${name}/branch${i}`, end)) : ends);
}

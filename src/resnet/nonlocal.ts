/**
 * @file The non-local block (Wang et al., "Non-local Neural Networks", CVPR 2018, figure 2) as SlowFast has it: every position of a clip
 * looks at all positions, keys and values at half as many rows and columns, by softmax of the products over the square root of
 * their channels.
 */

import type { GraphBuilder } from '../graph/builder.ts';
import type { ValueId } from '../graph/graph.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import type { TorchModules } from '../models/naming.ts';
import { normalised } from '../models/units.ts';
import { attention } from '../ops/attention/attention.ts';

const POINT: Triple = [1, 1, 1];
const POOL: Triple = [1, 2, 2];

/** x, N×T×H×W×C, and what each position sees: 1×1×1 to C/2 channels, attention, 1×1×1 back, a batch norm. */
export function nonlocal(builder: GraphBuilder, name: string, x: ValueId): ValueId {
  const shape = builder.shapeOf(x) as readonly [number, number, number, number, number];
  const [samples, , , , channels] = shape;
  const inner = channels / 2;
  const point = (part: string, from: ValueId, cout: number): ValueId => {
    const path = `${name}/${part}`;
    const weights = builder.parameter(`${path}/weights`, [...POINT, builder.shapeOf(from).at(-1)!, cout]);
    return builder.conv3d(path, from, weights, { bias: builder.parameter(`${path}/bias`, [cout]) });
  };
  /** Positions as rows of a matrix. */
  const rows = (part: string, from: ValueId): ValueId => {
    const [, t, h, w] = builder.shapeOf(from) as typeof shape;
    return builder.reshape(`${name}/${part}/rows`, point(part, from, inner), [samples, t * h * w, inner]);
  };
  const fewer = builder.maxPool3d(`${name}/pool`, x, { kernel: POOL, padding: 'valid' });
  const operands = [rows('theta', x), rows('phi', fewer), rows('g', fewer)];
  const [seen] = builder.add(attention, `${name}/attention`, { scale: inner ** -0.5 }, operands);
  const volume = builder.reshape(`${name}/volume`, seen!, [...shape.slice(0, -1), inner]);
  return builder.sum(`${name}/sum`, x, normalised(builder, `${name}/out`, point('out', volume, channels)));
}

/** @param norm What SlowFast calls its batch norm: `bn`, or `norm` in some of its versions. */
export const nonlocalModules = (module: string, part: string, norm: string): TorchModules => ({
  layer: `${module}.conv_${part}`,
  ...(part === 'out' ? { norm: `${module}.${norm}` } : {}),
});

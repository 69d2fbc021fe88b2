/**
 * @file C3D (Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks", ICCV 2015): eight convolutions of 3×3×3 with
 * biases, five pools and three dense layers, as DavideA/c3d-pytorch has it, whose weights are those of Caffe's, trained on Sports-1M.
 */

import type { GraphBuilder } from '../graph/builder.ts';
import type { ValueId } from '../graph/graph.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import { defineModel } from '../models/definition.ts';
import { channelsFirstShapes, torchNaming } from '../models/naming.ts';
import { centred, type UnitOptions } from '../models/units.ts';
import type { Padding } from '../ops/sliding_window.ts';

const CUBE: Triple = [3, 3, 3];
const POINT: Triple = [1, 1, 1];
/** Convolutions before each pool. */
const GROUPS = [
  { layers: ['conv1'], channels: 64 },
  { layers: ['conv2'], channels: 128 },
  { layers: ['conv3a', 'conv3b'], channels: 256 },
  { layers: ['conv4a', 'conv4b'], channels: 512 },
  { layers: ['conv5a', 'conv5b'], channels: 512 },
] as const;
/** Of the last pool, whose rows and columns are 7. */
const LAST_PADDING = [
  [0, 0],
  [1, 1],
  [1, 1],
] as const;
const DENSE = 4096;
const HEAD = 'fc8';

/** `<name>/weights` and `<name>/bias`. */
function convolution(
  builder: GraphBuilder,
  name: string,
  x: ValueId,
  { kernel, channels }: Pick<UnitOptions, 'kernel' | 'channels'>,
  padding: Padding = 'valid',
): ValueId {
  const weights = builder.parameter(`${name}/weights`, [...kernel, builder.shapeOf(x).at(-1)!, channels]);
  const bias = builder.parameter(`${name}/bias`, [channels]);
  return builder.name(name, builder.conv3d(name, x, weights, { bias, padding }));
}

export const C3D = defineModel({
  id: 'c3d',
  name: 'C3D',
  defaults: { frames: 16, size: 112, shortSide: 128 },
  build(builder, { classes }, clip, { dropout }) {
    let x = clip;
    for (const [group, { layers, channels }] of GROUPS.entries()) {
      for (const name of layers) {
        x = builder.relu(`${name}/relu`, convolution(builder, name, x, { kernel: CUBE, channels }, centred(CUBE)));
      }
      const pool = `pool${group + 1}`;
      x = builder.name(
        pool,
        builder.maxPool3d(pool, x, {
          // The first pool leaves time alone, and the last one has a border.
          kernel: [group === 0 ? 1 : 2, 2, 2],
          padding: group === 4 ? LAST_PADDING : 'valid',
        }),
      );
    }
    // A dense layer over a volume is a convolution with a window as large as that.
    const [, t, h, w] = builder.shapeOf(x) as [number, number, number, number];
    const drop = (name: string, value: ValueId) => (dropout > 0 ? builder.dropout(name, value, dropout) : value);
    const fc6 = builder.relu('fc6/relu', convolution(builder, 'fc6', x, { kernel: [t, h, w], channels: DENSE }));
    const fc7 = builder.relu(
      'fc7/relu',
      convolution(builder, 'fc7', drop('fc6/dropout', fc6), { kernel: POINT, channels: DENSE }),
    );
    const features = builder.mean('features', fc7);
    if (classes === 0) return { features, logits: undefined };
    const fc8 = convolution(builder, HEAD, drop('fc7/dropout', fc7), { kernel: POINT, channels: classes });
    return { features, logits: builder.mean('logits', fc8) };
  },
  stem: 'conv1',
  head: HEAD,
  published: {
    classes: 487,
    files: ['c3d.pickle'],
    accuracy: { value: 85.2, of: 'top-5 of videos, Sports-1M', source: 'Tran et al. 2015, table 1' },
  },
  fixedInput: true,
  // Red, green and blue as bytes, 0 … 255, as the publication's predict.py gives them; 128×171 whatever the proportions, as the paper does.
  preprocessing: {
    mean: [0, 0, 0],
    deviation: [1 / 255, 1 / 255, 1 / 255],
    geometry: (_height, _width, { size, shortSide }) => {
      const resized = { height: shortSide, width: Math.round((shortSide * 171) / 128) };
      const top = Math.round((resized.height - size) / 2);
      return { resized, crop: { top, left: Math.round((resized.width - size) / 2), height: size, width: size } };
    },
  },
  namings: {
    davidea: torchNaming(
      'DavideA/c3d-pytorch',
      (layer) => ({ layer }),
      // The dense layers are stored as matrices, whose columns go channel by channel through the volume.
      (shape) => {
        const usual = channelsFirstShapes(shape);
        const isDense = shape.length === 5 && shape[0] !== 3;
        return isDense
          ? usual.map(([cout = 1, ...rest]) => [cout, rest.reduce((product, n) => product * n, 1)])
          : usual;
      },
    ),
  },
});

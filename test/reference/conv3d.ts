/** @file 3D convolution by its definition, with groups. */

import type { Activation } from '../../src/kernels/pointwise/activation.ts';
import { eachPixel, eachTap, type Shape5, type Volume, volume } from './volume.ts';

type Triple = readonly [number, number, number];

export interface ReferenceConv3d {
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly padding: Triple;
  readonly groups?: number;
  readonly activation?: Activation;
}

/**
 * @param weights [kt][kh][kw][Cin / groups][Cout]
 * @param shape of the output
 */
export function conv3d(
  x: Volume,
  weights: Float32Array,
  bias: Float32Array,
  shape: Shape5,
  { kernel, stride, padding, groups = 1, activation = 'none' }: ReferenceConv3d,
): Volume {
  const y = volume(shape);
  const [cin, cout] = [x.shape[4], shape[4]];
  const [inner, outer] = [cin / groups, cout / groups];
  eachPixel(shape, (n, t, h, w, pixel) => {
    const sums = y.data.subarray(pixel * cout, (pixel + 1) * cout);
    sums.set(bias);
    const corner = [t * stride[0] - padding[0], h * stride[1] - padding[1], w * stride[2] - padding[2]] as const;
    eachTap(x.shape, n, corner, kernel, (tap, from) => {
      for (let oc = 0; oc < cout; oc++) {
        const first = Math.floor(oc / outer) * inner;
        for (let c = 0; c < inner; c++) {
          sums[oc]! += x.data[from * cin + first + c]! * weights[(tap * inner + c) * cout + oc]!;
        }
      }
    });
    if (activation === 'relu')
      sums.forEach((value, oc) => {
        sums[oc] = Math.max(value, 0);
      });
  });
  return y;
}

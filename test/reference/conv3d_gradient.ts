/** @file The gradients of a 3D convolution by its definition, with groups. */

import type { ReferenceConv3d } from './conv3d.ts';
import { eachPixel, eachTap, type Volume, volume } from './volume.ts';

/**
 * @param weights [kt][kh][kw][Cin / groups][Cout]
 * @returns by x, and by the weights, in their layout
 */
export function conv3dGradient(
  x: Volume,
  weights: Float32Array,
  dy: Volume,
  { kernel, stride, padding, groups = 1 }: ReferenceConv3d,
): { dx: Float64Array; dw: Float64Array } {
  const dx = volume(x.shape).data;
  const dw = new Float64Array(weights.length);
  const [cin, cout] = [x.shape[4], dy.shape[4]];
  const [inner, outer] = [cin / groups, cout / groups];
  eachPixel(dy.shape, (n, t, h, w, pixel) => {
    const corner = [t * stride[0] - padding[0], h * stride[1] - padding[1], w * stride[2] - padding[2]] as const;
    eachTap(x.shape, n, corner, kernel, (tap, from) => {
      for (let oc = 0; oc < cout; oc++) {
        const gradient = dy.data[pixel * cout + oc]!;
        const first = Math.floor(oc / outer) * inner;
        for (let c = 0; c < inner; c++) {
          const weight = (tap * inner + c) * cout + oc;
          dw[weight]! += x.data[from * cin + first + c]! * gradient;
          dx[from * cin + first + c]! += weights[weight]! * gradient;
        }
      }
    });
  });
  return { dx, dw };
}

/** @file 3D pooling by its definition. */

import { eachPixel, eachTap, type Shape5, type Volume, volume } from './volume.ts';

type Triple = readonly [number, number, number];

export interface ReferencePool3d {
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly padding: Triple;
  readonly mode: 'max' | 'average';
  readonly includePadding?: boolean;
}

export function pool3d(x: Volume, shape: Shape5, pool: ReferencePool3d): Volume {
  const { kernel, stride, padding, mode } = pool;
  const y = volume(shape);
  const channels = shape[4];
  eachPixel(shape, (n, t, h, w, pixel) => {
    const corner = [t * stride[0] - padding[0], h * stride[1] - padding[1], w * stride[2] - padding[2]] as const;
    for (let c = 0; c < channels; c++) {
      const window: number[] = [];
      eachTap(x.shape, n, corner, kernel, (_, from) => window.push(x.data[from * channels + c]!));
      const count = pool.includePadding ? kernel[0] * kernel[1] * kernel[2] : window.length;
      y.data[pixel * channels + c] =
        mode === 'max' ? Math.max(...window) : window.reduce((sum, value) => sum + value, 0) / count;
    }
  });
  return y;
}

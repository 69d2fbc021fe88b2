/** @file Clips for tests of recognition. */

import type { HostTensor } from '../../src/core/tensor.ts';

/** A texture that moves, of a size that is resized and cropped. */
export function clip(frames: number, height = 80, width = 102): HostTensor<'u8'> {
  const data = new Uint8Array(frames * height * width * 3);
  for (let t = 0, i = 0; t < frames; t++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [u, v] = [x - 1.5 * t, y + t];
        for (let c = 0; c < 3; c++) data[i++] = 128 + 60 * Math.sin(0.23 * u + 0.11 * v + c) + 50 * Math.cos(0.19 * v);
      }
    }
  }
  return { dtype: 'u8', shape: [frames, height, width, 3], data };
}

/** Its frames. */
export async function* oneByOne({ shape, data }: HostTensor<'u8'>) {
  const [frames = 0, height = 0, width = 0] = shape;
  const size = height * width * 3;
  for (let i = 0; i < frames; i++) yield { data: data.subarray(i * size, (i + 1) * size), width, height };
}

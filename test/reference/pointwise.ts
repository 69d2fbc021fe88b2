/** @file Operators that need no window, by their definitions. */

import { type Volume, volume } from './volume.ts';

export function affine(x: Volume, scale: Float32Array, shift: Float32Array, floor = -Infinity): Volume {
  const c = x.shape[4];
  return {
    shape: x.shape,
    data: Float64Array.from(x.data, (v, i) => Math.max(v * scale[i % c]! + shift[i % c]!, floor)),
  };
}

export function relu(x: Volume): Volume {
  return { shape: x.shape, data: Float64Array.from(x.data, (v) => Math.max(v, 0)) };
}

export function add(a: Volume, b: Volume): Volume {
  return { shape: a.shape, data: Float64Array.from(a.data, (v, i) => v + b.data[i]!) };
}

/** Over the channels. */
export function softmax(x: Volume): Volume {
  const y = volume(x.shape);
  const channels = x.shape[4];
  for (let first = 0; first < x.data.length; first += channels) {
    const values = Array.from(x.data.subarray(first, first + channels));
    const peak = Math.max(...values);
    const exponentials = values.map((v) => Math.exp(v - peak));
    const sum = exponentials.reduce((a, b) => a + b, 0);
    exponentials.forEach((v, c) => {
      y.data[first + c] = v / sum;
    });
  }
  return y;
}

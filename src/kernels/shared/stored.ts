/** @file Tensors as the device stores them: channels last, padded to a multiple of 4 by zeros. */

import { pixelsOf, type View, vec4s } from './view.ts';

/**
 * Fills `stored` with channels-last values as rows padded by zeros to a multiple of 4 channels, from the float `from` of the rows
 * on.
 */
export function padInto(stored: Float32Array, values: Float32Array, view: View, from = 0): void {
  const channels = view.shape[4];
  const width = 4 * vec4s(channels);
  if (channels === width) {
    stored.set(values.subarray(from, from + stored.length));
    return;
  }
  let c = from % width;
  let next = ((from - c) / width) * channels + Math.min(c, channels);
  for (let i = 0; i < stored.length; i++) {
    stored[i] = c < channels ? values[next++]! : 0;
    if (++c === width) c = 0;
  }
}

/** Rows of `channels` values (one row where left out), each padded to a multiple of 4 by zeros, as activations and states lie. */
export function padChannels(values: Float32Array, channels = values.length): Float32Array<ArrayBuffer> {
  if (channels % 4 === 0) return values as Float32Array<ArrayBuffer>;
  const width = 4 * vec4s(channels);
  const packed = new Float32Array((values.length / channels) * width);
  for (let from = 0, to = 0; from < values.length; from += channels, to += width) {
    packed.set(values.subarray(from, from + channels), to);
  }
  return packed;
}

/** Without padding, and out of a wider tensor where the view is a slice of one. */
export function unpad(stored: Float32Array, view: View): Float32Array {
  const channels = view.shape[4];
  const pixels = pixelsOf(view);
  if (view.stride * 4 === channels) return stored.slice(4 * view.base, 4 * view.base + pixels * channels);
  const values = new Float32Array(pixels * channels);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const from = (view.base + pixel * view.stride) * 4;
    for (let c = 0; c < channels; c++) values[pixel * channels + c] = stored[from + c]!;
  }
  return values;
}

import { expect, it } from 'vitest';
import { padInto } from '../../src/kernels/shared/stored.ts';
import { denseView } from '../../src/kernels/shared/view.ts';

it.each([1, 3, 4, 6])('rows of %i channels are padded alike, whole and in pieces', (channels) => {
  const view = denseView([1, 1, 3, 5, channels]);
  const width = 4 * view.stride;
  const values = Float32Array.from({ length: 15 * channels }, (_, i) => i + 1);
  const whole = new Float32Array(15 * width).fill(Number.NaN);
  padInto(whole, values, view);
  const expected = Array.from({ length: whole.length }, (_, i) => {
    const [pixel, c] = [Math.floor(i / width), i % width];
    return c < channels ? pixel * channels + c + 1 : 0;
  });
  expect([...whole]).toEqual(expected);
  for (const from of [0, 1, 5, width, 2 * width + 3]) {
    const piece = new Float32Array(11).fill(Number.NaN);
    padInto(piece, values, view, from);
    expect([...piece]).toEqual(expected.slice(from, from + 11));
  }
});

/** @file Flow as pictures: the direction is the hue on Middlebury's colour wheel, the length the saturation. */

import { checkOptionNames, describeValue } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import type { FloatTensor, HostTensor } from '../core/tensor.ts';
import { checkFlow, isKnown } from './check.ts';

/** Steps of the wheel from each colour to the next: red → yellow → green → cyan → blue → magenta → red. */
const ARCS = [15, 6, 4, 11, 13, 6] as const;
const CORNERS = [
  [1, 0, 0],
  [1, 1, 0],
  [0, 1, 0],
  [0, 1, 1],
  [0, 0, 1],
  [1, 0, 1],
] as const;

/** RGB of the wheel's steps, 0 … 1; along an arc one channel rises or falls in steps of 1/255. */
export const COLOR_WHEEL: readonly (readonly [r: number, g: number, b: number])[] = ARCS.flatMap((steps, arc) =>
  Array.from({ length: steps }, (_, i) => {
    const [from, to] = [CORNERS[arc]!, CORNERS[(arc + 1) % CORNERS.length]!];
    const part = Math.floor((255 * i) / steps) / 255;
    const channel = (c: 0 | 1 | 2): number => (to[c] > from[c] ? part : to[c] < from[c] ? 1 - part : from[c]);
    return [channel(0), channel(1), channel(2)] as const;
  }),
);

export interface ColorOptions {
  /** Length that gets the full colour, in pixels; the longest known one where left out. */
  readonly maxLength?: number;
}

/**
 * @param flow H×W×2 or T×H×W×2, pixels.
 * @returns RGB of the same size (×3 instead of ×2). Still pixels are white, unknown ones black, and longer than `maxLength`
 *   is darker.
 * @throws InputError for another shape, or a `maxLength` that is not above 0.
 */
export function flowToColor(flow: FloatTensor, options: ColorOptions = {}): HostTensor<'u8'> {
  checkFlow(flow, 'The flow');
  checkOptionNames('flowToColor', options, ['maxLength']);
  const { data } = flow;
  const { maxLength } = options;
  if (maxLength !== undefined && !(Number.isFinite(maxLength) && maxLength > 0)) {
    throw new InputError(`flowToColor takes a maxLength above 0, in pixels, not ${describeValue(maxLength)}.`);
  }
  const longest = maxLength ?? longestKnown(data);
  const scale = longest > 0 ? 1 / longest : 0;
  const rgb = new Uint8Array((data.length / 2) * 3);
  for (let i = 0; i < data.length / 2; i++) {
    const [u, v] = [data[2 * i]!, data[2 * i + 1]!];
    if (isKnown(u, v)) paint(rgb, 3 * i, u * scale, v * scale);
  }
  return { dtype: 'u8', shape: [...flow.shape.slice(0, -1), 3], data: rgb };
}

function longestKnown(data: Float32Array): number {
  let longest = 0;
  for (let i = 0; i < data.length; i += 2) {
    const [u, v] = [data[i]!, data[i + 1]!];
    if (isKnown(u, v)) longest = Math.max(longest, Math.hypot(u, v));
  }
  return longest;
}

function paint(rgb: Uint8Array, at: number, u: number, v: number): void {
  const length = Math.hypot(u, v);
  const turn = (Math.atan2(-v, -u) / Math.PI + 1) / 2;
  const position = turn * (COLOR_WHEEL.length - 1);
  const near = Math.floor(position);
  const [from, to] = [COLOR_WHEEL[near]!, COLOR_WHEEL[(near + 1) % COLOR_WHEEL.length]!];
  for (let c = 0; c < 3; c++) {
    const hue = from[c as 0]! + (to[c as 0]! - from[c as 0]!) * (position - near);
    rgb[at + c] = Math.floor(255 * (length <= 1 ? 1 - length * (1 - hue) : hue * 0.75));
  }
}

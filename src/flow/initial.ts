/** @file An initial flow, taken down the pyramid on the host: once per call and small beside the solve. */

import { InputError } from '../core/errors.ts';
import { type Extent, planeOf, quadsOf } from '../kernels/tvl1/layout.ts';
import { place } from './check.ts';
import type { FlowSize } from './solver.ts';

/**
 * The coarsest level's u in the layout of tvl1/layout.ts.
 * @param flow pairs × height × width × 2.
 * @throws InputError when its length does not fit or a value is not finite.
 */
export function initialFlowState(
  flow: Float32Array,
  size: FlowSize,
  extents: readonly Extent[],
  scaleStep: number,
): Float32Array<ArrayBuffer> {
  const { width, height, pairs } = size;
  if (flow.length !== pairs * width * height * 2) {
    throw new InputError(`The initial flow needs ${pairs}×${height}×${width}×2 values, not ${flow.length}.`);
  }
  const bad = flow.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new InputError(`The initial flow is not a number at ${place(bad >> 1, height, width, 'pair')}.`);
  }
  const last = extents[extents.length - 1]!;
  const pitch = planeOf(size);
  const state = new Float32Array(pitch * 8 * pairs);
  for (let pair = 0; pair < pairs; pair++) {
    let level = flow.subarray(pair * width * height * 2, (pair + 1) * width * height * 2);
    for (let i = 1; i < extents.length; i++) level = shrink(level, extents[i - 1]!, extents[i]!, scaleStep);
    for (let y = 0; y < last.height; y++) {
      for (let x = 0; x < last.width; x++) {
        const at = (pair * pitch + y * quadsOf(last) + (x >> 2)) * 8 + (x & 3);
        state[at] = level[(y * last.width + x) * 2]!;
        state[at + 4] = level[(y * last.width + x) * 2 + 1]!;
      }
    }
  }
  return state;
}

function shrink(flow: Float32Array, from: Extent, to: Extent, scaleStep: number): Float32Array {
  const out = new Float32Array(to.width * to.height * 2);
  const tap = (i: number, size: number): [number, number, number] => {
    const x = Math.min(Math.max((i + 0.5) / scaleStep - 0.5, 0), size - 1);
    const at = Math.floor(x);
    return [at, Math.min(at + 1, size - 1), x - at];
  };
  for (let y = 0; y < to.height; y++) {
    const [y0, y1, fy] = tap(y, from.height);
    for (let x = 0; x < to.width; x++) {
      const [x0, x1, fx] = tap(x, from.width);
      for (let c = 0; c < 2; c++) {
        const at = (row: number, column: number): number => flow[(row * from.width + column) * 2 + c]!;
        const top = at(y0, x0) * (1 - fx) + at(y0, x1) * fx;
        const bottom = at(y1, x0) * (1 - fx) + at(y1, x1) * fx;
        out[(y * to.width + x) * 2 + c] = (top * (1 - fy) + bottom * fy) * scaleStep;
      }
    }
  }
  return out;
}

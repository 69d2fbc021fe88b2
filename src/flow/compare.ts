/** @file How far a flow is from the truth, as the Middlebury benchmark measures it. */

import { InputError } from '../core/errors.ts';
import { type FloatTensor, formatShape, sameShape } from '../core/tensor.ts';
import { checkFlow, isKnown } from './check.ts';

export interface FlowError {
  /** Mean length of the difference, over known pixels. Pixels; NaN where none is known. */
  readonly endPointError: number;
  /** Mean angle between (u, v, 1) of both, over known pixels. Degrees. */
  readonly angularError: number;
  /** Pixels where the truth is known. */
  readonly validPixels: number;
}

/**
 * @param flow, truth Both H×W×2 or T×H×W×2, pixels.
 * @throws InputError when one is no flow, their shapes differ, or the flow is no number where the truth is known.
 */
export function compareFlow(flow: FloatTensor, truth: FloatTensor): FlowError {
  checkFlow(flow, 'The flow');
  checkFlow(truth, 'The truth');
  if (!sameShape(flow.shape, truth.shape)) {
    throw new InputError(
      `Flow of ${formatShape(flow.shape)} cannot be compared with a truth of ${formatShape(truth.shape)}.`,
    );
  }
  let [distance, angle, count] = [0, 0, 0];
  for (let i = 0; i < truth.data.length; i += 2) {
    const [u, v] = [flow.data[i]!, flow.data[i + 1]!];
    const [tu, tv] = [truth.data[i]!, truth.data[i + 1]!];
    if (!isKnown(tu, tv)) continue;
    if (!Number.isFinite(u) || !Number.isFinite(v)) {
      throw new InputError(
        `The flow has no displacement at pixel ${i / 2}, where it is (${u}, ${v}) and the truth (${tu}, ${tv}).`,
      );
    }
    distance += Math.hypot(u - tu, v - tv);
    const cosine = (u * tu + v * tv + 1) / Math.sqrt((u * u + v * v + 1) * (tu * tu + tv * tv + 1));
    angle += Math.acos(Math.min(1, Math.max(-1, cosine)));
    count++;
  }
  return { endPointError: distance / count, angularError: ((angle / count) * 180) / Math.PI, validPixels: count };
}

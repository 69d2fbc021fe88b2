/** @file What a flow tensor has to look like. */

import { InputError } from '../core/errors.ts';
import { type FloatTensor, formatShape } from '../core/tensor.ts';

/**
 * @param what Begins the sentence: "The flow", "a.flo".
 * @throws InputError unless the shape is H×W×2 (`dimensions` 3) or T×H×W×2 (4) with at least one pixel.
 */
export function checkFlow(flow: FloatTensor, what: string, dimensions: 3 | 4): void {
  const { shape } = flow;
  if (shape.length !== dimensions || shape[dimensions - 1] !== 2 || shape.some((extent) => extent < 1)) {
    const wanted = dimensions === 3 ? 'height×width×2' : 'pairs×height×width×2';
    throw new InputError(`${what} has the shape ${formatShape(shape)}; flow is ${wanted}.`);
  }
}

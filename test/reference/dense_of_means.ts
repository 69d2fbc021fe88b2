/** @file Dense layers over the means of each sample's channels, by their definition. */

import { type Shape, sizeOf } from '../../src/core/tensor.ts';
import type { Activation } from '../../src/kernels/pointwise/activation.ts';
import { UNARY_REFERENCE } from './functions.ts';

export interface ReferenceLayer {
  /** Cin×Cout. */
  readonly weights: Float32Array;
  readonly bias?: Float32Array | undefined;
  readonly cout: number;
  readonly activation: Activation;
}

/** N rows of the last layer's channels. */
export function denseOfMeans(x: Float32Array, shape: Shape, layers: readonly ReferenceLayer[]): number[] {
  const [samples, channels] = [shape[0]!, shape.at(-1)!];
  const pixels = sizeOf(shape) / samples / channels;
  return Array.from({ length: samples }, (_, n) => {
    const means = Array.from({ length: channels }, (_, c) => {
      let sum = 0;
      for (let pixel = 0; pixel < pixels; pixel++) sum += x[(n * pixels + pixel) * channels + c]!;
      return sum / pixels;
    });
    return layers.reduce((from, { weights, bias, cout, activation }) => {
      const end = activation === 'none' ? (value: number) => value : UNARY_REFERENCE[activation];
      return Array.from({ length: cout }, (_, c) =>
        end(from.reduce((sum, value, row) => sum + value * weights[row * cout + c]!, bias?.[c] ?? 0)),
      );
    }, means);
  }).flat();
}

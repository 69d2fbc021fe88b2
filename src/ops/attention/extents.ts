/** @file Shapes and costs of attention and its gradient. */

import { GraphError } from '../../core/errors.ts';
import type { DeviceProfile } from '../../core/kernel.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../../core/tensor.ts';
import { type Cost, type NodeOperands, storedBytes, type TensorType } from '../operator.ts';

export interface AttentionAttributes {
  /** Of the products of Q and K, as a rule d^−½. */
  readonly scale: number;
}

export interface AttentionExtents {
  /** All axes but the last two. */
  readonly batch: Shape;
  /** Rows of Q, keys, what is summed over, and channels of V. */
  readonly m: number;
  readonly l: number;
  readonly d: number;
  readonly c: number;
}

/** @throws GraphError unless scale and operands are what they should be. */
export function attentionExtents({ scale }: AttentionAttributes, [q, k, v]: readonly TensorType[]): AttentionExtents {
  if (!Number.isFinite(scale)) throw new GraphError(`its scale must be a finite number, not ${scale}`);
  const shapes = [q, k, v].map((type) => type?.shape ?? []);
  const [batch, ...others] = shapes.map((shape) => shape.slice(0, -2));
  const [[m, d], [l, kd], [vl, c]] = shapes.map((shape) => shape.slice(-2)) as [number, number][] as [
    [number, number],
    [number, number],
    [number, number],
  ];
  const what = `its queries, keys and values ${shapes.map(formatShape).join(', ')}`;
  if (shapes.some(({ length }) => length < 2)) throw new GraphError(`${what} must have two axes or more each`);
  if (!others.every((other) => sameShape(other, batch!))) {
    throw new GraphError(`${what} must have the same axes before the last two`);
  }
  if (d !== kd) throw new GraphError(`${what} must have queries and keys of as many channels: ${d} and ${kd}`);
  if (l !== vl) throw new GraphError(`${what} must have as many keys as values: ${l} and ${vl}`);
  return { batch: batch!, m, l, d, c };
}

/** A multiply-add per score, channel and product, and the exponentials. */
export const attentionCost = (
  { batch, m, l, d, c }: AttentionExtents,
  products: { readonly d: number; readonly c: number },
  operands: readonly TensorType[],
): Cost => ({
  flops: sizeOf(batch) * m * l * (2 * d * products.d + 2 * c * products.c + 4),
  bytes: operands.reduce((sum, type) => sum + storedBytes(type), 0),
});

/** @throws GraphError where the device cannot bind an operand as a whole. */
export function expectBindable({ inputs, outputs }: NodeOperands, { maxStorageBinding }: DeviceProfile): void {
  if ([...inputs, ...outputs].some(({ storageBytes }) => storageBytes > maxStorageBinding)) {
    throw new GraphError('one of its operands is larger than a binding may be');
  }
}

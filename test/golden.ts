/** @file Results of PyTorch as they lie in `ops.json`, and their inputs. */

import { fill } from './formula.ts';
import { type Shape5, sizeOf5 } from './reference/volume.ts';

type Triple = readonly [number, number, number];
type Pairs = readonly [readonly [number, number], readonly [number, number], readonly [number, number]];

export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly value: readonly number[];
}

/** PyTorch's results: layout N C T H W, weights Cout Cin T H W; inputs by the formula. */
export interface GoldenCase {
  readonly op: string;
  readonly attrs: {
    readonly id: string;
    readonly kernel: Triple;
    readonly stride: Triple;
    readonly pad: Pairs;
    readonly groups: number;
    readonly scale?: number;
    readonly training?: boolean;
    readonly eps: number;
    readonly mean: readonly number[];
    readonly var: readonly number[];
    readonly momentum: number;
    readonly target: readonly number[];
  };
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly outputs: Readonly<Record<string, GoldenTensor>>;
  /** By input, of Σ outputs · dy with dy by the formula; of the loss itself for cross entropy. */
  readonly grads?: Readonly<Record<string, GoldenTensor>>;
}

/** An input of a case, or `dy`, by the formula. */
export function input({ attrs, inputs }: GoldenCase, name: string): Float32Array<ArrayBuffer> {
  const count = inputs[name]!.reduce((product, extent) => product * extent, 1);
  return fill(`${attrs.id}.${name}`, count, attrs.scale);
}

/** N C T H W, or a shape with fewer axes at its end, as N T H W C. */
export function volumeShape(shape: readonly number[]): Shape5 {
  const [n = 1, c = 1, t = 1, h = 1, w = 1] = shape;
  return [n, t, h, w, c];
}

export function channelsLast(values: ArrayLike<number>, shape: Shape5): Float64Array {
  const [n, t, h, w, c] = shape;
  const area = t * h * w;
  const result = new Float64Array(sizeOf5(shape));
  for (let sample = 0; sample < n; sample++)
    for (let k = 0; k < c; k++)
      for (let i = 0; i < area; i++) result[(sample * area + i) * c + k] = values[(sample * c + k) * area + i]!;
  return result;
}

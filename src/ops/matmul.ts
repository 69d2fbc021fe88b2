/** @file Matrix products of batches: y = op(a) · op(b) for the last two axes, those before them by numpy's rules. */

import { GraphError } from '../core/errors.ts';
import { formatShape, type Shape, sizeOf } from '../core/tensor.ts';
import { broadcastShape } from '../kernels/shared/broadcast.ts';
import { defineOperator, f32, gradientRule, type Operator, storedBytes, type TensorType } from './operator.ts';
import { sumTo } from './reduce.ts';

interface MatmulAttributes {
  /** a is …×K×M instead of …×M×K. */
  readonly transposeA: boolean;
  /** b is …×N×K instead of …×K×N. */
  readonly transposeB: boolean;
}

/** Inputs: a …×M×K and b …×K×N, of two axes or more. Axes before those are aligned at their ends and repeated where they are 1. */
export const matmul: Operator<MatmulAttributes> = defineOperator<MatmulAttributes>({
  type: 'matmul',
  keepsPadding: true,
  sharesInputs: true,
  infer(attributes, inputs) {
    const { m, n, batch } = extents(attributes, inputs);
    return [f32([...batch, m, n])];
  },
  cost(attributes, inputs, outputs) {
    const { k } = extents(attributes, inputs);
    return {
      flops: 2 * k * sizeOf(outputs[0]!.shape),
      bytes: [...inputs, ...outputs].reduce((sum, type) => sum + storedBytes(type), 0),
    };
  },
  async candidates(attributes, io, profile) {
    const { matmulCandidates } = await import('./candidates/matmul.ts');
    const types = io.inputs.map(({ type }) => type);
    return matmulCandidates({ ...attributes, ...extents(attributes, types) }, io, profile);
  },
});

/** Products again: of dy with the other operand, in the order that the transposes want. */
export const matmulRule = gradientRule(matmul, (context) => {
  const { name, attributes, inputs, gradients, wanted, typeOf, add } = context;
  const { transposeA, transposeB } = attributes;
  const [a, b] = inputs as [number, number];
  const dy = gradients[0]!;
  const product = (of: string, left: number, right: number, turnLeft: boolean, turnRight: boolean): number =>
    add(matmul, `${name}/gradient/${of}`, { transposeA: turnLeft, transposeB: turnRight }, [left, right])[0]!;
  const byA = (): number =>
    transposeA ? product('a', b, dy, transposeB, true) : product('a', dy, b, false, !transposeB);
  const byB = (): number =>
    transposeB ? product('b', dy, a, true, transposeA) : product('b', a, dy, !transposeA, false);
  return [
    wanted(0) ? sumTo(context, `${name}/gradient/a sum`, byA(), typeOf(a).shape) : undefined,
    wanted(1) ? sumTo(context, `${name}/gradient/b sum`, byB(), typeOf(b).shape) : undefined,
  ];
});

interface Extents {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: Shape;
}

/** @throws GraphError unless the operands fit together. */
function extents({ transposeA, transposeB }: MatmulAttributes, [a, b]: readonly TensorType[]): Extents {
  const [left, right] = [a!.shape, b!.shape];
  const what = `its operands ${formatShape(left)}${transposeA ? ' (transposed)' : ''} and ${formatShape(right)}${transposeB ? ' (transposed)' : ''}`;
  if (left.length < 2 || right.length < 2) throw new GraphError(`${what} must be matrices, of two axes or more`);
  const [m, k] = (transposeA ? [left.at(-1), left.at(-2)] : [left.at(-2), left.at(-1)]) as [number, number];
  const [rows, n] = (transposeB ? [right.at(-1), right.at(-2)] : [right.at(-2), right.at(-1)]) as [number, number];
  const batch = broadcastShape([left.slice(0, -2), right.slice(0, -2)]);
  if (k !== rows) throw new GraphError(`${what} must agree in what is summed over: ${k} columns, and ${rows} rows`);
  if (!batch) throw new GraphError(`${what} must have the same axes before the last two, or 1 where they differ`);
  return { m, n, k, batch };
}

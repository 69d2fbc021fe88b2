/** @file Sum, mean and maximum over any axes, and their gradients. */

import { checkChoice, describeValue } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/tensor.ts';
import { maxGradient, type Reduction } from '../kernels/reduce/reduce.ts';
import { repeatScaled } from '../kernels/reduce/repeat.ts';
import { broadcastOf } from '../kernels/shared/broadcast.ts';
import { channelSweep } from '../kernels/shared/channel_sweep.ts';
import { elementwiseCandidate } from './elementwise.ts';
import {
  defineOperator,
  f32,
  fromInput,
  fromOutput,
  type GradientContext,
  gradientRule,
  type Operator,
  pointwiseCost,
  singleDispatch,
  type ValueRef,
} from './operator.ts';
import { reshape } from './reshape.ts';

export const REDUCTIONS: readonly Reduction[] = ['sum', 'mean', 'max'];

interface ReduceAttributes {
  readonly op: Reduction;
  /** Counted from the first one; each occurs once. They stay in the result, with an extent of 1. */
  readonly axes: readonly number[];
}

/** Input: x of any shape. Of no axes it is x itself. */
export const reduce: Operator<ReduceAttributes> = defineOperator<ReduceAttributes>({
  type: 'reduce',
  keepsPadding: true,
  halves: 'inputs',
  infer: ({ op, axes }, [x]) => [f32(reducedShape(op, axes, x!.shape))],
  cost: (_, inputs, outputs) => ({ ...pointwiseCost(0, inputs, outputs), flops: sizeOf(inputs[0]!.shape) }),
  async candidates(attributes, io, profile) {
    const { reduceCandidates } = await import('./candidates/reduce.ts');
    return reduceCandidates(attributes, io, profile);
  },
});

export const reduceRule = gradientRule(reduce, ({ name, attributes, inputs, gradients, typeOf, add }) => {
  const { shape } = typeOf(inputs[0]!);
  const from = attributes.op === 'max' ? [gradients[0]!, inputs[0]!] : [gradients[0]!];
  return [add(reduceGradient, `${name}/gradient`, { ...attributes, shape }, from)[0]];
});

interface ReduceGradientAttributes extends ReduceAttributes {
  /** Of x. */
  readonly shape: Shape;
}

/** Inputs: dy, and x for a maximum, whose gradient goes to the first of the largest values. */
export const reduceGradient = defineOperator<ReduceGradientAttributes>({
  type: 'reduceGradient',
  keepsPadding: true,
  infer({ op, axes, shape }, [dy, x]) {
    const expected = reducedShape(op, axes, shape);
    if (!sameShape(dy!.shape, expected)) {
      throw new GraphError(`its dy ${formatShape(dy!.shape)} must have the shape ${formatShape(expected)}`);
    }
    if (op === 'max' && !(x && sameShape(x.shape, shape))) {
      throw new GraphError(`a maximum's gradient needs x of the shape ${formatShape(shape)}`);
    }
    return [f32(shape)];
  },
  cost: (_, inputs, outputs) => pointwiseCost(1, inputs, outputs),
  candidates({ op }, io, profile) {
    const [dy, x, dx] = [io.inputs[0]!, io.inputs[1], io.outputs[0]!];
    if (x) {
      const axes = broadcastOf(x.type.shape, [dy.type.shape]);
      const problem = { x: x.view, dy: dy.view, dx: dx.view, axes };
      return [singleDispatch('max', () => maxGradient(problem), [fromInput(1), fromInput(0), fromOutput(0)])];
    }
    const factor = op === 'mean' ? sizeOf(dy.type.shape) / sizeOf(dx.type.shape) : 1;
    return [
      elementwiseCandidate('repeat', io, profile, ['x'], ([from], y, broadcast) =>
        repeatScaled({ x: from!, y, factor, broadcast }, channelSweep(profile)),
      ),
    ];
  },
});

/** @throws GraphError unless the axes are some of the shape's. */
function reducedShape(op: Reduction, axes: readonly number[], shape: Shape): number[] {
  checkChoice('its reduction', op, REDUCTIONS);
  const isAxis = (axis: unknown): boolean => shape.some((_, i) => i === axis);
  if (!Array.isArray(axes) || !axes.every(isAxis) || new Set(axes).size !== axes.length) {
    const found = Array.isArray(axes) ? JSON.stringify(axes) : describeValue(axes);
    throw new GraphError(`its axes ${found} must be some of the ${shape.length} of ${formatShape(shape)}, each once`);
  }
  return shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
}

/**
 * The sum of a value over what a tensor of that shape is repeated along by numpy's rules.
 * @param name Of the nodes that are appended.
 */
export function sumTo(
  { typeOf, add }: Pick<GradientContext<object>, 'typeOf' | 'add'>,
  name: string,
  value: ValueRef,
  to: Shape,
): ValueRef {
  const { shape } = typeOf(value);
  if (sameShape(shape, to)) return value;
  const axes = shape.flatMap((size, axis) => ((to[axis - shape.length + to.length] ?? 1) === size ? [] : [axis]));
  const sums = axes.length > 0 ? add(reduce, `${name}/sums`, { op: 'sum', axes }, [value])[0]! : value;
  return sameShape(typeOf(sums).shape, to) ? sums : add(reshape, name, { shape: to }, [sums])[0]!;
}

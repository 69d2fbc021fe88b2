/** @file A linear layer: a convolution of 1×1×1 on as many pixels as x has rows. */

import { GraphError } from '../core/errors.ts';
import { formatShape, sameShape, sizeOf } from '../core/tensor.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import { viewShape } from '../kernels/shared/layout.ts';
import { channelSum } from './channel_sum.ts';
import { conv3dInputGradient, conv3dWeightGradient } from './conv3d/gradient.ts';
import { appender, defineOperator, f32, gradientRule, storedBytes, type ValueRef } from './operator.ts';
import { reshape } from './reshape.ts';

/** x·W + b over the last axis. Inputs: x (…×Cin), weights Cin×Cout, and a bias of Cout values where it has one. */
export const linear = defineOperator<Record<never, never>>({
  type: 'linear',
  keepsPadding: true,
  infer(_, [x, weights, bias]) {
    const cin = x!.shape.at(-1);
    const [rows, cout] = weights!.shape;
    if (weights!.shape.length !== 2 || rows !== cin || cout === undefined) {
      throw new GraphError(`its weights ${formatShape(weights!.shape)} must be ${cin}×Cout`);
    }
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== cout)) {
      throw new GraphError(`its bias ${formatShape(bias.shape)} must have ${cout} values`);
    }
    return [f32([...x!.shape.slice(0, -1), cout])];
  },
  cost(_, inputs, outputs) {
    return {
      flops: 2 * sizeOf(inputs[0]!.shape) * outputs[0]!.shape.at(-1)!,
      bytes: [...inputs, ...outputs].reduce((sum, type) => sum + storedBytes(type), 0),
    };
  },
  async candidates(_, io, profile) {
    const { conv3dCandidates } = await import('./conv3d/candidates.ts');
    const geometry = { kernel: [1, 1, 1], stride: [1, 1, 1], padding: 'valid' } as const;
    return conv3dCandidates({ geometry, groups: 1, activation: 'none', bias: io.inputs.length > 2 }, io, profile);
  },
});

/** Those of a convolution of 1×1×1 on as many pixels as x has rows. */
export const linearRule = gradientRule(linear, (context) => {
  const { inputs, gradients } = context;
  const [x, weights] = inputs as readonly [ValueRef, ValueRef];
  const add = appender(context);
  const shaped = (value: ValueRef, of: string, shape: readonly number[]): ValueRef =>
    sameShape(context.typeOf(value).shape, shape) ? value : add(reshape, of, { shape }, [value]);
  const volume = (value: ValueRef, of: string): ValueRef => shaped(value, of, viewShape(context.typeOf(value).shape));
  const geometry = { stride: [1, 1, 1], padding: 'valid', groups: 1 } as const;
  const given = gradients[0]!;
  const dy = volume(given, 'dy volume');
  const byInput = (): ValueRef => {
    const { shape } = context.typeOf(x);
    const size = viewShape(shape).slice(1, 4) as unknown as Triple;
    return shaped(add(conv3dInputGradient, 'x volume', { ...geometry, size }, [dy, weights]), 'x', shape);
  };
  const byWeights = (): ValueRef => {
    const from = [volume(x, 'x as volume'), dy];
    const attributes = { ...geometry, kernel: [1, 1, 1] } as const;
    const dw = add(conv3dWeightGradient, 'weights volume', attributes, from);
    return shaped(dw, 'weights', context.typeOf(weights).shape);
  };
  return [
    context.wanted(0) ? byInput() : undefined,
    context.wanted(1) ? byWeights() : undefined,
    inputs.length > 2 && context.wanted(2) ? add(channelSum, 'bias', {}, [given]) : undefined,
  ].slice(0, inputs.length);
});

/** @file How gradients go through attention. */

import { GraphError } from '../../core/errors.ts';
import { gradientRule } from '../operator.ts';
import { attention } from './attention.ts';
import { attentionGradient } from './gradient.ts';

export const attentionRule = gradientRule(attention, (context) => {
  const { name, attributes, inputs, outputs, gradients } = context;
  const [dy, byStats] = gradients;
  if (byStats !== undefined || dy === undefined) {
    throw new GraphError(
      `${name}: nothing can be trained through the logarithms that attention gives beside its result`,
    );
  }
  return [...context.add(attentionGradient, `${name}/gradient`, attributes, [...inputs, ...outputs, dy])];
});

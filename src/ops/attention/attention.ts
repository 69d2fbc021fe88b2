/** @file Attention, softmax(scale · Q Kᵀ) V, without the matrix of all scores. */

import { defineOperator, f32, type Operator } from '../operator.ts';
import { type AttentionAttributes, attentionCost, attentionExtents } from './extents.ts';

/**
 * softmax(scale · Q Kᵀ) V over the last two axes. Inputs: queries …×M×d, keys …×L×d, values …×L×c. Outputs: …×M×c, and for each row the
 * logarithm of the sum of the exponentials of its scores, …×M×1. At no time are there more scores than fit into a few MiB.
 */
export const attention: Operator<AttentionAttributes> = defineOperator<AttentionAttributes>({
  type: 'attention',
  keepsPadding: true,
  infer(attributes, inputs) {
    const { batch, m, c } = attentionExtents(attributes, inputs);
    return [f32([...batch, m, c]), f32([...batch, m, 1])];
  },
  cost: (attributes, inputs, outputs) =>
    attentionCost(attentionExtents(attributes, inputs), { d: 1, c: 1 }, [...inputs, ...outputs]),
  async candidates(attributes, io, profile) {
    const { attentionCandidates } = await import('./candidates.ts');
    return attentionCandidates(attributes, io, profile);
  },
});

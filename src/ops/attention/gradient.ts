/**
 * @file The gradient of attention. The shares P of the values are computed a second time from Q, K and the logarithms that the forward pass
 * keeps of each row (Dao et al., "FlashAttention", 2022, section 3.1), for as many rows at a time as have few scores:
 *
 *   P = exp(scale · Q Kᵀ − stats)      dV = Σ Pᵀ dy      D = rows of Σ dy · y      G = scale · P · (dy Vᵀ − D)      dQ = G K      dK = Σ Gᵀ Q
 *
 * Sums are over the parts, in their order.
 */

import { GraphError } from '../../core/errors.ts';
import type { DeviceProfile } from '../../core/kernel.ts';
import { formatShape, sameShape } from '../../core/tensor.ts';
import { added, probabilities, scoreGradients } from '../../kernels/attention/epilogues.ts';
import { attentionDots } from '../../kernels/attention/rows.ts';
import { denseView, type View } from '../../kernels/shared/view.ts';
import { streamWork } from '../../kernels/shared/work.ts';
import {
  type Candidate,
  defineOperator,
  f32,
  fromInput,
  fromOutput,
  type NodeOperands,
  type Operator,
} from '../operator.ts';
import { workspace } from '../vectors.ts';
import {
  type AttentionAttributes,
  type AttentionExtents,
  attentionCost,
  attentionExtents,
  expectBindable,
} from './extents.ts';
import { type AttentionPart, inParts, matrix, partProduct, rowThreads } from './parts.ts';

/** Inputs: queries, keys, values, both results of `attention`, dy. Outputs: the gradients by queries, keys and values. */
export const attentionGradient: Operator<AttentionAttributes> = defineOperator<AttentionAttributes>({
  type: 'attentionGradient',
  keepsPadding: true,
  infer(attributes, inputs) {
    const { batch, m, c } = attentionExtents(attributes, inputs);
    const expected = [
      ['result', [...batch, m, c]],
      ['logarithms', [...batch, m, 1]],
      ['dy', [...batch, m, c]],
    ] as const;
    for (const [i, [what, shape]] of expected.entries()) {
      const found = inputs[3 + i]?.shape ?? [];
      if (!sameShape(found, shape)) {
        throw new GraphError(`its ${what} ${formatShape(found)} must have the shape ${formatShape(shape)}`);
      }
    }
    return inputs.slice(0, 3).map(({ shape }) => f32(shape));
  },
  cost: (attributes, inputs, outputs) =>
    attentionCost(attentionExtents(attributes, inputs), { d: 3, c: 2 }, [...inputs, ...outputs]),
  candidates(attributes, io, profile) {
    expectBindable(io, profile);
    const types = io.inputs.map(({ type }) => type);
    return [inRows(attributes, attentionExtents(attributes, types), io, profile)];
  },
});

const [Q, K, V, Y, STATS, DY] = [fromInput(0), fromInput(1), fromInput(2), fromInput(3), fromInput(4), fromInput(5)];
const [DQ, DK, DV] = [fromOutput(0), fromOutput(1), fromOutput(2)];
const [SCORES, DELTAS] = [workspace(0), workspace(1)];

function inRows(
  { scale }: AttentionAttributes,
  extents: AttentionExtents,
  { inputs, outputs }: NodeOperands,
  profile: DeviceProfile,
): Candidate {
  const { l, d, c } = extents;
  const [q, k, v, y, stats, dy] = inputs.map(({ view }) => view) as [View, View, View, View, View, View];
  const [dq, dk, dv] = outputs.map(({ view }) => view) as [View, View, View];
  const lower = (part: AttentionPart) => {
    const { scores, rows, keys, begins, count } = part;
    const product = partProduct(part, profile);
    const [of, turned] = [matrix('a', scores), matrix('a', scores, true)];
    const byRows = { n: l, y: scores } as const;
    const byKeys = { m: l, k: part.m, a: turned, epilogue: added(!begins) } as const;
    const queries = matrix('a', rows(q, d));
    const shares = product({
      ...byRows,
      a: queries,
      b: matrix('b', keys(k, d), true),
      k: d,
      epilogue: probabilities(scale, rows(stats, 1)),
    });
    const forValues = product({ ...byKeys, b: matrix('b', rows(dy, c)), y: keys(dv, c), n: c });
    const forScores = product({
      ...byRows,
      a: matrix('a', rows(dy, c)),
      b: matrix('b', keys(v, c), true),
      k: c,
      epilogue: scoreGradients(scale, denseView([1, 1, 1, count, 1])),
    });
    const forQueries = product({ a: of, b: matrix('b', keys(k, d)), y: rows(dq, d), n: d, k: l });
    const forKeys = product({ ...byKeys, b: matrix('b', rows(q, d)), y: keys(dk, d), n: d });
    return [
      {
        work: streamWork(count * c, 8 * count * c, 2 * count * c),
        kernel: () => attentionDots(rows(dy, c), rows(y, c), rowThreads(profile)),
        args: [DY, Y, DELTAS],
      },
      { ...shares, args: [Q, K, SCORES, STATS] },
      { ...forValues, args: [SCORES, DY, DV] },
      { ...forScores, args: [DY, V, SCORES, DELTAS] },
      { ...forQueries, args: [SCORES, K, DQ] },
      { ...forKeys, args: [SCORES, Q, DK] },
    ];
  };
  return inParts(extents, lower);
}

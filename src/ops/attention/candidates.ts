/** @file Ways of computing attention: rows of scores by matrix products, or an online softmax in one dispatch. */

import type { DeviceProfile } from '../../core/kernel.ts';
import { sizeOf } from '../../core/tensor.ts';
import { scaled, timesRows } from '../../kernels/attention/epilogues.ts';
import {
  ATTENTION_TILE,
  type AttentionProblem,
  attentionColumns,
  attentionOnline,
  attentionOnlineFits,
  attentionShares,
} from '../../kernels/attention/online.ts';
import { attentionSoftmax } from '../../kernels/attention/rows.ts';
import { tileLayout, tileRegisters } from '../../kernels/shared/tile_product.ts';
import { loopBound } from '../../kernels/shared/wgsl.ts';
import { productWork, streamWork } from '../../kernels/shared/work.ts';
import { type Candidate, fromInput, fromOutput, type NodeOperands, storedBytes } from '../operator.ts';
import { workspace } from '../vectors.ts';
import { type AttentionAttributes, type AttentionExtents, attentionExtents, expectBindable } from './extents.ts';
import { type AttentionPart, inParts, matrix, partProduct, rowThreads } from './parts.ts';

export function attentionCandidates(
  attributes: AttentionAttributes,
  io: NodeOperands,
  profile: DeviceProfile,
): Candidate[] {
  expectBindable(io, profile);
  const extents = attentionExtents(
    attributes,
    io.inputs.map(({ type }) => type),
  );
  const fits = attentionOnlineFits(profile);
  return [inRows(attributes, extents, io, profile), ...(fits ? [online(attributes, extents, io, profile)] : [])];
}

/** As many rows at a time as have few scores: products with K, exponentials, products with V. */
function inRows(
  { scale }: AttentionAttributes,
  extents: AttentionExtents,
  { inputs, outputs }: NodeOperands,
  profile: DeviceProfile,
): Candidate {
  const { l, d, c } = extents;
  const [q, k, v] = inputs.map(({ view }) => view) as [
    AttentionProblem['q'],
    AttentionProblem['k'],
    AttentionProblem['v'],
  ];
  const [y, stats] = outputs.map(({ view }) => view) as [AttentionProblem['y'], AttentionProblem['stats']];
  const threads = rowThreads(profile);
  const lower = (part: AttentionPart) => {
    const { scores, rows, keys } = part;
    const products = partProduct(part, profile);
    const forScores = products({
      a: matrix('a', rows(q, d)),
      b: matrix('b', keys(k, d), true),
      y: scores,
      n: l,
      k: d,
      epilogue: scaled(scale),
    });
    const forValues = products({
      a: matrix('a', scores),
      b: matrix('b', keys(v, c)),
      y: rows(y, c),
      n: c,
      k: l,
      epilogue: timesRows(),
    });
    return [
      { work: forScores.work, kernel: forScores.kernel, args: [fromInput(0), fromInput(1), workspace(0)] },
      {
        work: streamWork(part.count * l, 8 * part.count * l, 12 * part.count * l),
        kernel: () => attentionSoftmax(scores, rows(stats, 1), threads),
        args: [workspace(0), workspace(1), fromOutput(1)],
      },
      {
        work: forValues.work,
        kernel: forValues.kernel,
        args: [workspace(0), fromInput(2), fromOutput(0), workspace(1)],
      },
    ];
  };
  return inParts(extents, lower);
}

/** Of the rate of tiles: steps of 4×4 a thread between barriers, and V from memory. */
const ONLINE_SHARE = 0.5;

/** With an online softmax, in one dispatch. */
function online(
  { scale }: AttentionAttributes,
  { batch, m, l, d, c }: AttentionExtents,
  { inputs, outputs }: NodeOperands,
  profile: DeviceProfile,
): Candidate {
  const [q, k, v] = inputs.map(({ view }) => view) as [
    AttentionProblem['q'],
    AttentionProblem['k'],
    AttentionProblem['v'],
  ];
  const [y, stats] = outputs.map(({ view }) => view) as [AttentionProblem['y'], AttentionProblem['stats']];
  const samples = sizeOf(batch);
  const problem: AttentionProblem = { samples, m, l, d, scale, q, k, v, y, stats };
  const { bm, tm } = ATTENTION_TILE;
  const { threads } = tileLayout(ATTENTION_TILE);
  const shares = attentionShares(problem);
  const tile = {
    bm,
    bn: Math.ceil(c / shares),
    threads,
    arithmetic: 'tiled',
    share: ONLINE_SHARE,
    registers: tileRegisters(ATTENTION_TILE) + 4 * tm * attentionColumns(problem),
  } as const;
  const bytes = [...inputs, ...outputs].reduce((sum, { type }) => sum + storedBytes(type), 0);
  // For every share of the channels each score takes d multiply-adds, and then one for each of those channels.
  const product = { m, n: c, k: l * (1 + (shares * d) / c), batches: samples };
  return {
    name: 'online 32×64',
    accuracy: 'exact',
    workspaces: [],
    work: [productWork(product, tile, bytes)],
    lower: () => [
      {
        kernel: attentionOnline(problem, loopBound(profile)),
        args: [fromInput(0), fromInput(1), fromInput(2), fromOutput(0), fromOutput(1)],
      },
    ],
  };
}

/**
 * @file Anomaly scores of the segments of a video, from its features: Sultani, Chen and Shah, "Real-World Anomaly Detection in
 * Surveillance Videos" (CVPR 2018), section 4.2. Three dense layers (512, 32, 1) see each segment by itself; the last one ends in a sigmoid.
 */

import { Random } from '../../core/random.ts';
import { type FloatTensor, floatTensor, type Shape, sizeOf } from '../../core/tensor.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import type { Graph, ValueId } from '../../graph/graph.ts';
import { TRAINING_OUTPUTS } from '../run/step_graph.ts';

export interface AnomalySpec {
  /** Values of a segment's features. */
  readonly features: number;
  readonly segments: number;
}

/** Widths of the layers before the last one. */
const HIDDEN = [512, 32] as const;
/** Share of the values of these layers that are dropped in training. */
const DROPOUT = 0.6;

export const ANOMALY_INPUT = 'features';
/** Videos×segments, 0 … 1. */
export const ANOMALY_OUTPUT = TRAINING_OUTPUTS.logits;

const layersOf = ({ features }: AnomalySpec): (readonly [name: string, cin: number, cout: number])[] => {
  const widths = [features, ...HIDDEN, 1];
  return widths.slice(1).map((cout, i) => [`dense${i + 1}`, widths[i]!, cout] as const);
};

/** Names and shapes of the parameters. */
export const anomalyParameters = (spec: AnomalySpec): (readonly [name: string, shape: Shape])[] =>
  layersOf(spec).flatMap(([name, cin, cout]) => [
    [`${name}/weights`, [cin, cout]] as const,
    [`${name}/biases`, [cout]] as const,
  ]);

/** He et al., from a seed; biases are 0. */
export function initialAnomalyParameters(spec: AnomalySpec, seed: number): Map<string, FloatTensor> {
  return new Map(
    anomalyParameters(spec).map(([name, shape]) => {
      const data = new Float32Array(sizeOf(shape));
      if (shape.length === 2) {
        const random = new Random(seed, name);
        for (let i = 0; i < data.length; i++) data[i] = random.normal() * Math.sqrt(2 / shape[0]!);
      }
      return [name, floatTensor(shape, data)];
    }),
  );
}

/**
 * Input: features, videos×segments×C; scores: videos×segments.
 * @param training Whether values are dropped.
 */
export function anomalyGraph(spec: AnomalySpec, videos: number, training: boolean): Graph {
  const builder = new GraphBuilder();
  let x = builder.input(ANOMALY_INPUT, [videos, spec.segments, spec.features]);
  for (const [name, cin, cout] of layersOf(spec)) {
    const weights = builder.parameter(`${name}/weights`, [cin, cout]);
    x = builder.linear(name, x, weights, builder.parameter(`${name}/biases`, [cout]));
    if (cout === 1) break;
    x = builder.relu(`${name}/relu`, x);
    if (training) x = builder.dropout(`${name}/dropout`, x, DROPOUT);
  }
  const scores = builder.sigmoid('scores', x);
  builder.name(ANOMALY_OUTPUT, builder.reshape('by segment', scores, [videos, spec.segments]));
  return builder.build();
}

/** λ₁ and λ₂ of the paper. */
const SMOOTHNESS = 8e-5;
const SPARSITY = 8e-5;

/** The constants of the loss, by the names under which its graph has them. */
export const LOSS_PARAMETERS: ReadonlyMap<string, FloatTensor> = new Map(
  Object.entries({ 'loss/margin': 1, 'loss/smoothness': SMOOTHNESS, 'loss/sparsity': SPARSITY }).map(
    ([name, value]) => [name, floatTensor([1], [value])],
  ),
);

/**
 * The ranking loss of multiple instance learning (the same, equations 6 and 7): of every pair of an abnormal and a normal video, the
 * highest score of the first should be above that of the second by 1; scores of abnormal videos change little from segment to segment, and
 * few of them are high.
 * @param scores 2n×segments, the abnormal videos first.
 * @returns [1]
 */
export function rankingLoss(builder: GraphBuilder, scores: ValueId): ValueId {
  const [videos, segments] = builder.shapeOf(scores) as [number, number];
  const n = videos / 2;
  const constant = (name: string): ValueId => builder.parameter(`loss/${name}`, [1]);
  const half = (name: string, x: ValueId, offset: number): ValueId =>
    builder.slice(name, x, { axis: 0, offset, size: n });
  const highest = builder.reduce('loss/highest', 'max', scores, [1], { keep: true });
  const abnormal = half('loss/highest abnormal', highest, 0);
  const normal = builder.reshape('loss/normal row', half('loss/highest normal', highest, n), [1, n]);
  const gaps = builder.binary('loss/gaps', 'sub', normal, abnormal);
  const hinge = builder.relu('loss/hinge', builder.sum('loss/with margin', gaps, constant('margin')));
  const scored = half('loss/abnormal scores', scores, 0);
  const part = (name: string, offset: number): ValueId =>
    builder.slice(name, scored, { axis: 1, offset, size: segments - 1 });
  const change = builder.binary('loss/change', 'sub', part('loss/before', 0), part('loss/behind', 1));
  const squares = builder.mul('loss/squares', change, change);
  const summed = (name: 'smoothness' | 'sparsity', of: ValueId): ValueId => {
    const sums = builder.reduce(`loss/${name} sums`, 'sum', of, [1], { keep: true });
    const mean = builder.reduce(`loss/${name} mean`, 'mean', sums, [0, 1]);
    return builder.mul(`loss/${name} term`, builder.reshape(`loss/${name} scalar`, mean, [1]), constant(name));
  };
  const ranked = builder.reshape('loss/ranked', builder.reduce('loss/mean hinge', 'mean', hinge, [0, 1]), [1]);
  const terms = builder.sum('loss/terms', summed('smoothness', squares), summed('sparsity', scored));
  return builder.sum('loss/total', ranked, terms);
}

/** @file A model from the clips of a batch on: what training and evaluation have in common. */

import { GraphBuilder } from '../../graph/builder.ts';
import type { Graph, ValueId } from '../../graph/graph.ts';
import type { ModelSpec } from '../../models/definition.ts';
import { normalisation } from '../../models/frames.ts';
import { addModel } from '../../models/graph.ts';
import { augmentClip } from '../../ops/augment.ts';
import { GEOMETRY_VALUES } from './augmentation.ts';

/**
 * A graph with the inputs `clip` (uint8 N×T×R×R×3, or float32 flow N×T×R×R×2 in pixels, where R is the short side) and
 * `geometry` (N×8), and the output `logits`, N×classes.
 * @param dropout The rate before the logits; 0 for evaluation.
 */
export function clipGraph(spec: ModelSpec, batch: number, dropout: number): Graph {
  const builder = new GraphBuilder();
  addModel(builder, spec, addClip(builder, spec, batch), { dropout });
  return builder.build();
}

/** The inputs of such a graph. @returns What the network takes, N×T×H×W×C. */
export function addClip(builder: GraphBuilder, spec: ModelSpec, batch: number): ValueId {
  const { stream, frames, size, shortSide, flowBound, channels } = spec;
  const flow = stream === 'flow';
  const clip = builder.input('clip', [batch, frames, shortSide, shortSide, channels], flow ? 'f32' : 'u8');
  const geometry = builder.input('geometry', [batch, GEOMETRY_VALUES]);
  const values = flow ? { scale: flowBound, shift: 0 } : normalisation(spec.architecture.preprocessing);
  const [x] = builder.add(augmentClip, 'Augment', { size, flow, ...values }, [clip, geometry]);
  return x!;
}

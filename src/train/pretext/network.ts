/**
 * @file A model with a head for a pretext task in place of its own, which waits unchanged for the stages behind. Windows are half as long
 * as the model's where it takes such clips: the fastest still fits into a short clip, and a step costs half.
 */

import { InputError } from '../../core/errors.ts';
import { Random } from '../../core/random.ts';
import { type FloatTensor, floatTensor } from '../../core/tensor.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/graph.ts';
import type { ModelSpec } from '../../models/definition.ts';
import { addModel } from '../../models/graph.ts';
import { PRETEXT_PREFIX } from '../../models/model_file.ts';
import { HEAD_DEVIATION } from '../../models/parameters.ts';
import { specMinimum } from '../../models/spec.ts';
import { addClip } from '../data/clip_graph.ts';
import { TRAINING_OUTPUTS } from '../run/step_graph.ts';
import type { PretextTask } from './task.ts';

const WEIGHTS = `${PRETEXT_PREFIX}weights`;
const BIASES = `${PRETEXT_PREFIX}biases`;

/**
 * Frames of a window.
 * @throws InputError for a network that looks at single images: there is no time in them.
 */
export function pretextFrames(spec: ModelSpec): number {
  const [least] = specMinimum(spec);
  const frames = Math.max(least, Math.ceil(spec.frames / 2));
  if (frames > 1) return frames;
  throw new InputError(
    `Pre-training tells how clips run, and this model looks at ${spec.frames === 1 ? 'one frame' : `${spec.frames} frames`}; give a model that looks at 3 or more, or leave pretrain out.`,
  );
}

/** As `clipGraph`, of windows of `pretextFrames`; its logits are N×classes of the task. */
export function pretextGraph(spec: ModelSpec, task: PretextTask, batch: number): Graph {
  const builder = new GraphBuilder();
  const bare = { ...spec, classes: 0, frames: pretextFrames(spec) };
  const features = addModel(builder, bare, addClip(builder, bare, batch), { dropout: 0 });
  const weights = builder.parameter(WEIGHTS, [builder.shapeOf(features)[1]!, task.classes.length]);
  const biases = builder.parameter(BIASES, [task.classes.length]);
  builder.name(TRAINING_OUTPUTS.logits, builder.linear('Pretext', features, weights, biases));
  return builder.build();
}

/** What the head begins with, as a model's own does. */
export function pretextHead(graph: Graph, seed: number): Map<string, FloatTensor> {
  const head = new Map<string, FloatTensor>();
  for (const { source, type } of graph.values) {
    if (source.kind !== 'parameter' || !source.name.startsWith(PRETEXT_PREFIX)) continue;
    const random = new Random(seed, source.name);
    const count = type.shape.reduce((product, extent) => product * extent, 1);
    const value = source.name === WEIGHTS ? () => random.normal() * HEAD_DEVIATION : () => 0;
    head.set(source.name, floatTensor(type.shape, Float32Array.from({ length: count }, value)));
  }
  return head;
}

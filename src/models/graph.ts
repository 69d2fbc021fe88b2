/** @file The graphs of a model: on clips as the network takes them, and on decoded frames. */

import { checkOptionNames, checkWhole } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape } from '../core/tensor.ts';
import { GraphBuilder } from '../graph/builder.ts';
import type { Graph, ValueId } from '../graph/graph.ts';
import type { PreprocessAttributes } from '../ops/preprocess.ts';
import type { BuildOptions, ModelSpec } from './definition.ts';
import { specGeometry } from './frames.ts';
import { checkClipSize, dropoutOf } from './spec.ts';

/** What every network can be asked for, besides the end points of its own. */
export const OUTPUTS = {
  /** The mean over time and space of the last layer before the classes, N×C. */
  features: 'features',
  /** N×classes. */
  logits: 'logits',
  /** Softmax of that; of one logit alone its sigmoid. */
  probabilities: 'probabilities',
} as const;

/**
 * Adds a model to a clip, N×T×H×W×C float32 in the network's range; whatever makes the clip may come before it. The values of
 * `OUTPUTS` and the architecture's own end points are named.
 * @param options `dropout` before the logits: the architecture's where left out, which a plan for inference leaves out.
 * @returns The logits, N×classes; of 0 classes the features, N×C.
 * @throws GraphError where the definition does not build what it says.
 */
export function addModel(
  builder: GraphBuilder,
  spec: ModelSpec,
  clip: ValueId,
  options: Partial<BuildOptions> = {},
): ValueId {
  const { dropout = dropoutOf(spec), overTime = false, memory } = options;
  const { architecture, classes } = spec;
  const { features, logits } = architecture.build(builder, spec, clip, { dropout, overTime, memory });
  const [samples] = builder.shapeOf(clip);
  const check = (what: string, end: ValueId, width: number | 'C') => {
    const shape = builder.shapeOf(end);
    if (shape.length === 2 && shape[0] === samples && (width === 'C' || shape[1] === width)) return;
    throw new GraphError(
      `${architecture.name} gives ${what} of ${formatShape(shape)} where ${samples}×${width} are wanted.`,
    );
  };
  check('features', features, 'C');
  builder.name(OUTPUTS.features, features);
  if (logits === undefined) {
    if (classes > 0) throw new GraphError(`${architecture.name} gives no logits where ${classes} classes are wanted.`);
    return features;
  }
  check('logits', logits, classes);
  builder.name(OUTPUTS.logits, logits);
  const probabilities = 'Head/probabilities';
  builder.name(
    OUTPUTS.probabilities,
    classes === 1 ? builder.sigmoid(probabilities, logits) : builder.softmax(probabilities, logits),
  );
  return logits;
}

export interface ModelGraphOptions {
  /** Samples in a batch; 1 where left out. */
  readonly batch?: number;
  /** What the spec says where left out. */
  readonly frames?: number;
  /** Pixels; a square of what the spec says where left out. */
  readonly height?: number;
  readonly width?: number;
}

/**
 * A model for inference on an input called `clip`, float32 N×T×H×W×C.
 * @throws InputError when such clips do not suit the network.
 */
export function modelGraph(spec: ModelSpec, options: ModelGraphOptions = {}): Graph {
  const { batch, frames, height, width } = checked('modelGraph', spec, options);
  checkClipSize(spec, frames, height, width);
  const builder = new GraphBuilder();
  addModel(builder, spec, builder.input('clip', [batch, frames, height, width, spec.channels]), { dropout: 0 });
  return builder.build();
}

/**
 * The same network on decoded frames, an input called `frames`, uint8 N×T×H×W×3, which are resized, cropped and normalised on
 * the device.
 * @param preprocess How; what the model's definition says where left out.
 */
export function frameGraph(spec: ModelSpec, options: ModelGraphOptions = {}, preprocess?: PreprocessAttributes): Graph {
  const { batch, frames, height, width } = checked('frameGraph', spec, options);
  const attributes = preprocess ?? specGeometry(spec, height, width);
  checkClipSize(spec, frames, attributes.crop.height, attributes.crop.width);
  const builder = new GraphBuilder();
  const raw = builder.input('frames', [batch, frames, height, width, 3], 'u8');
  addModel(builder, spec, builder.preprocess('Preprocess', raw, attributes), { dropout: 0 });
  return builder.build();
}

function checked(what: string, spec: ModelSpec, options: ModelGraphOptions): Required<ModelGraphOptions> {
  checkOptionNames(what, options, ['batch', 'frames', 'height', 'width']);
  const { batch = 1, frames = spec.frames, height = spec.size, width = spec.size } = options;
  const counts = { batch, frames, height, width };
  for (const [name, count] of Object.entries(counts)) checkWhole(`The option ${name}`, count, 1);
  return counts;
}

/** @file Training steps for the bench: a model, a batch and parameters that do not depend on any file. */

import { MODELS } from '../src/catalogue.ts';
import { type FloatTensor, floatTensor, type HostTensor } from '../src/core/tensor.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { GraphBuilder } from '../src/graph/builder.ts';
import type { Graph } from '../src/graph/graph.ts';
import type { ModelSpec } from '../src/models/definition.ts';
import { addModel } from '../src/models/graph.ts';
import { initialParameters } from '../src/models/parameters.ts';
import { modelSpec } from '../src/models/spec.ts';
import { TrainingStep } from '../src/train/run/step.ts';
import { cheapNoise } from './i3d.ts';

export interface TrainingShape {
  /** An id of `MODELS`. */
  readonly architecture: string;
  readonly width: number;
  readonly frames: number;
  /** Pixels on each side. */
  readonly size: number;
  readonly batch: number;
  readonly classes: number;
}

/** Architecture, width, frames, size, batch, classes: as a process gets them. */
export const trainingArguments = ({ architecture, width, frames, size, batch, classes }: TrainingShape) =>
  [architecture, width, frames, size, batch, classes] as const;

export function trainingShape([architecture, ...numbers]: readonly string[]): TrainingShape {
  const [width, frames, size, batch, classes] = numbers.map(Number) as [number, number, number, number, number];
  return { architecture: architecture!, width, frames, size, batch, classes };
}

export function trainingSpec({ batch: _, architecture, ...shape }: TrainingShape): ModelSpec {
  return modelSpec({ ...shape, architecture: MODELS.get(architecture), stream: 'rgb', shortSide: shape.size });
}

/** Without dropout: other engines have other random numbers. */
export function trainingModel(shape: TrainingShape): Graph {
  const spec = trainingSpec(shape);
  const builder = new GraphBuilder();
  addModel(builder, spec, builder.input('clip', [shape.batch, shape.frames, shape.size, shape.size, 3]), {
    dropout: 0,
  });
  return builder.build();
}

export const trainingParameters = (shape: TrainingShape): Map<string, FloatTensor> =>
  initialParameters(trainingSpec(shape), 1);

/** A batch of noise; sample i has class i. */
export function trainingInputs({ batch, frames, size, classes }: TrainingShape): Record<string, HostTensor> {
  const targets = new Float32Array(batch * classes);
  for (let i = 0; i < batch; i++) targets[i * classes + (i % classes)] = 1;
  return {
    clip: floatTensor([batch, frames, size, size, 3], cheapNoise(3, batch * frames * size * size * 3)),
    targets: floatTensor([batch, classes], targets),
  };
}

export function createStep(gpu: Gpu, shape: TrainingShape, recompute = false): Promise<TrainingStep> {
  return TrainingStep.create(gpu, trainingModel(shape), trainingParameters(shape), {
    trainable: () => true,
    batchNorm: 'batch',
    statisticsMomentum: 0.01,
    recompute,
    momentum: 0.9,
    weightDecay: 1e-4,
    decays: (name) => name.endsWith('/weights'),
    clip: 5,
    seed: 1,
  });
}

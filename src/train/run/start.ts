/** @file What a stream starts from: a model's layers under a head of its own, or random numbers. Node only. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../core/errors.ts';
import type { FloatTensor } from '../../core/tensor.ts';
import { STREAM_CHANNELS, type Stream } from '../../i3d/architecture.ts';
import { readI3dCheckpoint } from '../../i3d/checkpoint.ts';
import { LOGITS_LAYER } from '../../i3d/model.ts';
import { isModelFile, type Model, parseModelFile } from '../../i3d/model_file.ts';
import { initialParameters, type ModelSpec, modelSpec } from '../../i3d/spec.ts';
import { loadWeightsFile } from '../../io/weights.ts';
import type { TrainConfig } from './config.ts';
import { MODEL_FILES, SHIPPED_MODELS } from './model_files.ts';

/** As the models that come along: enough for tens of classes, and trained on a processor in minutes. */
const SMALL = { architecture: 'inception-4', width: 0.25 } as const;

export interface Start {
  readonly spec: ModelSpec;
  readonly parameters: ReadonlyMap<string, FloatTensor>;
  /** The file that it was read from, or undefined for random numbers. */
  readonly from: string | undefined;
}

/**
 * @param classes Those of the data set. A model of just these keeps its head.
 * @param warn Takes a sentence about each thing in a checkpoint that was passed over.
 * @throws InputError when the model cannot be read or is not what the configuration asks for.
 */
export async function startOf(
  { from, model, seed }: Pick<TrainConfig, 'from' | 'model' | 'seed'>,
  stream: Stream,
  classes: readonly string[],
  warn: (message: string) => void,
): Promise<Start> {
  const path = await modelPath(from, stream);
  if (path === undefined) {
    const width = model.architecture === 'i3d' ? 1 : SMALL.width;
    const spec = modelSpec({ ...SMALL, width, ...model, stream, classes: classes.length });
    return { spec, parameters: initialParameters(spec, seed), from: undefined };
  }
  const given = await readStart(path, stream, warn);
  for (const key of ['architecture', 'width'] as const) {
    const wanted = model[key];
    if (wanted === undefined || wanted === given.spec[key]) continue;
    const advice = 'leave it out, or start from random numbers with from "none"';
    throw new InputError(
      `${path} has the ${key} ${given.spec[key]}, and the configuration asks for ${wanted}; ${advice}.`,
    );
  }
  const spec = modelSpec({ ...given.spec, ...model, classes: classes.length });
  const keepsHead = given.classes.length === classes.length && given.classes.every((name, i) => name === classes[i]);
  const parameters = initialParameters(spec, seed);
  for (const name of parameters.keys()) {
    if (keepsHead || !name.startsWith(LOGITS_LAYER)) parameters.set(name, given.parameters.get(name)!);
  }
  return { spec, parameters, from: path };
}

/** The file that a stream starts from; undefined for none. */
async function modelPath(from: string | undefined, stream: Stream): Promise<string | undefined> {
  if (from === 'none') return undefined;
  const folder = from ?? SHIPPED_MODELS;
  const found = await stat(folder).catch(() => undefined);
  if (from !== undefined && !found?.isDirectory()) return from;
  const path = join(folder, MODEL_FILES[stream]);
  if (await stat(path).catch(() => undefined)) return path;
  if (from === undefined) return undefined;
  throw new InputError(
    `The folder ${from} has no ${MODEL_FILES[stream]} to start from; train the other stream alone, or start from "none".`,
  );
}

/** A model that `train` left, or weights of I3D as others publish them. */
async function readStart(path: string, stream: Stream, warn: (message: string) => void): Promise<Model> {
  const contents = await loadWeightsFile(path);
  if (isModelFile(contents.metadata)) {
    const model = parseModelFile(contents, path);
    if (model.spec.stream === stream) return model;
    throw new InputError(`${path} is a model for ${model.spec.stream}; the ${stream} stream cannot start from it.`);
  }
  const { channels, parameters, classes, warnings } = readI3dCheckpoint(contents.tensors, path, { stream });
  if (channels !== STREAM_CHANNELS[stream]) {
    throw new InputError(`${path} takes clips with ${channels} channels; the ${stream} stream cannot start from it.`);
  }
  for (const text of [...contents.warnings, ...warnings]) warn(text);
  const names = Array.from({ length: classes }, (_, i) => `class ${i}`);
  return { spec: modelSpec({ architecture: 'i3d', stream, classes }), classes: names, parameters };
}

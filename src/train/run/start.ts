/** @file What a stream starts from: a model's layers under a head of its own, or random numbers. Node only. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MODELS, SMALL_MODEL } from '../../catalogue.ts';
import { InputError } from '../../core/errors.ts';
import type { FloatTensor } from '../../core/tensor.ts';
import { loadWeightsFile } from '../../io/weights.ts';
import { type ModelSpec, STREAM_CHANNELS, STREAMS, type Stream } from '../../models/definition.ts';
import { labelsFor } from '../../models/labels.ts';
import { isModelFile, type Model, parseModelFile } from '../../models/model_file.ts';
import { initialParameters, isHeadParameter } from '../../models/parameters.ts';
import type { ModelRegistry } from '../../models/registry.ts';
import { modelSpec } from '../../models/spec.ts';
import { readWeights } from '../../models/weights.ts';
import { SHIPPED_MODELS } from '../shipped_models.ts';
import type { TrainConfig } from './config.ts';
import { MODEL_FILES } from './model_files.ts';

export interface Start {
  readonly spec: ModelSpec;
  readonly parameters: ReadonlyMap<string, FloatTensor>;
  /** The file that it was read from, or undefined for random numbers. */
  readonly from: string | undefined;
}

/**
 * @param classes Those of the data set. A model of just these keeps its head.
 * @param warn Takes a sentence about each thing in a checkpoint that was passed over.
 * @param models Those that are known.
 * @throws InputError when the model cannot be read or is not what the configuration asks for.
 */
export async function startOf(
  { from, model, seed }: Pick<TrainConfig, 'from' | 'model' | 'seed'>,
  stream: Stream,
  classes: readonly string[],
  warn: (message: string) => void,
  models = MODELS,
): Promise<Start> {
  const { architecture: _, ...rest } = model;
  const path = await modelPath(from, stream);
  if (path === undefined) {
    const spec = modelSpec({ ...freshModel(model.architecture, models), ...rest, stream, classes: classes.length });
    return { spec, parameters: initialParameters(spec, seed), from: undefined };
  }
  const given = await readStart(path, stream, warn, models, model.architecture);
  const fixed = { architecture: given.spec.architecture.id, width: given.spec.width };
  for (const key of ['architecture', 'width'] as const) {
    const wanted = model[key];
    if (wanted === undefined || wanted === fixed[key]) continue;
    const advice = 'leave it out, or start from random numbers with from "none"';
    throw new InputError(`${path} has the ${key} ${fixed[key]}, and the configuration asks for ${wanted}; ${advice}.`);
  }
  const spec = modelSpec({ ...given.spec, ...rest, classes: classes.length });
  const keepsHead = given.classes.length === classes.length && given.classes.every((name, i) => name === classes[i]);
  const parameters = initialParameters(spec, seed);
  for (const name of parameters.keys()) {
    if (keepsHead || !isHeadParameter(spec, name)) parameters.set(name, given.parameters.get(name)!);
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

/** A model without a file to start from: the one that was asked for, or the small one. */
function freshModel(
  architecture: string | undefined,
  models: ModelRegistry,
): Pick<ModelSpec, 'architecture'> & Partial<ModelSpec> {
  if (architecture === undefined || architecture === SMALL_MODEL.architecture.id) return SMALL_MODEL;
  return { architecture: models.get(architecture) };
}

/**
 * A model that `train` left, or weights of a model that is known, as others publish them.
 * @param architecture Which one such weights are of, where their tensors may be several's.
 */
async function readStart(
  path: string,
  stream: Stream,
  warn: (message: string) => void,
  models: ModelRegistry,
  architecture: string | undefined,
): Promise<Model> {
  const contents = await loadWeightsFile(path);
  if (isModelFile(contents.metadata)) {
    const model = parseModelFile(contents, path, models);
    if (model.spec.stream === stream) return model;
    throw new InputError(`${path} is a model for ${model.spec.stream}; the ${stream} stream cannot start from it.`);
  }
  const known = architecture === undefined ? models : [models.get(architecture)];
  const { spec, parameters, warnings } = readWeights(contents.tensors, path, known, { stream });
  if (spec.channels !== STREAM_CHANNELS[stream]) {
    const other = STREAMS.find((name) => STREAM_CHANNELS[name] === spec.channels);
    const advice = other === undefined ? '' : `: train the ${other} stream alone`;
    throw new InputError(
      `${path} takes clips with ${spec.channels} channels; the ${stream} stream cannot start from it${advice}.`,
    );
  }
  for (const text of [...contents.warnings, ...warnings]) warn(text);
  return { spec, classes: await labelsFor(spec.classes, spec.architecture.labels), parameters };
}

/** @file Weights and labels by path, checked for the stream that they are to serve. */

import { readFile } from 'node:fs/promises';
import { InputError } from '../core/errors.ts';
import { loadWeightsFile } from '../io/weights.ts';
import { type ModelDefinition, type ModelSpec, STREAM_CHANNELS, type Stream } from '../models/definition.ts';
import { labelsFor, parseLabels } from '../models/labels.ts';
import { isModelFile } from '../models/model_file.ts';
import type { Network } from '../models/recogniser.ts';
import { type RecognisedWeights, readWeights, recogniseWeights } from '../models/weights.ts';

/** A file whose model is known by the names in it; its values are not looked at yet. */
interface StreamWeights {
  readonly spec: ModelSpec;
  /** Whose names the file has. */
  readonly origin: string;
  /** @throws InputError where a tensor holds what is no finite number, or a negative variance. */
  load(): Network;
}

/** Frames that were stored for a model already, of the size that it takes. Pixels. */
export interface PreparedClip {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

interface OpenOptions {
  /** Those that the file may hold. */
  readonly models: Iterable<ModelDefinition>;
  /** What will be looked at, where it is an array: among models whose tensors are the same, it is of the one that takes it as it is. */
  readonly clip?: (() => Promise<PreparedClip | undefined>) | undefined;
  /** Weights without a layer for classes will do, too. */
  readonly headless?: boolean;
  /** Takes a sentence about each thing in the file that was passed over. */
  warn(text: string): void;
}

/**
 * @throws InputError when the file holds the weights of no model that is known, those of another stream, a model that says itself
 * what it takes, or weights without a layer for classes.
 */
export async function openStream(
  path: string,
  stream: Stream,
  { models, clip, headless = false, warn }: OpenOptions,
): Promise<StreamWeights> {
  const { tensors, metadata, warnings } = await loadWeightsFile(path);
  if (isModelFile(metadata)) throw new InputError(`${path} is a model that was trained here; give it as --model.`);
  const recognised = recogniseWeights(tensors, path, models, { stream });
  const prepared = recognised.twins.length > 0 ? await clip?.() : undefined;
  const meant = prepared && takerOf(prepared, recognised);
  const {
    spec,
    stream: found,
    match,
    origin,
    head,
  } = meant ? recogniseWeights(tensors, path, [meant.architecture], { stream }) : recognised;
  if (spec.channels !== STREAM_CHANNELS[stream]) {
    const other = found && found !== stream ? `; give them as --${found}` : '';
    throw new InputError(
      `${path} holds weights for ${spec.channels} input channels where ${stream} has ${STREAM_CHANNELS[stream]}${other}.`,
    );
  }
  for (const text of [...warnings, ...match.warnings]) warn(text);
  if (spec.classes === 0 && !headless) throw featuresOnly(path, head);
  return { spec, origin, load: () => readWeights(tensors, path, [spec.architecture], { stream }) };
}

/** The model, of several with the same tensors, that takes a clip as it is; of several such, the one for so many frames. */
function takerOf({ frames, height, width }: PreparedClip, { spec, twins }: RecognisedWeights): ModelSpec | undefined {
  const takers = [spec, ...twins].filter(({ size }) => height === size && width === size);
  return takers.find((taker) => taker.frames === frames) ?? takers[0];
}

/** A network that cannot tell classes apart. */
export function featuresOnly(path: string, head: string): InputError {
  return new InputError(
    `${path} has no logits layer (${head}): it gives features, and no classes; give weights that have one.`,
  );
}

/** The names of the classes: from a file where one is given, else those that the model's weights are published for. */
export async function loadLabels(path: string | undefined, spec: ModelSpec): Promise<readonly string[]> {
  if (path === undefined) return labelsFor(spec.classes, spec.architecture.labels ?? []);
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const reasons: Record<string, string> = { ENOENT: 'does not exist', EISDIR: 'is a folder' };
    const reason = reasons[cause.code ?? ''] ?? `cannot be read (${cause.message})`;
    throw new InputError(`${path} ${reason}; give a text file with one class name on each line.`, { cause });
  });
  return parseLabels(text, spec.classes, path);
}

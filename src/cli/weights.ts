/** @file Weights and labels by path, checked for the stream that they are to serve. */

import { readFile } from 'node:fs/promises';
import { MODELS } from '../catalogue.ts';
import { InputError } from '../core/errors.ts';
import { loadWeightsFile } from '../io/weights.ts';
import { type ModelSpec, STREAM_CHANNELS, type Stream } from '../models/definition.ts';
import { labelsFor, parseLabels } from '../models/labels.ts';
import { isModelFile } from '../models/model_file.ts';
import type { Network } from '../models/recogniser.ts';
import { readWeights, recogniseWeights } from '../models/weights.ts';

/** A file whose model is known by the names in it; its values are not looked at yet. */
interface StreamWeights {
  readonly spec: ModelSpec;
  /** @throws InputError where a tensor holds what is no finite number, or a negative variance. */
  load(): Network;
}

/**
 * @param warn Takes a sentence about each thing in the file that was passed over.
 * @param headless Whether weights without a layer for classes will do.
 * @throws InputError when the file holds the weights of no model that is known, those of another stream, a model that says itself
 * what it takes, or weights without a layer for classes.
 */
export async function openStream(
  path: string,
  stream: Stream,
  warn: (text: string) => void,
  headless = false,
): Promise<StreamWeights> {
  const { tensors, metadata, warnings } = await loadWeightsFile(path);
  if (isModelFile(metadata)) throw new InputError(`${path} is a model that was trained here; give it as --model.`);
  const { spec, stream: found, match, head } = recogniseWeights(tensors, path, MODELS, { stream });
  if (spec.channels !== STREAM_CHANNELS[stream]) {
    const other = found && found !== stream ? `; give them as --${found}` : '';
    throw new InputError(
      `${path} holds weights for ${spec.channels} input channels where ${stream} has ${STREAM_CHANNELS[stream]}${other}.`,
    );
  }
  if (spec.classes === 0 && !headless) throw featuresOnly(path, head);
  for (const text of [...warnings, ...match.warnings]) warn(text);
  return { spec, load: () => readWeights(tensors, path, [spec.architecture], { stream }) };
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

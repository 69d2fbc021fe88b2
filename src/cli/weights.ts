/** @file Weights and labels by path, checked for the stream that they are to serve. */

import { readFile } from 'node:fs/promises';
import { InputError } from '../core/errors.ts';
import { STREAM_CHANNELS, type Stream } from '../i3d/architecture.ts';
import { type I3dCheckpoint, logitsName, readI3dCheckpoint } from '../i3d/checkpoint.ts';
import { isModelFile } from '../i3d/model_file.ts';
import { loadWeightsFile } from '../io/weights.ts';
import { labelsFor, parseLabels } from '../models/labels.ts';

/**
 * @param warn Takes a sentence about each thing in the file that was passed over.
 * @throws InputError when the file holds no I3D weights, those of another stream, a model that says itself what it takes, or
 * weights without a logits layer.
 */
export async function loadStream(path: string, stream: Stream, warn: (text: string) => void): Promise<I3dCheckpoint> {
  const { tensors, metadata, warnings } = await loadWeightsFile(path);
  if (isModelFile(metadata)) throw new InputError(`${path} is a model that was trained here; give it as --model.`);
  const checkpoint = readI3dCheckpoint(tensors, path, { stream });
  if (checkpoint.channels !== STREAM_CHANNELS[stream]) {
    const other = checkpoint.stream && checkpoint.stream !== stream ? `; give them as --${checkpoint.stream}` : '';
    throw new InputError(
      `${path} holds weights for ${checkpoint.channels} input channels where ${stream} has ${STREAM_CHANNELS[stream]}${other}.`,
    );
  }
  if (checkpoint.classes === 0) throw featuresOnly(path, logitsName(checkpoint.naming));
  for (const text of [...warnings, ...checkpoint.warnings]) warn(text);
  return checkpoint;
}

/** A network that cannot tell classes apart. */
export function featuresOnly(path: string, logits: string): InputError {
  return new InputError(
    `${path} has no logits layer (${logits}): it gives features, and no classes; give weights that have one.`,
  );
}

/** The names of the classes: from a file where one is given, else the built-in ones. */
export async function loadLabels(path: string | undefined, classes: number): Promise<readonly string[]> {
  if (path === undefined) return labelsFor(classes);
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const reasons: Record<string, string> = { ENOENT: 'does not exist', EISDIR: 'is a folder' };
    const reason = reasons[cause.code ?? ''] ?? `cannot be read (${cause.message})`;
    throw new InputError(`${path} ${reason}; give a text file with one class name on each line.`, { cause });
  });
  return parseLabels(text, classes, path);
}

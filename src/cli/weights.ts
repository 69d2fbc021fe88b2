/** @file Weights and labels by path, checked for the stream that they are to serve. */

import { readFile } from 'node:fs/promises';
import { InputError } from '../core/errors.ts';
import { STREAM_CHANNELS, type Stream } from '../i3d/architecture.ts';
import { type I3dCheckpoint, readI3dCheckpoint } from '../i3d/checkpoint.ts';
import { labelsFor, parseLabels } from '../i3d/labels.ts';
import { isModelFile } from '../i3d/model_file.ts';
import { loadWeightsFile } from '../io/weights.ts';

/** @throws InputError when the file holds no I3D weights, those of another stream, or a model that says itself what it takes. */
export async function loadStream(path: string, stream: Stream): Promise<I3dCheckpoint> {
  const { tensors, metadata } = await loadWeightsFile(path);
  if (isModelFile(metadata)) throw new InputError(`${path} is a model that was trained here; give it as --model.`);
  const checkpoint = readI3dCheckpoint(tensors, path);
  if (checkpoint.channels !== STREAM_CHANNELS[stream]) {
    const other = checkpoint.stream && checkpoint.stream !== stream ? `; give them as --${checkpoint.stream}` : '';
    throw new InputError(
      `${path} holds weights for ${checkpoint.channels} input channels where ${stream} has ${STREAM_CHANNELS[stream]}${other}.`,
    );
  }
  return checkpoint;
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

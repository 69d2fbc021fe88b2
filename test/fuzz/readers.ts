/** @file Everything of this package that reads files of its users, as one function of a path each. */

import { readFile } from 'node:fs/promises';
import { MODELS } from '../../src/catalogue.ts';
import { inspectFile } from '../../src/cli/commands/inspect-file.ts';
import { loadLabels, openStream } from '../../src/cli/weights.ts';
import { InputError } from '../../src/core/errors.ts';
import { i3dSpec } from '../../src/i3d/i3d.ts';
import { ArrayClip } from '../../src/io/array-clip.ts';
import type { ArrayKind } from '../../src/io/array-layout.ts';
import { decodeFlo } from '../../src/io/flo.ts';
import { decodeNpy } from '../../src/io/npy.ts';
import { fileTuning } from '../../src/io/tuning_file.ts';
import { decodeFrames, openClip } from '../../src/io/video.ts';
import { loadWeightsFile } from '../../src/io/weights.ts';
import { readImageModel } from '../../src/models/weights.ts';
import { readClipSet } from '../../src/train/data/clip_set.ts';
import { MetricsFile } from '../../src/train/evaluate/metrics.ts';
import { readCheckpoint } from '../../src/train/run/checkpoint.ts';
import { readConfig } from '../../src/train/run/config.ts';
import { readModels } from '../../src/train/run/model_files.ts';

type Reader = (path: string) => Promise<unknown>;

/** A damaged clock may announce hours. */
const MOST_FRAMES = 400;

/** As commands read videos: resampled, frame by frame, and left early. */
const clip: Reader = async (path) => {
  let count = 0;
  for await (const _ of decodeFrames(path)) if (++count === MOST_FRAMES) break;
};

const array =
  (kind: ArrayKind): Reader =>
  async (path) => {
    const clip = await ArrayClip.open(path, kind);
    try {
      await clip.read(0, Math.min(clip.frames, MOST_FRAMES));
    } finally {
      await clip.close();
    }
  };

/** All that users see of an error of theirs. */
export const isSentence = (message: string): boolean => /^[^\n]+\.$/.test(message);

/** A second reader of what the first one has taken, which may want something else. */
async function also(reading: Promise<unknown>): Promise<void> {
  await reading.catch((error: unknown) => {
    if (!(error instanceof InputError && isSentence(error.message))) throw error;
  });
}

/** Checkpoints of any kind: read and listed, and offered to I3D and to inflation. */
const weights: Reader = async (path) => {
  await inspectFile(path, MODELS, true);
  await also(openStream(path, 'rgb', { models: MODELS, warn: () => undefined }).then((weights) => void weights.load()));
  await also(loadWeightsFile(path).then((contents) => readImageModel(contents, path, MODELS)));
};

/** By name; `video`, `gif` and `picture` differ in what they are fed with, and so do checkpoints. */
export const READERS = {
  video: clip,
  gif: (path) => openClip(path, { fps: 'native', frames: MOST_FRAMES }),
  picture: openClip,
  folder: openClip,
  npy: async (path) => {
    await also(array('frames')(path));
    decodeNpy(await readFile(path), path);
  },
  npz: array('frames'),
  flow: array('flow'),
  flo: async (path) => decodeFlo(await readFile(path), path),
  safetensors: weights,
  pytorch: weights,
  tensorflow: weights,
  model: (path) => readModels(path),
  checkpoint: (path) => readCheckpoint(path),
  list: readClipSet,
  config: (path) => readConfig(path),
  labels: (path) => loadLabels(path, i3dSpec(3, 5)),
  tuning: (path) => fileTuning(path).load(),
  metrics: (path) => MetricsFile.open(path, () => true),
} satisfies Record<string, Reader>;

export type ReaderName = keyof typeof READERS;

export const isReaderName = (name: string): name is ReaderName => Object.hasOwn(READERS, name);

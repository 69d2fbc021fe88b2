/** @file What a training run does, as data: a JSON file of these fields, all of which but `data` may be left out. */

import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, resolve } from 'node:path';
import * as v from 'valibot';
import { MODELS } from '../../catalogue.ts';
import { isObject } from '../../core/check.ts';
import { InputError } from '../../core/errors.ts';
import {
  flag,
  listOf,
  notNegative,
  object,
  oneOf,
  parse,
  positive,
  range,
  share,
  text,
  whole,
} from '../../core/schema.ts';
import { type PresetName, presets } from '../../flow/options.ts';
import { fileError } from '../../io/bytes.ts';
import { DEFAULT_AUGMENTATION } from '../data/augmentation.ts';
import { DEFAULT_PRETEXT, PRETEXT_IDS } from '../pretext/index.ts';
import { PUBLISHED_DROPS } from './schedule.ts';

/** How long something is learned, and how fast. */
const pace = {
  /** How long, in passes over the training clips or in steps. */
  epochs: v.exactOptional(positive),
  steps: v.exactOptional(whole(1)),
  /** Bounds on the clips that the epochs come to: very small sets are seen more often, very large ones less. */
  atLeast: v.exactOptional(whole(1)),
  atMost: v.exactOptional(whole(1)),
  schedule: v.optional(oneOf(['cosine', 'step', 'constant']), 'cosine'),
  /** Share of the steps over which the learning rate rises. */
  warmup: v.optional(share, 0.05),
  /** For `step`: where the learning rate drops, as shares of the steps, and to what part of it. */
  drops: v.optional(listOf(share, 'shares of the steps'), [...PUBLISHED_DROPS]),
  dropFactor: v.optional(share, 0.1),
  /** Share of an epoch's clips that have to be recognised for the stage to come to its end early; 0 for never. */
  learned: v.optional(share, 0),
};

const stage = object({
  name: text,
  /** Which parameters learn: those of the last layer, all, or those whose names begin with one of these. */
  trains: v.union(
    [oneOf(['head', 'all']), listOf(text, 'the beginnings of parameter names')],
    'must be "head", "all" or a list of the beginnings of parameter names',
  ),
  ...pace,
  learningRate: positive,
});

/** A stage before the others, on clips without labels; as long as `PRETRAINING` where it does not say. */
const pretrain = object({
  /** A folder with clips anywhere below it, or a CSV, whose labels are not looked at. */
  data: text,
  /** What is to be told of a clip; see src/train/pretext. */
  task: v.optional(oneOf(PRETEXT_IDS), DEFAULT_PRETEXT),
  ...pace,
  learningRate: v.optional(positive, 0.05),
});

const model = object({
  /** Its id. */
  architecture: v.exactOptional(text),
  width: v.exactOptional(positive),
  frames: v.exactOptional(whole(1)),
  size: v.exactOptional(whole(1)),
  shortSide: v.exactOptional(whole(1)),
  flowBound: v.exactOptional(positive),
  flowPreset: v.exactOptional(oneOf(Object.keys(presets) as PresetName[])),
  fps: v.exactOptional(v.union([positive, v.literal('native')], 'must be a number above 0 or "native"')),
  segments: v.exactOptional(flag),
});

/** Every variation is on where it is not named; see `AugmentationOptions`. */
const augmentation = object({
  crop: v.optional(flag, DEFAULT_AUGMENTATION.crop),
  scale: v.optional(range, [...DEFAULT_AUGMENTATION.scale]),
  flip: v.optional(flag, DEFAULT_AUGMENTATION.flip),
  jitter: v.optional(whole(0), DEFAULT_AUGMENTATION.jitter),
  shuffle: v.optional(share, DEFAULT_AUGMENTATION.shuffle),
  brightness: v.optional(share, DEFAULT_AUGMENTATION.brightness),
  contrast: v.optional(share, DEFAULT_AUGMENTATION.contrast),
  saturation: v.optional(share, DEFAULT_AUGMENTATION.saturation),
  speed: v.optional(range, [...DEFAULT_AUGMENTATION.speed]),
});

const configuration = object({
  /** A folder `class/clip.ext`, or a CSV with the header path,label,split. */
  data: text,
  /** The folder that the results are written to. */
  out: text,
  streams: v.optional(listOf(oneOf(['rgb', 'flow']), '"rgb" and "flow"'), ['rgb', 'flow']),
  /** A model to start from, a file or a folder with one for each stream; "none" starts from random numbers. */
  from: v.exactOptional(text),
  /** Learning from clips without labels before the stages. */
  pretrain: v.exactOptional(pretrain),
  /** What the model is, where it differs from the one it starts from, or from the small default; see `ModelSpec`. */
  model: v.optional(model, {}),
  seed: v.optional(whole(0), 1),
  /** Clips in a step; `accumulate` such batches make an update. */
  batch: v.optional(whole(1), 8),
  accumulate: v.optional(whole(1), 1),
  /** Compute activations twice instead of keeping all of them: less memory, more time. `auto` does so where memory runs out. */
  recompute: v.optional(v.union([flag, v.literal('auto')], 'must be true, false or "auto"'), 'auto'),
  /** Those of a run from a model or from random numbers, where left out. */
  stages: v.exactOptional(listOf(stage, 'stages')),
  /** Passes over the training clips in the last stage, instead of what the stage says. */
  epochs: v.exactOptional(positive),
  optimiser: v.optional(
    object({
      momentum: v.optional(share, 0.9),
      weightDecay: v.optional(notNegative, 1e-4),
      /** Weight decay on batch norm and biases, too. */
      decayAll: v.optional(flag, false),
      /** The largest norm of all gradients together. */
      clip: v.optional(positive, 5),
    }),
    {},
  ),
  /** Probability with which a channel is dropped before the classes; the architecture's where left out. */
  dropout: v.exactOptional(share),
  /** Statistics of the batch, or the stored ones; `auto` takes the stored ones for batches of fewer than 8 clips. */
  batchNorm: v.optional(oneOf(['auto', 'batch', 'frozen']), 'auto'),
  /** Share of a batch in the running statistics. */
  statisticsMomentum: v.optional(share, 0.05),
  augmentation: v.optional(augmentation, {}),
  evaluate: v.optional(
    object({
      /** After so many epochs; 0 means only at the end. */
      every: v.optional(notNegative, 0),
      /** Windows of a clip, evenly placed. */
      windows: v.optional(whole(1), 3),
    }),
    {},
  ),
  /** Share of the clips that become test clips where the data set names none. */
  holdout: v.optional(share, 0),
  /** The folder in which decoded frames and flow are kept; one in the user's cache folder where left out. */
  cache: v.exactOptional(text),
  /** Draw classes equally often, however many clips they have. */
  balanced: v.optional(flag, true),
  /** Save the state of the run when so many seconds have passed since the last time. */
  saveEvery: v.optional(notNegative, 60),
  /** Write the models in half precision. */
  half: v.optional(flag, false),
});

/** A configuration in which every default has been filled in. */
export type TrainConfig = v.InferOutput<typeof configuration>;
export type TrainConfigInput = v.InferInput<typeof configuration>;
export type Stage = v.InferOutput<typeof stage>;
export type Pretrain = v.InferOutput<typeof pretrain>;

/**
 * @param path A JSON configuration, whose paths are relative to it, or the data set itself. Results go to `<name>-model` in
 *   the current folder where nothing else is said.
 * @param overrides What the command line says; it comes before the file.
 * @param models Those that may be trained; those that come with the package where left out.
 * @throws InputError that names the field, what is wrong and what would be right.
 */
export async function readConfig(
  path: string,
  overrides: { readonly [Key in keyof TrainConfigInput]?: TrainConfigInput[Key] | undefined } = {},
  models = MODELS,
): Promise<TrainConfig> {
  const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  const out = `${basename(path, extname(path))}-model`;
  if (extname(path).toLowerCase() !== '.json') return parseConfig({ data: path, out, ...given }, path, models);
  const written = await readJson(path);
  if (typeof written !== 'object' || written === null || Array.isArray(written)) {
    throw new InputError(`${path} must hold a JSON object such as {"data": "clips"}.`);
  }
  const inFile = fromFolder(written, dirname(path));
  // What is given of it does not take the rest away.
  const joined = (['pretrain', 'model'] as const).flatMap((key) =>
    given[key] && inFile[key] ? [[key, { ...inFile[key], ...(given[key] as object) }]] : [],
  );
  return parseConfig({ out, ...inFile, ...given, ...Object.fromEntries(joined) }, path, models);
}

/** @throws InputError as `readConfig` does. */
export function parseConfig(value: unknown, source: string, models = MODELS): TrainConfig {
  const config = parse(configuration, value, source);
  const { architecture } = config.model;
  if (architecture !== undefined) models.get(architecture, `${source}, model`);
  if (config.pretrain?.epochs !== undefined && config.pretrain.steps !== undefined) {
    throw new InputError(`${source}: pretrain has epochs and steps; give one of the two.`);
  }
  for (const { name, epochs, steps } of config.stages ?? []) {
    if ((epochs === undefined) === (steps === undefined)) {
      throw new InputError(`${source}: stage "${name}" needs epochs or steps, one of the two.`);
    }
  }
  return config;
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'does not exist' : `cannot be read (${cause.message})`;
    throw new InputError(`${path} ${reason}; give a configuration, a folder of clips or a CSV.`, { cause });
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    // What is quoted may have line breaks in it.
    throw fileError(`${path} is not JSON: ${(cause as Error).message.replaceAll(/\s+/g, ' ')}.`);
  }
}

/** Paths of a file are relative to the folder that it is in. */
function fromFolder(written: object, folder: string): { readonly pretrain?: object; readonly model?: object } {
  const entries = Object.entries(written).map(([key, value]) => {
    if (key === 'pretrain' && isObject(value)) return [key, fromFolder(value, folder)];
    const isPath = ['data', 'out', 'cache', 'from'].includes(key) && typeof value === 'string' && value !== 'none';
    return [key, isPath ? resolve(folder, value) : value];
  });
  return Object.fromEntries(entries);
}

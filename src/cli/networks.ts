/** @file Which networks `classify` runs, from its options, and how clips are brought to them. */

import { InputError } from '../core/errors.ts';
import { type ModelSpec, STREAMS, type Stream } from '../models/definition.ts';
import type { Network } from '../models/recogniser.ts';
import { type ClipRule, clipRule } from '../recognition/clip_rule.ts';
import { readModels } from '../train/run/model_files.ts';
import { type ModelTypeFlags, typedModels } from './options.ts';
import { featuresOnly, openStream, type PreparedClip } from './weights.ts';

/** What to do with two networks that do not go together. */
const ALONE = 'run them one by one with --stream';

/** The networks, whose values are read when they are asked for. */
export interface ChosenNetworks {
  readonly rule: ClipRule;
  /** By stream; at least one. */
  readonly specs: ReadonlyMap<Stream, ModelSpec>;
  load(stream: Stream): Network;
  /** Whose names the weights of a stream have; undefined of a model that was trained here. */
  origin(stream: Stream): string | undefined;
  /** Names of the classes, where a model says them. */
  readonly classes?: readonly string[];
  /** What the network of a stream was read from, for messages. */
  readonly source: (stream: Stream) => string;
}

export interface NetworkFlags extends ModelTypeFlags {
  readonly model?: string;
  readonly rgb?: string;
  readonly flow?: string;
  readonly stream?: Stream | 'both';
}

/** What a command wants of networks. */
interface NetworkNeeds {
  readonly command: string;
  /** Networks without a layer for classes do, too. */
  readonly headless?: boolean;
  /** What will be looked at, where it is an array. */
  readonly clip?: (() => Promise<PreparedClip | undefined>) | undefined;
}

/** What a clip wants of networks to be classified. */
export const CLASSIFY: NetworkNeeds = { command: 'classify' };

/**
 * Files are read at once, since what is in them says what clips they take. Of weights only the names are looked at: mistakes in
 * the clip are to show before anything slow begins.
 * @param warn Takes a sentence about each thing in a file that was passed over.
 * @throws InputError when there is nothing to run, a stream was asked for that is not there, or two do not take the same clips.
 */
export async function chooseNetworks(
  flags: NetworkFlags,
  warn: (text: string) => void,
  needs: NetworkNeeds = CLASSIFY,
): Promise<ChosenNetworks> {
  if (flags.model === undefined) return chooseWeights(flags, warn, needs);
  const { model: path } = flags;
  if (flags.rgb !== undefined || flags.flow !== undefined) {
    throw new InputError('Give either --model, which may hold both streams, or --rgb and --flow.');
  }
  if (flags.modelType !== undefined) {
    throw new InputError('--model-type is for --rgb and --flow; a model that was trained here says itself what it is.');
  }
  const models = await readModels(path);
  const given = STREAMS.filter((name) => models[name]);
  const streams = wantedStreams(
    given,
    flags.stream,
    (name) => `--stream ${flags.stream} needs a model for ${name}, which ${path} does not have.`,
  );
  const chosen = streams.map((name) => models[name]!);
  for (const { spec } of chosen)
    if (spec.classes === 0 && !needs.headless) throw featuresOnly(path, spec.architecture.head);
  const specs = new Map(chosen.map(({ spec }) => [spec.stream, spec]));
  return {
    rule: clipRule(specs, `The models in ${path}`, 'whole', ALONE),
    specs,
    load: (stream) => models[stream]!,
    origin: () => undefined,
    classes: chosen[0]!.classes,
    source: () => path,
  };
}

async function chooseWeights(
  flags: NetworkFlags,
  warn: (text: string) => void,
  { command, headless = false, clip }: NetworkNeeds,
): Promise<ChosenNetworks> {
  if (flags.rgb === undefined && flags.flow === undefined) {
    throw new InputError(
      `${command} needs weights: give --model DIR, or --rgb WEIGHTS, --flow WEIGHTS or both, such as the published rgb_imagenet.pt.`,
    );
  }
  const given = STREAMS.filter((name) => flags[name] !== undefined);
  const streams = wantedStreams(
    given,
    flags.stream,
    (name) => `--stream ${flags.stream} needs the weights of the ${name} stream: give --${name}.`,
  );
  const opened = new Map<Stream, Awaited<ReturnType<typeof openStream>>>();
  const options = { models: typedModels(flags), warn, headless, clip };
  for (const stream of streams) opened.set(stream, await openStream(flags[stream]!, stream, options));
  const specs = new Map([...opened].map(([stream, { spec }]) => [stream, spec]));
  return {
    rule: clipRule(specs, `The weights ${streams.map((stream) => flags[stream]).join(' and ')}`, 'square', ALONE),
    specs,
    load: (stream) => opened.get(stream)!.load(),
    origin: (stream) => opened.get(stream)?.origin,
    source: (stream) => flags[stream]!,
  };
}

function wantedStreams(
  given: readonly Stream[],
  asked: NetworkFlags['stream'],
  missing: (stream: Stream) => string,
): readonly Stream[] {
  if (asked === undefined) return given;
  const wanted = asked === 'both' ? STREAMS : [asked];
  const absent = wanted.find((name) => !given.includes(name));
  if (absent) throw new InputError(missing(absent));
  return wanted;
}

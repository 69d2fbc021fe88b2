/** @file Which networks `classify` runs, from its options, and how clips are brought to them. */

import { InputError } from '../core/errors.ts';
import type { PresetName } from '../flow/index.ts';
import type { Stream } from '../i3d/architecture.ts';
import type { StreamNetwork } from '../i3d/classifier.ts';
import { LOGITS_LAYER } from '../i3d/model.ts';
import { type ModelSpec, modelSpec, specMinimum } from '../i3d/spec.ts';
import { readModels } from '../train/run/model_files.ts';
import { featuresOnly, loadStream } from './weights.ts';

/** What of a model decides how clips are read for it. Streams that are run together must agree in it. */
export interface ClipRule {
  /** Frames of the windows that cover a clip. */
  readonly frames: number;
  /** Fewest frames of a window. */
  readonly minimum: number;
  /** Side of what the network sees, and of the frame that it is cut from; pixels. */
  readonly size: number;
  readonly shortSide: number;
  /** Frames per second; as decoders have it where left out. */
  readonly fps?: number | 'native' | undefined;
  readonly flowBound: number;
  readonly flowPreset: PresetName;
  /**
   * Whether the model was trained here. Then clips are brought to it as training does: whole frames are resized, flow is
   * computed between them, both are cut; and a clip shorter than a window is repeated. Other checkpoints get what their authors
   * did: a square, cut out first; frames of the network's size are taken as they are.
   */
  readonly trained: boolean;
}

/** The networks, read when they are asked for. */
export interface ChosenNetworks {
  readonly rule: ClipRule;
  readonly streams: ReadonlySet<Stream>;
  load(stream: Stream): Promise<StreamNetwork>;
  /** Names of the classes, where a model says them. */
  readonly classes?: readonly string[];
  /** What the network of a stream was read from, for messages. */
  readonly source: (stream: Stream) => string;
}

export interface NetworkFlags {
  readonly model?: string;
  readonly rgb?: string;
  readonly flow?: string;
  readonly stream?: Stream | 'both';
}

const STREAMS: readonly Stream[] = ['rgb', 'flow'];

/**
 * Models are read at once, since they say what clips they take. Checkpoints are read later: mistakes in the clip are to show
 * before anything large is read.
 * @param warn Takes a sentence about each thing in a checkpoint that was passed over.
 * @throws InputError when there is nothing to run, or a stream was asked for that is not there.
 */
export async function chooseNetworks(flags: NetworkFlags, warn: (text: string) => void): Promise<ChosenNetworks> {
  if (flags.model === undefined) return chooseCheckpoints(flags, warn);
  const { model: path } = flags;
  if (flags.rgb !== undefined || flags.flow !== undefined) {
    throw new InputError('Give either --model, which may hold both streams, or --rgb and --flow.');
  }
  const models = await readModels(path);
  const given = STREAMS.filter((name) => models[name]);
  const streams = wantedStreams(
    given,
    flags.stream,
    (name) => `--stream ${flags.stream} needs a model for ${name}, which ${path} does not have.`,
  );
  const chosen = [...streams].map((name) => models[name]!);
  if (chosen.some(({ spec }) => spec.classes === 0)) throw featuresOnly(path, LOGITS_LAYER);
  const rules = chosen.map(({ spec }) => clipRule(spec, true));
  checkAgreement(rules, path);
  return {
    rule: chosen.length > 1 ? flowRule(rules[0]!, rules[1]!) : rules[0]!,
    streams,
    load: async (stream) => models[stream]!,
    classes: chosen[0]!.classes,
    source: () => path,
  };
}

function chooseCheckpoints(flags: NetworkFlags, warn: (text: string) => void): ChosenNetworks {
  if (flags.rgb === undefined && flags.flow === undefined) {
    throw new InputError(
      'classify needs weights: give --model DIR, or --rgb WEIGHTS, --flow WEIGHTS or both, such as the published rgb_imagenet.pt.',
    );
  }
  const given = STREAMS.filter((name) => flags[name] !== undefined);
  const streams = wantedStreams(
    given,
    flags.stream,
    (name) => `--stream ${flags.stream} needs the weights of the ${name} stream: give --${name}.`,
  );
  return {
    rule: clipRule(modelSpec({ architecture: 'i3d', stream: 'rgb', classes: 1 }), false),
    streams,
    load: (stream) => loadStream(flags[stream]!, stream, warn),
    source: (stream) => flags[stream]!,
  };
}

function wantedStreams(
  given: readonly Stream[],
  asked: NetworkFlags['stream'],
  missing: (stream: Stream) => string,
): Set<Stream> {
  if (asked === undefined) return new Set(given);
  const wanted = asked === 'both' ? STREAMS : [asked];
  const absent = wanted.find((name) => !given.includes(name));
  if (absent) throw new InputError(missing(absent));
  return new Set(wanted);
}

export function clipRule(spec: ModelSpec, trained: boolean): ClipRule {
  const { frames, size, shortSide, fps, flowBound, flowPreset } = spec;
  return { frames, minimum: specMinimum(spec)[0], size, shortSide, fps, flowBound, flowPreset, trained };
}

/** Of two streams, flow is the one that says how flow is computed. */
const flowRule = (rgb: ClipRule, { flowBound, flowPreset }: ClipRule): ClipRule => ({ ...rgb, flowBound, flowPreset });

function checkAgreement([rgb, flow]: readonly ClipRule[], path: string): void {
  if (!rgb || !flow) return;
  for (const key of ['frames', 'size', 'shortSide', 'fps'] as const) {
    if (rgb[key] !== flow[key]) {
      throw new InputError(
        `The models in ${path} do not take the same clips: ${key} is ${rgb[key]} for RGB and ${flow[key]} for flow; run them one by one with --stream.`,
      );
    }
  }
}

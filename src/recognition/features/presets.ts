/** @file The conventions of published feature extractors, by name: frames, windows, what is kept, and how it is called. */

import { nearestNames } from '../../core/check.ts';
import { InputError } from '../../core/errors.ts';
import { counted } from '../../core/words.ts';
import { HEAD_OUTPUTS } from '../../i3d/graph.ts';
import type { ModelSpec, Stream } from '../../models/definition.ts';
import { modelGraph } from '../../models/graph.ts';
import type { Recognition } from '../../models/recogniser.ts';
import { reductionOf, specMinimum } from '../../models/spec.ts';
import type { Window } from '../../models/windows.ts';
import type { FrameConvention } from '../clip_rule.ts';
import type { Sequence } from '../window_stream.ts';
import { enlargedOnly, shortSideDown, shortSideUp, stretched } from './frames.ts';
import { every, parts, type Steps, type Tile, tiles, withRest } from './sequences.ts';

/** First and last frame of what a row was made of. */
export type Span = readonly [first: number, last: number];

/** Rows that a window gives, and what they were made of. */
interface WindowRows {
  readonly rows: readonly Float32Array[];
  readonly spans: readonly Span[];
  /** Of a row, where it is more than a vector. */
  readonly shape?: readonly number[];
}

export interface FeatureSettings {
  /** Frames of a window. */
  readonly stack?: number | undefined;
  /** Frames from one window to the next. */
  readonly step?: number | undefined;
  readonly fps?: number | 'native' | undefined;
  /** Of frames of 340×256: the middle, or ten. */
  readonly crops?: 1 | 10 | undefined;
  /** Of deepmind: an end point of the network, such as `Mixed_5c`, in place of the features. */
  readonly endPoint?: string | undefined;
}

/** How the files of a preset are laid out. */
export type Layout = 'rows' | 'piergiaj' | 'video_features' | 'finspire' | 'segments';

/** A preset for a model. */
export interface Extraction {
  readonly preset: PresetName;
  readonly layout: Layout;
  /** What of a network is kept. */
  readonly kept: 'features' | 'logits';
  readonly fps: number | 'native';
  /** Undefined where frames are brought to the network as `i3d classify` does it. */
  readonly convention: FrameConvention | undefined;
  /** An end point of which the rows are made. */
  readonly endPoint?: string | undefined;
  /** Whether the windows follow from the number of frames. */
  readonly needsTotal: boolean;
  /** @param total Frames of the clip, where `needsTotal`. */
  sequence(total: number): Sequence;
  /** What is wrong with a clip of so many frames that gave no rows, or is too short; undefined where nothing is. */
  refuses(total: number): string | undefined;
  /** The rows of the window of this number. */
  rows(number: number, window: Window, result: Recognition, total: number): WindowRows;
  /** Every choice, for people, and to tell results of other choices apart. */
  readonly facts: Readonly<Record<string, unknown>>;
}

export const PRESET_NAMES = ['deepmind', 'piergiaj', 'video_features', 'fvd', 'ucf-crime-32', 'finspire'] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

/** Segments of `ucf-crime-32`. */
export const SEGMENTS = 32;

type Make = (spec: ModelSpec, settings: FeatureSettings, stream: Stream | 'both') => Extraction;

const kept =
  (what: 'features' | 'logits') =>
  (_: number, { start, frames }: Window, result: Recognition): WindowRows => ({
    rows: [result[what]],
    spans: [[start, start + frames - 1]],
  });

/** Each step in time of an end point, H×W×C, which stands for as many of the window's frames. */
const stepsKept =
  (endPoint: string) =>
  (_: number, { start, frames }: Window, { endPoints }: Recognition): WindowRows => {
    const { shape, data } = endPoints![endPoint]!;
    const [, steps = 1, ...rest] = shape;
    const size = data.length / steps;
    const all = Array.from({ length: steps }, (_, i) => i);
    const frame = (step: number) => start + Math.floor((step * frames) / steps);
    return {
      rows: all.map((i) => data.slice(i * size, (i + 1) * size)),
      spans: all.map((i) => [frame(i), frame(i + 1) - 1]),
      shape: rest,
    };
  };

/** Frames of a window: a network that takes only clips of one length decides it. */
function stackOf({ architecture, frames }: ModelSpec, { stack }: FeatureSettings, usual: number): number {
  return stack ?? (architecture.fixedInput ? frames : usual);
}

const FLOW_BYTES = 'TV-L1; round(128 + 255/40·x) of ±20 pixels, as bytes, to −1 … 1';

const PRESETS: Readonly<Record<PresetName, Make>> = {
  /** https://github.com/google-deepmind/kinetics-i3d, and section 4 of "Quo Vadis, Action Recognition?". */
  deepmind(spec, settings) {
    const stack = stackOf(spec, settings, 250);
    const { step = stack, endPoint } = settings;
    const [minimum] = specMinimum(spec);
    return {
      preset: 'deepmind',
      endPoint,
      layout: 'rows',
      kept: 'features',
      fps: settings.fps ?? spec.fps ?? 25,
      convention: undefined,
      needsTotal: false,
      sequence: () => withRest(stack, step, minimum),
      refuses: (total) => atLeast(total, minimum),
      rows: endPoint === undefined ? kept('features') : stepsKept(endPoint),
      facts: {
        source: 'google-deepmind/kinetics-i3d',
        windows: `${stack} frames every ${step}, convolutionally, and a shorter one of at least ${minimum} at the end`,
        frames: `as i3d classify: short side to ${spec.shortSide}, the middle ${spec.size}×${spec.size}`,
        flow: `TV-L1; ±${spec.flowBound} pixels divided by ${spec.flowBound}`,
        row: endPoint === undefined ? 'mean over time of the head’s average pool' : `a step in time of ${endPoint}`,
      },
    };
  },

  /** `extract_features.py`, `charades_dataset_full.py` and `videotransforms.py` of https://github.com/piergiaj/pytorch-i3d. */
  piergiaj(spec, settings) {
    const steps = stepsOf(spec);
    const convention: FrameConvention = { fitted: (w, h) => enlargedOnly(spec, w, h), quantise: true };
    const common = {
      preset: 'piergiaj',
      layout: 'piergiaj',
      kept: 'features',
      fps: settings.fps ?? 'native',
      convention,
    } as const;
    const facts = {
      source: 'piergiaj/pytorch-i3d',
      frames: `as they are, enlarged where a side is below ${spec.size + 2}; the middle ${spec.size}×${spec.size}`,
      flow: `${FLOW_BYTES} (published: pictures of flow made elsewhere)`,
    };
    if (!steps || settings.stack !== undefined) {
      const { stack = spec.frames } = settings;
      const { step = stack } = settings;
      return {
        ...common,
        needsTotal: false,
        sequence: () => ({ windows: every(stack, step) }),
        refuses: (total) => atLeast(total, stack),
        rows: kept('features'),
        facts: { ...facts, windows: `${stack} frames every ${step}`, row: 'features of a window' },
      };
    }
    // Of a clip that is under way; asked for again with each of its windows.
    const tilesOf = (total: number): Tile[] => parts(total).flatMap(([begin, end]) => tiles(begin, end, steps));
    const known = new Map<number, Tile[]>();
    const planned = (total: number): Tile[] => {
      const found = known.get(total) ?? tilesOf(total);
      known.set(total, found);
      return found;
    };
    return {
      ...common,
      endPoint: steps.endPoint,
      needsTotal: true,
      sequence: (total) => ({ windows: planned(total) }),
      refuses: (total) => atLeast(total, specMinimum(spec)[0]),
      rows: (number, _, { endPoints }, total) => {
        const { skip, rows, first } = planned(total)[number]!;
        const { shape, data } = endPoints![steps.endPoint]!;
        const channels = shape.at(-1)!;
        const row = (i: number) => data.slice((skip + i) * channels, (skip + i + 1) * channels);
        const span = (i: number): Span => [
          first + i * steps.stride,
          Math.min(total, first + (i + steps.pool) * steps.stride) - 1,
        ];
        const all = Array.from({ length: rows }, (_, i) => i);
        return { rows: all.map(row), spans: all.map(span) };
      },
      facts: {
        ...facts,
        windows: 'the whole video up to 1600 frames; else parts of 1600 with 48 frames before and 56 after',
        row: `average pool of ${steps.pool} steps of ${steps.stride} frames`,
      },
    };
  },

  /** `models/i3d/extract_i3d.py` of https://github.com/v-iashin/video_features. */
  video_features(spec, settings) {
    const stack = stackOf(spec, settings, 64);
    const { step = stack } = settings;
    return {
      preset: 'video_features',
      layout: 'video_features',
      kept: 'features',
      fps: settings.fps ?? 'native',
      convention: { fitted: (w, h) => shortSideDown(spec, w, h), quantise: true },
      needsTotal: false,
      sequence: () => ({ windows: every(stack, step), behind: 1 }),
      refuses: () => undefined,
      rows: kept('features'),
      facts: {
        source: 'v-iashin/video_features',
        windows: `${stack} frames every ${step}, where one more follows; the rest is left out`,
        frames: `short side to ${spec.shortSide}, the longer one rounded down, bilinear with antialiasing, bytes; the middle ${spec.size}×${spec.size}`,
        flow: `${FLOW_BYTES} (published: RAFT)`,
        row: 'mean over time of the head’s average pool, float64',
      },
    };
  },

  /** `fvd/styleganv/fvd.py` of https://github.com/JunyaoHu/common_metrics_on_video_quality, after StyleGAN-V. */
  fvd(spec, settings, stream) {
    if (stream !== 'rgb') throw new InputError('The preset fvd is of RGB alone: FVD is defined on its logits.');
    if (spec.classes === 0)
      throw new InputError('The preset fvd takes logits, and these weights have no layer for classes.');
    const stack = stackOf(spec, settings, 16);
    return {
      preset: 'fvd',
      layout: 'rows',
      kept: 'logits',
      fps: settings.fps ?? 'native',
      convention: { geometry: (h, w) => shortSideUp(spec, h, w) },
      needsTotal: false,
      sequence: () => ({ windows: [{ start: 0, frames: stack }] }),
      refuses: (total) => atLeast(total, stack),
      rows: kept('logits'),
      facts: {
        source: 'StyleGAN-V, as in JunyaoHu/common_metrics_on_video_quality',
        windows: `the first ${stack} frames`,
        frames: `short side to ${spec.size}, the longer one rounded up, bilinear without antialiasing, floats; the middle ${spec.size}×${spec.size}`,
        row: 'logits before softmax',
      },
    };
  },

  /** 16-frame snippets as most do for UCF-Crime and ShanghaiTech, and `process_feat` of https://github.com/tianyu0207/RTFM. */
  'ucf-crime-32'(spec, settings) {
    return {
      ...chunks('ucf-crime-32', spec, settings, 1, 0),
      layout: 'segments',
    };
  },

  /** `extract_features.py` of https://github.com/Finspire13/pytorch-i3d-feature-extraction. */
  finspire(spec, settings) {
    return chunks('finspire', spec, settings, 10, 1);
  },
};

/**
 * @param usual Crops where none are asked for.
 * @param more Frames that a clip must have beyond those of a chunk.
 */
function chunks(
  preset: 'finspire' | 'ucf-crime-32',
  spec: ModelSpec,
  settings: FeatureSettings,
  usual: 1 | 10,
  more: number,
): Extraction {
  const stack = stackOf(spec, settings, 16);
  const { step = stack, crops = usual } = settings;
  const width = Math.round((340 / 256) * spec.shortSide);
  return {
    preset,
    layout: 'finspire',
    kept: 'features',
    fps: settings.fps ?? 'native',
    convention: { fitted: (w, h) => stretched(spec, crops, w, h), quantise: true },
    needsTotal: false,
    sequence: () => ({ windows: every(stack, step) }),
    refuses: (total) => atLeast(total, stack + more),
    rows: kept('features'),
    facts: {
      source: preset === 'finspire' ? 'Finspire13/pytorch-i3d-feature-extraction' : 'tianyu0207/RTFM and its like',
      windows: `${stack} frames every ${step}; the rest is left out`,
      frames: `stretched to ${width}×${spec.shortSide}, bilinear with antialiasing, bytes; ${crops === 1 ? 'the middle' : 'four corners, the middle, and the same of the mirror image'} of ${spec.size}×${spec.size}`,
      flow: `${FLOW_BYTES}; mirror images keep its signs`,
      row:
        preset === 'finspire'
          ? 'features of a chunk'
          : `mean of the features of the snippets of one of ${SEGMENTS} segments, divided by its Euclidean length`,
    },
  };
}

const atLeast = (total: number, least: number): string | undefined =>
  total < least ? `has ${counted(total, 'frame')} where at least ${least} are needed` : undefined;

/** How a network gives values over time, where it does. */
function stepsOf(spec: ModelSpec): Steps | undefined {
  const { stride, headPool } = reductionOf(spec);
  if (headPool[0] < 2) return undefined;
  const endPoint = HEAD_OUTPUTS.averagePool;
  return modelGraph(spec).names.has(endPoint) ? { endPoint, stride: stride[0], pool: headPool[0] } : undefined;
}

/**
 * A preset for a model. Sizes that are published for a network of 224 pixels are those of the model.
 * @throws InputError when the preset is none for such a model or stream, has no place for a setting, or the network has no such end point.
 */
export function extraction(
  preset: PresetName,
  spec: ModelSpec,
  settings: FeatureSettings,
  stream: Stream | 'both',
): Extraction {
  const { endPoint } = settings;
  if (endPoint !== undefined) checkEndPoint(endPoint, preset, spec);
  checkUsed(preset, settings);
  const made = PRESETS[preset](spec, settings, stream);
  const { fps } = made;
  return { ...made, facts: { preset, fps, settings, ...made.facts } };
}

/** @throws InputError for a choice that the preset has no place for, and that would change nothing. */
function checkUsed(preset: PresetName, { stack, step, crops }: FeatureSettings): void {
  if (crops !== undefined && preset !== 'finspire' && preset !== 'ucf-crime-32') {
    throw new InputError(`The preset ${preset} takes the middle alone; crops are of finspire and ucf-crime-32.`);
  }
  if (step === undefined) return;
  if (preset === 'fvd') throw new InputError('The preset fvd looks at the first frames alone: it has no step.');
  if (preset === 'piergiaj' && stack === undefined) {
    throw new InputError('The preset piergiaj looks at the whole video; a step goes with a stack.');
  }
}

function checkEndPoint(endPoint: string, preset: PresetName, spec: ModelSpec): void {
  if (preset !== 'deepmind') {
    throw new InputError(`The preset ${preset} says what is kept; an end point goes with the preset deepmind.`);
  }
  const graph = modelGraph(spec);
  const names = [...graph.names]
    .filter(([, value]) => graph.values[value]!.type.shape.length === 5)
    .map(([name]) => name);
  if (names.includes(endPoint)) return;
  const [near] = nearestNames(endPoint, names);
  const advice = near === undefined ? `its end points are ${names.join(', ')}.` : `did you mean ${near}?`;
  throw new InputError(`${spec.architecture.name} has no end point ${endPoint}; ${advice}`);
}

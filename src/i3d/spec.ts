/**
 * @file A model in a few words: which architecture, how wide, for which stream, and what clips it takes. Training, model files
 * and classification all start from a spec, so that they agree on sizes and units.
 */

import { checkOptionNames } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { Random } from '../core/random.ts';
import { type FloatTensor, floatTensor, type Shape, sizeOf } from '../core/tensor.ts';
import { type PresetName, presets } from '../flow/options.ts';
import { GraphBuilder } from '../graph/builder.ts';
import type { Graph, ValueId } from '../graph/graph.ts';
import {
  ARCHITECTURES,
  type Architecture,
  type ArchitectureId,
  minimumInput,
  STREAM_CHANNELS,
  type Stream,
  scaleArchitecture,
} from './architecture.ts';
import { addNetwork, type HeadOptions, LOGITS_LAYER } from './model.ts';

export interface ModelSpec {
  readonly architecture: ArchitectureId;
  readonly stream: Stream;
  /** Input channels: 3 of RGB, 2 of flow. */
  readonly channels: number;
  /** 0 of a network without a logits layer, which gives features only. */
  readonly classes: number;
  /** Factor of every channel count in the architecture's table; 1 is the table. */
  readonly width: number;
  /** Frames of a window. */
  readonly frames: number;
  /** Side of the square that the network sees, in pixels. */
  readonly size: number;
  /** What the shorter side of a frame is scaled to before that square is cut out, in pixels. Flow is computed at this size. */
  readonly shortSide: number;
  /** 2: every extent and stride along time is 1, and a clip is one image. */
  readonly dimensions: 2 | 3;
  /** Of flow: displacements are clipped at ± so many pixels, at `shortSide`, and divided by them. */
  readonly flowBound: number;
  /** How flow is computed. */
  readonly flowPreset: PresetName;
  /** Frames per second (Hz) at which clips are read; where left out, videos at 25 and anything else as it is. */
  readonly fps?: number | 'native' | undefined;
}

/** Probability with which training drops a channel before the logits, as published. */
export const DROPOUT = 0.5;

/** What a model of an architecture takes where nothing else is asked for. */
const DEFAULTS: Readonly<
  Record<ArchitectureId, Pick<ModelSpec, 'frames' | 'size' | 'shortSide' | 'flowBound' | 'flowPreset' | 'fps'>>
> = {
  i3d: { frames: 64, size: 224, shortSide: 256, flowBound: 20, flowPreset: 'opencv' },
  // 16 frames at 12.5 Hz are long enough for a wave or a step.
  'inception-4': { frames: 16, size: 56, shortSide: 64, flowBound: 8, flowPreset: 'fast', fps: 12.5 },
};

const SPEC_NAMES: readonly (keyof ModelSpec)[] = [
  'architecture',
  'stream',
  'channels',
  'classes',
  'width',
  'frames',
  'size',
  'shortSide',
  'dimensions',
  'flowBound',
  'flowPreset',
  'fps',
];

/** A spec from what matters, the rest being the architecture's defaults: I3D 64×224×224 of 256, Inception-4 16×56×56 of 64. */
export function modelSpec(
  options: Pick<ModelSpec, 'architecture' | 'stream' | 'classes'> & Partial<ModelSpec>,
): ModelSpec {
  checkOptionNames('modelSpec', options, SPEC_NAMES);
  const { architecture, stream } = options;
  const defaults = { channels: STREAM_CHANNELS[stream], width: 1, dimensions: 3 as const, ...DEFAULTS[architecture] };
  const spec = { ...defaults, ...options };
  return checkSpec(spec.dimensions === 2 ? { ...spec, frames: 1 } : spec, 'The model');
}

/**
 * A spec that makes sense, with no properties but those of `ModelSpec`.
 * @param source What it was read from, for messages.
 * @throws InputError that names the first property that is missing or out of range.
 */
export function checkSpec(value: unknown, source: string): ModelSpec {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const oneOf = <T>(key: string, allowed: readonly T[]): T => {
    const found = allowed.find((item) => item === given[key]);
    if (found === undefined) throw fault(source, key, `one of ${allowed.join(', ')}`, given[key]);
    return found;
  };
  const count = (key: string, least: number): number => {
    const number = given[key];
    if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < least) {
      throw fault(source, key, `a whole number of at least ${least}`, number);
    }
    return number;
  };
  const positive = (key: string): number => {
    const number = given[key];
    if (typeof number !== 'number' || !Number.isFinite(number) || number <= 0) {
      throw fault(source, key, 'a number above 0', number);
    }
    return number;
  };
  const architecture = oneOf('architecture', Object.keys(ARCHITECTURES) as ArchitectureId[]);
  const dimensions = oneOf('dimensions', [2, 3] as const);
  const width = positive('width');
  const [frames, size] = minimumInput(scaleArchitecture(ARCHITECTURES[architecture], { width, dimensions }));
  const spec: ModelSpec = {
    architecture,
    stream: oneOf('stream', ['rgb', 'flow'] as const),
    channels: count('channels', 1),
    classes: count('classes', 0),
    width,
    frames: count('frames', frames),
    size: count('size', size),
    shortSide: count('shortSide', size),
    dimensions,
    flowBound: positive('flowBound'),
    flowPreset: oneOf('flowPreset', Object.keys(presets) as PresetName[]),
    ...(given.fps === undefined ? {} : { fps: given.fps === 'native' ? given.fps : positive('fps') }),
  };
  if (spec.shortSide < spec.size) {
    throw fault(
      source,
      'shortSide',
      `at least its size of ${spec.size} pixels, which is cut out of it`,
      spec.shortSide,
    );
  }
  if (dimensions === 2 && spec.frames !== 1) throw fault(source, 'frames', '1, since it takes images', spec.frames);
  return spec;
}

function fault(source: string, key: string, wanted: string, found: unknown): InputError {
  const actual = found === undefined ? 'is missing' : `is ${JSON.stringify(found)}`;
  return new InputError(`${source}: ${key} ${actual}; it must be ${wanted}.`);
}

/** The layers of a spec. */
export function networkOf({ architecture, width, dimensions }: ModelSpec): Architecture {
  return scaleArchitecture(ARCHITECTURES[architecture], { width, dimensions });
}

/** Fewest frames, rows and columns that the network can work on. */
export function specMinimum(spec: ModelSpec): readonly [frames: number, height: number, width: number] {
  return minimumInput(networkOf(spec));
}

/**
 * Adds a model to a clip, N×T×H×W×C float32 in −1 … 1; whatever makes the clip may come before it. Every layer is an end
 * point, and so are the values of `I3D_OUTPUTS`.
 * @param options `dropout` before the logits: `DROPOUT` where left out, which a plan for inference leaves out.
 * @returns The logits, N×classes.
 */
export function addModel(
  builder: GraphBuilder,
  spec: ModelSpec,
  clip: ValueId,
  { dropout = DROPOUT }: Omit<HeadOptions, 'classes'> = {},
): ValueId {
  return addNetwork(builder, networkOf(spec), clip, { classes: spec.classes, dropout });
}

/** A model for evaluation on an input called `clip`, float32 N×T×size×size×C. */
export function modelGraph(
  spec: ModelSpec,
  options: { readonly batch?: number; readonly frames?: number } = {},
): Graph {
  checkOptionNames('modelGraph', options, ['batch', 'frames']);
  const { batch = 1, frames = spec.frames } = options;
  const builder = new GraphBuilder();
  const clip = builder.input('clip', [batch, frames, spec.size, spec.size, spec.channels]);
  addModel(builder, spec, clip, { dropout: 0 });
  return builder.build();
}

/** Names and shapes of a model's parameters, in the order of the layers. */
export function specParameters(spec: ModelSpec): Map<string, Shape> {
  // The smallest clip will do: parameters do not depend on it.
  const [frames, height, width] = specMinimum(spec);
  const builder = new GraphBuilder();
  addModel(builder, spec, builder.input('clip', [1, frames, height, width, spec.channels]), { dropout: 0 });
  const values = builder.build().values;
  return new Map(
    values.flatMap(({ source, type }) => (source.kind === 'parameter' ? [[source.name, type.shape] as const] : [])),
  );
}

/** Standard deviation of the logits' first weights: all classes about equally likely, whatever the features. */
const LOGITS_DEVIATION = 0.01;

/**
 * Parameters to begin training with: weights of He et al. ("Delving deep into rectifiers", 2015), normal with variance
 * 2 / fan-in; batch norms that change nothing; small logits. Each parameter has random numbers of its own, by its name.
 */
export function initialParameters(spec: ModelSpec, seed: number): Map<string, FloatTensor> {
  const parameters = new Map<string, FloatTensor>();
  for (const [name, shape] of specParameters(spec)) {
    const data = new Float32Array(sizeOf(shape));
    if (name.endsWith('/weights')) {
      const random = new Random(seed, name);
      const deviation = name.startsWith(LOGITS_LAYER) ? LOGITS_DEVIATION : Math.sqrt(2 / sizeOf(shape.slice(0, -1)));
      for (let i = 0; i < data.length; i++) data[i] = random.normal() * deviation;
    } else if (/\/(gamma|variance)$/.test(name)) data.fill(1);
    parameters.set(name, floatTensor(shape, data));
  }
  return parameters;
}

/**
 * @file Specs that make sense. Training, model files and classification all start from a spec, so that they agree on sizes and
 * units; whatever is not asked for is the default of the model's definition, and stands nowhere else.
 */

import * as v from 'valibot';
import { checkOptionNames } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { flag, oneOf, parse, positive, record, whole } from '../core/schema.ts';
import { type PresetName, presets } from '../flow/options.ts';
import { FLOW_BOUND } from '../flow/stream.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import {
  isModelDefinition,
  type ModelDefaults,
  type ModelDefinition,
  type ModelReduction,
  type ModelSpec,
  STREAM_CHANNELS,
  STREAMS,
  type Stream,
} from './definition.ts';
import { checkModels, type ModelRegistry } from './registry.ts';

/** A spec from what matters, the rest being the definition's defaults. */
export type ModelSpecOptions = Pick<ModelSpec, 'architecture' | 'stream' | 'classes'> & Partial<ModelSpec>;

/** What every definition has where it says nothing else. */
const DEFAULTS = {
  flowBound: FLOW_BOUND,
  flowPreset: 'opencv',
  dropout: 0.5,
} as const satisfies Partial<ModelDefaults>;

const WHOLE = 'the spec';
const architecture = v.custom<ModelDefinition>(isModelDefinition, 'must be a model that defineModel made');
const dimensions = v.picklist([2, 3] as const, 'must be 2 or 3');
const named = record({ architecture });
/** What decides how large a clip must be. */
const formed = record({ architecture, width: positive, dimensions });

/** A spec of a network that takes no smaller clips than `frames`×`pixels`×`pixels`; in files, the fields stand in this order. */
const fields = (frames: number, pixels: number) =>
  record({
    architecture,
    stream: oneOf(STREAMS),
    channels: whole(1),
    classes: whole(0),
    width: positive,
    frames: whole(frames),
    size: whole(pixels),
    shortSide: whole(pixels),
    dimensions,
    flowBound: positive,
    flowPreset: oneOf(Object.keys(presets) as PresetName[]),
    fps: v.optional(v.union([positive, v.literal('native')], 'must be a number above 0 or "native"')),
    segments: v.optional(flag),
  });

type Formed = v.InferOutput<typeof formed>;

/** @throws InputError for an unknown option, and as `checkSpec` does. */
export function modelSpec(options: ModelSpecOptions): ModelSpec {
  checkOptionNames('modelSpec', options, Object.keys(fields(1, 1).entries));
  const { stream, dimensions } = options;
  const { architecture } = parse(named, options, 'The model', WHOLE);
  const { dropout: _, ...defaults } = { ...DEFAULTS, ...architecture.defaults };
  // Flow is computed between frames that follow each other.
  if (stream === 'flow') delete defaults.segments;
  const spec = { channels: STREAM_CHANNELS[stream], width: 1, dimensions: 3 as const, ...defaults, ...options };
  return checkSpec(dimensions === 2 ? { ...spec, frames: 1 } : spec, 'The model');
}

/**
 * A spec that makes sense, with no properties but those of `ModelSpec`.
 * @param source What it was read from, for messages.
 * @throws InputError that names the first property that is missing or out of range.
 */
export function checkSpec(value: unknown, source: string): ModelSpec {
  const { architecture, width, dimensions } = parse(formed, value, source, WHOLE);
  if (dimensions === 2 && !architecture.inflatable) {
    throw new InputError(`${source}: dimensions must be 3, since ${architecture.name} has no 2D form; it is 2.`);
  }
  if (width !== 1 && !architecture.scalable) {
    throw new InputError(`${source}: width must be 1, since ${architecture.name} has only one; it is ${width}.`);
  }
  const [frames, height, columns] = smallest({ architecture, width, dimensions });
  const { fps, segments, ...spec } = parse(fields(frames, Math.max(height, columns)), value, source, WHOLE);
  if (spec.shortSide < spec.size) {
    throw new InputError(
      `${source}: shortSide must be at least its size of ${spec.size} pixels, which is cut out of it, not ${spec.shortSide}.`,
    );
  }
  if (dimensions === 2 && spec.frames !== 1) {
    throw new InputError(`${source}: frames must be 1, since it takes images, not ${spec.frames}.`);
  }
  if (segments && spec.stream === 'flow') {
    throw new InputError(
      `${source}: segments must be false, since flow is computed between frames that follow each other; it is true.`,
    );
  }
  return { ...spec, ...(fps !== undefined && { fps }), ...(segments !== undefined && { segments }) };
}

/** As `checkSpec`, of JSON, where the architecture is an id. */
export function parseSpec(value: unknown, source: string, models: ModelRegistry): ModelSpec {
  checkModels(models);
  const given: { readonly architecture?: unknown } = typeof value === 'object' && value !== null ? value : {};
  return checkSpec({ ...given, architecture: models.get(given.architecture, source) }, source);
}

/** The stream that takes so many channels; undefined where none does. */
export const streamOf = (channels: number): Stream | undefined =>
  STREAMS.find((stream) => STREAM_CHANNELS[stream] === channels);

/** Probability with which training drops a channel before the classes. */
export const dropoutOf = ({ architecture }: ModelSpec): number => architecture.defaults.dropout ?? DEFAULTS.dropout;

/** Fewest frames, rows and columns that the network can work on. */
export function specMinimum(spec: ModelSpec): Triple {
  return spec.architecture.fixedInput ? [spec.frames, spec.size, spec.size] : smallest(spec);
}

/** With padding, the layers before the head's pool need only one frame and pixel more than so many whole steps. */
function smallest(spec: Formed): Triple {
  const { stride, headPool, least } = reductionOf(spec);
  const padded = (axis: 0 | 1 | 2) => (headPool[axis] - 1) * stride[axis] + 1;
  return least ?? [padded(0), padded(1), padded(2)];
}

/** The architecture's reduction. */
export function reductionOf(spec: Formed): ModelReduction & { readonly headPool: Triple } {
  const { stride = [1, 1, 1], headPool = [1, 1, 1], least } = spec.architecture.reduction?.(spec) ?? {};
  return { stride, headPool, ...(least ? { least } : {}) };
}

/** @throws InputError that says the real limits when a clip is too short or too small. */
export function checkClipSize(spec: ModelSpec, frames: number, height: number, width: number): void {
  const { name, fixedInput } = spec.architecture;
  if (fixedInput && (frames !== spec.frames || height !== spec.size || width !== spec.size)) {
    throw new InputError(
      `${name} takes clips of ${spec.frames} frames of ${spec.size}×${spec.size} pixels and no others; this one has ${frames} of ${width}×${height}.`,
    );
  }
  const [minFrames, minHeight, minWidth] = specMinimum(spec);
  const { stride, headPool } = reductionOf(spec);
  if (frames < minFrames) {
    throw new InputError(
      `${name} needs at least ${minFrames} frames (its head pools ${headPool[0]} steps of ${stride[0]} frames); there are ${frames}.`,
    );
  }
  if (height < minHeight || width < minWidth) {
    throw new InputError(
      `${name} needs frames of at least ${minWidth}×${minHeight} pixels (its head pools ${headPool[1]}×${headPool[2]} steps of ${stride[2]}); these are ${width}×${height}.`,
    );
  }
}

/**
 * @file Model files: safetensors whose metadata say which model the tensors are the parameters of.
 *
 * Metadata: `i3d`, the spec as JSON; `classes`, a JSON array with the name of each class; and free text such as `command` and
 * `note`. Tensors have the names of the graph's parameters and its axes, as float32 or float16. What begins with `optimizer/`
 * or `pretext/` is training's own. Bytes and paths are `train/model_files.ts`.
 */

import { checkChoice, checkMap, checkOptionNames, describeValue } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { floatToHalf } from '../core/half.ts';
import {
  type FloatTensor,
  formatShape,
  type HostTensor,
  type Shape,
  type StateDict,
  sameShape,
} from '../core/tensor.ts';
import { counted } from '../core/words.ts';
import type { ModelSpec } from './definition.ts';
import type { Framing } from './frames.ts';
import { modelParameters } from './parameters.ts';
import type { ModelRegistry } from './registry.ts';
import { checkSpec, parseSpec } from './spec.ts';
import { parameterValues } from './values.ts';

export interface Model {
  readonly spec: ModelSpec;
  /** A name for each class. */
  readonly classes: readonly string[];
  /** By the names of the graph's parameters, in its axes. */
  readonly parameters: ReadonlyMap<string, FloatTensor>;
  /** The file's other metadata, such as the command that made it. */
  readonly notes?: Readonly<Record<string, string>>;
  /** How decoded frames are brought to it: of a model file, as training does. */
  readonly framing?: Framing;
}

/** Tensors and texts of a file, as `decodeSafetensors` gives them. */
export interface StoredModel {
  readonly tensors: StateDict;
  readonly metadata: Readonly<Record<string, string>>;
}

/** @throws InputError when they are something else, such as the tensors alone. */
export function checkStored(tensors: unknown, metadata: unknown): void {
  checkMap('Of a file that decodeSafetensors gives, tensors', tensors);
  if (typeof metadata === 'object' && metadata !== null) return;
  throw new InputError(
    `Of a file that decodeSafetensors gives, metadata must be an object, not ${describeValue(metadata)}.`,
  );
}

export interface ModelFileOptions {
  /** How weights are stored, `f32` where left out. Vectors (biases, batch norms) are always float32. */
  readonly dtype?: 'f32' | 'f16';
}

/** Where the spec and the classes are in the metadata. */
const SPEC_KEY = 'i3d';
const CLASSES_KEY = 'classes';

/** What of a checkpoint is not the model's parameters: state of the optimiser, and the head of a pretext task. */
const OPTIMIZER_PREFIX = 'optimizer/';
export const PRETEXT_PREFIX = 'pretext/';
export const isTrainingState = (name: string): boolean =>
  name.startsWith(OPTIMIZER_PREFIX) || name.startsWith(PRETEXT_PREFIX);

/** Whether metadata are those of a model file; other safetensors hold weights alone. */
export function isModelFile(metadata: Readonly<Record<string, string>>): boolean {
  return Object.hasOwn(metadata, SPEC_KEY);
}

/**
 * The model in a file.
 * @param source The file's name, for messages.
 * @param models Those that the file may hold.
 * @throws InputError that names what is missing, left over, of another shape or no spec.
 */
export function parseModelFile({ tensors, metadata }: StoredModel, source: string, models: ModelRegistry): Model {
  checkStored(tensors, metadata);
  const { [SPEC_KEY]: specText, [CLASSES_KEY]: classesText, ...notes } = metadata;
  if (specText === undefined) {
    throw new InputError(
      `${source} does not say which model it holds: its metadata have no ${SPEC_KEY}; give a file that i3d train wrote.`,
    );
  }
  const spec = parseSpec(parseJson(specText, SPEC_KEY, source), source, models);
  const classes = checkClasses(parseJson(classesText ?? '', CLASSES_KEY, source), spec, source);
  return {
    spec,
    classes,
    parameters: checkParameters(tensors, modelParameters(spec), source),
    notes,
    framing: 'whole',
  };
}

/**
 * Tensors and metadata of a model's file.
 * @throws InputError when the parameters are not those of the spec, or a value does not fit into float16.
 */
export function modelFileContents(
  { spec, classes, parameters, notes = {} }: Model,
  options: ModelFileOptions = {},
): { tensors: StateDict; metadata: Record<string, string> } {
  checkOptionNames('modelFileContents', options, ['dtype']);
  const { dtype = 'f32' } = options;
  checkChoice('dtype', dtype, ['f32', 'f16']);
  checkMap('The parameters', parameters);
  const checked = checkSpec(spec, 'The model');
  checkClasses(classes, checked, 'The model');
  const tensors: StateDict = new Map();
  for (const [name, tensor] of checkParameters(parameters, modelParameters(checked), 'The model')) {
    tensors.set(name, dtype === 'f16' && tensor.shape.length > 1 ? toHalf(tensor, name) : tensor);
  }
  return {
    tensors,
    metadata: { [SPEC_KEY]: JSON.stringify(checked), [CLASSES_KEY]: JSON.stringify(classes), ...notes },
  };
}

/**
 * The parameters among tensors, as float32 and in the order of `shapes`, with nothing missing and nothing left over.
 * @throws InputError that names the first that is missing, left over, of another shape or not finite.
 */
function checkParameters(
  tensors: ReadonlyMap<string, HostTensor>,
  shapes: ReadonlyMap<string, Shape>,
  source: string,
): Map<string, FloatTensor> {
  const parameters = new Map<string, FloatTensor>();
  for (const [name, shape] of shapes) {
    const tensor = tensors.get(name);
    if (!tensor) throw new InputError(`${source} has no tensor ${name}, which its model needs.`);
    if (!sameShape(tensor.shape, shape)) {
      throw new InputError(
        `${source}: ${name} has shape ${formatShape(tensor.shape)}; its model wants ${formatShape(shape)}.`,
      );
    }
    parameters.set(name, parameterValues(name, tensor, `${source}: ${name}`));
  }
  const left = [...tensors.keys()].find((name) => !shapes.has(name) && !isTrainingState(name));
  if (left !== undefined) throw new InputError(`${source} has a tensor ${left} that its model has no place for.`);
  return parameters;
}

function checkClasses(value: unknown, spec: ModelSpec, source: string): string[] {
  if (!Array.isArray(value) || !value.every((name) => typeof name === 'string')) {
    throw new InputError(`${source}: ${CLASSES_KEY} in its metadata must be a JSON array of names.`);
  }
  if (value.length !== spec.classes) {
    throw new InputError(
      `${source} has ${counted(value.length, 'name')} of classes, and its model has ${counted(spec.classes, 'class')}.`,
    );
  }
  return value;
}

function parseJson(text: string, key: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InputError(`${source}: ${key} in its metadata is no JSON; the file is damaged or another program's.`);
  }
}

function toHalf({ shape, data }: FloatTensor, name: string): HostTensor<'f16'> {
  const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest > 65504)
    throw new InputError(`${name} holds values up to ${largest}, too large for float16; use float32.`);
  return { dtype: 'f16', shape, data: Uint16Array.from(data, floatToHalf) };
}

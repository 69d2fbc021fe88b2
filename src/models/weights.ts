/**
 * @file Weights as their authors publish them: which model they are of is told by the names of their tensors alone, and they are
 * brought to the names and axes of its graph.
 */

import { checkChoice, checkMap, checkOptionNames } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import type { FloatTensor, Shape, StateDict } from '../core/tensor.ts';
import { type ModelDefinition, type ModelSpec, STREAM_CHANNELS, STREAMS, type Stream } from './definition.ts';
import { labelsFor } from './labels.ts';
import { type Found, matchTensors } from './matching.ts';
import { checkStored, isModelFile, type Model, parseModelFile, type StoredModel } from './model_file.ts';
import {
  channelsLastShapes,
  type Match,
  matchedParameters,
  NATIVE_NAMING,
  type NamedNetwork,
  type Naming,
  type ShapeDict,
  storedShapes,
} from './naming.ts';
import { modelParameters } from './parameters.ts';
import { checkModels, type ModelRegistry } from './registry.ts';
import { modelSpec, streamOf } from './spec.ts';

/** Weights whose model is known. */
export interface ModelWeights {
  /** The model as its authors published it. */
  readonly spec: ModelSpec;
  /** By the names of the graph's parameters, in the graph's axes. */
  readonly parameters: ReadonlyMap<string, FloatTensor>;
  /** Whose names the file has: an id among the definition's namings. */
  readonly naming: string;
  /** As in the spec. */
  readonly channels: number;
  readonly classes: number;
  /** By the number of input channels; undefined where it is neither 3 nor 2. */
  readonly stream: Stream | undefined;
  /** A sentence about each thing in the file that was passed over and may have been meant, such as a tensor of no use. */
  readonly warnings: readonly string[];
}

export interface WeightsOptions {
  /** Of a file with several networks, the one that takes this is meant. */
  readonly stream?: Stream | undefined;
}

/** Which model a file's tensors are of, and how: all that names and shapes tell. */
export interface RecognisedWeights {
  readonly spec: ModelSpec;
  /** Other models that it may be: their tensors are the same, and the file's name does not tell. */
  readonly twins: readonly ModelSpec[];
  readonly stream: Stream | undefined;
  readonly match: Match;
  /** Whose names the file has, for messages. */
  readonly origin: string;
  /** What the file calls, or would call, the weights of the layer for the classes. */
  readonly head: string;
}

interface ModelNetwork extends NamedNetwork {
  readonly model: ModelDefinition;
  spec(channels: number, classes: number): ModelSpec;
}

function networkOf(
  model: ModelDefinition,
  name: string,
  namings: Readonly<Record<string, Naming>>,
  dimensions: 2 | 3,
): ModelNetwork {
  const spec = (channels: number, classes: number) =>
    modelSpec({ architecture: model, stream: streamOf(channels) ?? 'rgb', channels, classes, dimensions });
  return {
    model,
    name,
    namings,
    spec,
    parameters: (channels, classes) =>
      remembered(model, [channels, classes, dimensions].join(), () => spec(channels, classes)),
    stem: `${model.stem}/weights`,
    stemShare: model.stemShare,
    logits: `${model.head}/weights`,
    beside: model.text?.prefix,
    unasked: model.weightsOf !== undefined,
  };
}

/** Parameters of models by what decides on them: whoever looks at a file asks for those of all models that are known. */
const shapes = new WeakMap<ModelDefinition, Map<string, ReadonlyMap<string, Shape>>>();

function remembered(model: ModelDefinition, key: string, spec: () => ModelSpec): ReadonlyMap<string, Shape> {
  const known = shapes.get(model) ?? new Map<string, ReadonlyMap<string, Shape>>();
  const parameters = known.get(key) ?? modelParameters(spec());
  shapes.set(model, known.set(key, parameters));
  return parameters;
}

/** The models among these that are known by the names of their tensors. */
function publishedNetworks(models: Iterable<ModelDefinition>): ModelNetwork[] {
  checkModels(models);
  return [...models].flatMap((model) => (model.namings ? [networkOf(model, model.name, model.namings, 3)] : []));
}

/**
 * Finds out which model a file's tensors are of, and whose names they have, whatever stands before them.
 * @param what Begins the sentence about an option that is not known.
 * @throws InputError that names the first tensor that is missing, of another shape, or of another network, and the nearest names.
 */
function find(
  what: string,
  tensors: ShapeDict,
  source: string,
  models: Iterable<ModelDefinition>,
  options: WeightsOptions,
): Found<ModelNetwork> {
  checkOptionNames(what, options, ['stream']);
  const { stream } = options;
  if (stream !== undefined) checkChoice('stream', stream, STREAMS);
  checkMap('The weights', tensors);
  return matchTensors(tensors, publishedNetworks(models), source, stream && STREAM_CHANNELS[stream]);
}

/**
 * Finds out which model a file's tensors are of by their names and shapes, and maps every parameter to one of them. Throws as
 * `readWeights` does, but for what is wrong with values.
 */
export function recogniseWeights(
  tensors: ShapeDict,
  source: string,
  models: Iterable<ModelDefinition>,
  options: WeightsOptions = {},
): RecognisedWeights {
  const { network, twins, match } = find('recogniseWeights', tensors, source, models, options);
  const { channels, classes, naming: id } = match;
  const { theirs, origin } = network.namings[id]!;
  return {
    spec: network.spec(channels, classes),
    twins: twins.map((twin) => twin.spec(channels, classes)),
    stream: streamOf(channels),
    match,
    origin,
    head: theirs(network.logits)!,
  };
}

/**
 * The model and the parameters of a state dict, by the names and in the axes of the model's graph, whoever named them, under any
 * prefix and beside other tensors.
 * @param source The file's name, for messages.
 * @param models Those that are known, such as a `ModelRegistry`.
 * @throws InputError that names the first tensor that is missing, of another shape, or of another network, and the nearest names;
 * and where a tensor holds what is no finite number, or a negative variance.
 */
export function readWeights(
  tensors: StateDict,
  source: string,
  models: Iterable<ModelDefinition>,
  options: WeightsOptions = {},
): ModelWeights {
  const { network, match } = find('readWeights', tensors, source, models, options);
  const { naming, channels, classes, warnings } = match;
  return {
    spec: network.spec(channels, classes),
    parameters: matchedParameters(tensors, network, match, source),
    naming,
    channels,
    classes,
    stream: streamOf(channels),
    warnings,
  };
}

/** Names and shapes of a model's weights in one of its namings, without prefixes: what `readWeights` expects of a file. */
export const weightShapes = ({ namings = {} }: ModelDefinition, naming: string, spec: ModelSpec): Map<string, Shape> =>
  storedShapes(namings[naming]!, modelParameters(spec));

/** Our names in 2D: kernels as 1×kh×kw×Cin×Cout, or without the 1. */
const IMAGE_NAMING: Naming = {
  ...NATIVE_NAMING,
  shapes: (shape) => (shape.length === 1 ? channelsLastShapes(shape).slice(0, 1) : [shape, shape.slice(1)]),
};

const imageNetworks = (models: Iterable<ModelDefinition>): ModelNetwork[] =>
  [...models].flatMap((model) => {
    const { inflatable } = model;
    if (!inflatable?.namings) return [];
    return [networkOf(model, inflatable.name, { native: IMAGE_NAMING, ...inflatable.namings }, 2)];
  });

/**
 * A 2D model: a model file with `dimensions: 2`, or the 2D network of a model as others publish it, or by the names of the model
 * here, under any prefix and beside other tensors.
 * @param source The file's name, for messages.
 * @returns The model, with a sentence about each thing in the file that was passed over and may have been meant.
 * @throws InputError when it is none of these, or something is missing, of another shape, or no finite number.
 */
export async function readImageModel(
  { tensors, metadata }: StoredModel,
  source: string,
  models: ModelRegistry,
): Promise<Model & { readonly warnings: readonly string[] }> {
  checkStored(tensors, metadata);
  if (isModelFile(metadata)) {
    const model = parseModelFile({ tensors, metadata }, source, models);
    if (model.spec.dimensions === 2) return { ...model, warnings: [] };
    throw new InputError(`${source} holds a 3D model; what is inflated is a 2D one.`);
  }
  const { network, match } = matchTensors(tensors, imageNetworks(models), source);
  const { channels, classes, warnings } = match;
  const parameters = matchedParameters(tensors, network, match, source);
  const labels = await labelsFor(classes, network.model.labels ?? []);
  return { spec: network.spec(channels, classes), classes: labels, parameters, warnings };
}

/** Names and shapes of the 2D form of a model in one of its namings. */
export function imageWeightShapes(
  model: ModelDefinition,
  naming: string,
  channels: number,
  classes: number,
): Map<string, Shape> {
  const [network] = imageNetworks([model]);
  return storedShapes(network!.namings[naming]!, network!.parameters(channels, classes));
}

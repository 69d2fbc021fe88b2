/** @file A model from wherever a page has its file; which one it is, and in which format, the bytes say. */

import { MODELS } from '../catalogue.ts';
import { type Abortable, checkProgress, checkSignal } from '../core/abort.ts';
import { checkChoice, checkOptionNames, describeValue } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { type DecodedWeights, decodeWeights, WEIGHT_FORMATS } from '../io/decode_weights.ts';
import { dataFileName, readTensorFlowCheckpoint } from '../io/tensorflow.ts';
import { STREAMS, type Stream } from '../models/definition.ts';
import { labelsFor } from '../models/labels.ts';
import { isModelFile, parseModelFile } from '../models/model_file.ts';
import type { Network } from '../models/recogniser.ts';
import { ModelRegistry } from '../models/registry.ts';
import { readWeights } from '../models/weights.ts';
import { type FileSource, type ReadOptions, sourceBytes } from './source_bytes.ts';

/** A network with the names of its classes: a model that was trained here, or published weights. */
export interface LoadedModel extends Network {
  /** None of weights without a layer for classes. */
  readonly classes: readonly string[];
  readonly stream: Stream;
  /** A sentence about each thing in the file that was passed over and may have been meant. */
  readonly warnings: readonly string[];
}

export interface LoadModelOptions extends Abortable {
  /** Called with the bytes that have arrived, and all of them where that is known. */
  readonly onProgress?: ((bytesDone: number, bytesTotal: number | undefined) => void) | undefined;
  /**
   * Keeps what an address gave in the browser's Cache API, under this name or `i3d-webgpu`, and takes it from there the next time;
   * nothing where there is none. Off where left out.
   */
  readonly cache?: boolean | string | undefined;
  /** What messages call the file, where it has no name of its own. */
  readonly name?: string | undefined;
  /** The models that it may be; those that come with the package where left out. */
  readonly models?: ModelRegistry | undefined;
  /** Of a file with several networks, the one that takes this is meant. */
  readonly stream?: Stream | undefined;
}

const OPTION_NAMES: readonly (keyof LoadModelOptions)[] = ['signal', 'onProgress', 'cache', 'name', 'models', 'stream'];

/** The cache that `cache: true` means. */
const CACHE = 'i3d-webgpu';

/**
 * Loads a model: a model file, or weights in safetensors or in one of PyTorch's formats. TensorFlow's checkpoints are several files:
 * `loadTensorFlow`.
 * @param source Its address, relative to the page's in a browser, or its path in Node; a `Response` of it; a `Blob`, such as a dropped `File`; or its bytes.
 * @throws LoadError when the address gives no file, a web page, or a part of the file; InputError when it is no model that is known, or
 *   damaged, and for what `readWeights` and `parseModelFile` refuse; the reason of `signal`.
 */
export async function loadModel(source: FileSource, options: LoadModelOptions = {}): Promise<LoadedModel> {
  const { bytes, name, keep } = await sourceBytes(source, readOptions('loadModel', options));
  const model = await namedModel(decodeWeights(bytes, name), name, options);
  await keep();
  options.signal?.throwIfAborted();
  return model;
}

/**
 * Loads a TensorFlow checkpoint: its index file and the data files beside it, whose names belong together.
 * @param files Files, or whatever holds them by their names. More than are needed may be among them.
 * @throws InputError that names the file that is missing; otherwise as `loadModel`.
 */
export async function loadTensorFlow(
  files: Iterable<File> | ReadonlyMap<string, FileSource>,
  options: LoadModelOptions = {},
): Promise<LoadedModel> {
  const settings = readOptions('loadTensorFlow', options);
  const byName = filesByName(files);
  const index = [...byName.keys()].find((name) => name.endsWith('.index'));
  if (index === undefined) {
    throw new InputError(
      `A TensorFlow checkpoint is an .index file with its data files; given were ${[...byName.keys()].join(', ') || 'none'}.`,
    );
  }
  const read = async (name: string) => {
    const file = byName.get(name);
    if (!file) throw new InputError(`${index} only lists the tensors: give its data file ${name} with it.`);
    return (await sourceBytes(file, { ...settings, name })).bytes;
  };
  const readShard = (shard: number, shards: number) => read(dataFileName(index, shard, shards));
  const tensors = await readTensorFlowCheckpoint(await read(index), readShard, index);
  return namedModel({ tensors, metadata: {}, warnings: [] }, options.name ?? index, options);
}

function filesByName(files: Iterable<File> | ReadonlyMap<string, FileSource>): Map<string, FileSource> {
  if (typeof files !== 'object' || files === null || !(Symbol.iterator in files)) {
    throw new InputError(`loadTensorFlow takes a list of files or a Map by name, not ${describeValue(files)}.`);
  }
  const entries = [...files].map((entry: File | readonly [string, FileSource]) =>
    Array.isArray(entry) ? (entry as readonly [string, FileSource]) : ([(entry as File).name, entry as File] as const),
  );
  return new Map(entries);
}

function readOptions(what: string, options: LoadModelOptions): ReadOptions {
  checkOptionNames(what, options, OPTION_NAMES);
  const { signal, onProgress, cache, name } = options;
  checkProgress(what, onProgress);
  checkSignal(what, signal);
  return { signal, onProgress, name, cache: cache === true ? CACHE : cache || undefined };
}

async function namedModel(
  weights: DecodedWeights,
  name: string,
  { models: known = MODELS, stream }: LoadModelOptions,
): Promise<LoadedModel> {
  const models = known instanceof ModelRegistry ? known : new ModelRegistry(known);
  if (stream !== undefined) checkChoice('stream', stream, STREAMS);
  const { warnings } = weights;
  if (isModelFile(weights.metadata)) {
    const model = parseModelFile(weights, name, models);
    return { ...model, stream: model.spec.stream, warnings };
  }
  if (weights.tensors.size === 0) throw new InputError(`${name} holds no tensors; weights are ${WEIGHT_FORMATS}.`);
  const { spec, parameters, warnings: passedOver } = readWeights(weights.tensors, name, models, { stream });
  const classes = await labelsFor(spec.classes, spec.architecture.labels ?? []);
  return { spec, parameters, classes, stream: spec.stream, framing: 'square', warnings: [...warnings, ...passedOver] };
}

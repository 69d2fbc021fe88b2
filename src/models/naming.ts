/** @file Other programs' names and axes for the parameters of a network, as tables; `matching.ts` finds them in a file. */

import { type FloatTensor, floatTensor, type Shape, type StateDict, sizeOf } from '../core/tensor.ts';
import { parameterValues } from './values.ts';

export interface Naming {
  /** Whose names they are, for messages. */
  readonly origin: string;
  /** Their name for one of our parameters; undefined where they do not store it. */
  readonly theirs: (ours: string) => string | undefined;
  /** The shapes in which they may store a parameter of this shape, the usual one first. */
  readonly shapes: (shape: Shape) => readonly Shape[];
  /** Their weights' axes begin with Cout×Cin. */
  readonly channelsFirst: boolean;
  /** Stored, but of no use for inference; matched against names without what stands before all of them. */
  readonly ignored: RegExp;
}

/** Statistics are stored as C, or as 1×1×1×1×C by some versions of TensorFlow. */
const vectors = (shape: Shape): readonly Shape[] => [shape, [1, 1, 1, 1, ...shape]];

/** Shapes of a naming that has our axes: kt×kh×kw×Cin×Cout, and C. */
export const channelsLastShapes = (shape: Shape): readonly Shape[] => (shape.length === 1 ? vectors(shape) : [shape]);

/** Shapes of a naming that has PyTorch's axes: Cout×Cin×kt×kh×kw, and C; of a linear layer Cout×Cin. */
export const channelsFirstShapes = (shape: Shape): readonly Shape[] =>
  shape.length === 1 ? vectors(shape) : [[...shape.slice(-2).reverse(), ...shape.slice(0, -2)]];

/** PyTorch's counter of batches, and what the profiler thop leaves in every module. */
export const PYTORCH_IGNORED = /(^|\.)(num_batches_tracked|total_ops|total_params)$/;

/** Modules of PyTorch: that of a convolution or linear layer, and that of the batch norm behind it. */
export interface TorchModules {
  readonly layer: string;
  readonly norm?: string;
}

/** What PyTorch calls the parameters of a batch norm. */
const TORCH_NORM: Readonly<Record<string, string>> = {
  gamma: 'weight',
  beta: 'bias',
  mean: 'running_mean',
  variance: 'running_var',
};

/**
 * The names of a network in PyTorch.
 * @param modules Of a layer, by our name for it.
 */
export const torchNaming = (
  origin: string,
  modules: (layer: string) => TorchModules,
  shapes: Naming['shapes'] = channelsFirstShapes,
): Naming => ({
  origin,
  theirs: (ours) => {
    const [name, key] = splitName(ours);
    const { layer, norm } = modules(name);
    const ofNorm = TORCH_NORM[key];
    if (ofNorm !== undefined) return norm && `${norm}.${ofNorm}`;
    return `${layer}.${key === 'weights' ? 'weight' : key}`;
  },
  shapes,
  channelsFirst: true,
  ignored: PYTORCH_IGNORED,
});

/** Our own names and axes; what begins with `optimizer/` is training's own. */
export const NATIVE_NAMING: Naming = {
  origin: 'this project',
  theirs: (ours) => ours,
  shapes: channelsLastShapes,
  channelsFirst: false,
  ignored: /^optimizer\//,
};

/** A network whose parameters files may hold. */
export interface NamedNetwork {
  /** For messages. */
  readonly name: string;
  readonly namings: Readonly<Record<string, Naming>>;
  /** Names and shapes of its parameters in the order of the layers; with 0 classes it has no logits layer. */
  readonly parameters: (channels: number, classes: number) => ReadonlyMap<string, Shape>;
  /** Ours of the weights that tell channels and classes. */
  readonly stem: string;
  /** Channels of the stem for each of the input's; 1 where left out. */
  readonly stemShare?: number | undefined;
  readonly logits: string;
  /** Its tensors are another network's, which a file is taken for unless this one is asked for alone. */
  readonly unasked?: boolean | undefined;
  /** What begins the names of tensors beside it that are of something else, and no surprise. */
  readonly beside?: string | undefined;
}

/** Only the name and shape of each tensor: what an index file without data has. */
export type ShapeDict = ReadonlyMap<string, { readonly shape: Shape }>;

/** How a file's tensors are the parameters of a network. */
export interface Match {
  readonly naming: string;
  /** Before every name, such as `backbone.`; mostly nothing. */
  readonly prefix: string;
  readonly channels: number;
  /** 0 where the file has no logits layer. */
  readonly classes: number;
  /** Their name per parameter of ours; undefined where they do not store it (gamma, which is 1 then). */
  readonly names: ReadonlyMap<string, string | undefined>;
  /** A sentence about each thing that was passed over and may have been meant. */
  readonly warnings: readonly string[];
}

/** The layer that a parameter belongs to, and which of its parameters it is. */
export function splitName(ours: string): [layer: string, key: string] {
  const slash = ours.lastIndexOf('/');
  return [ours.slice(0, slash), ours.slice(slash + 1)];
}

/** A name without what TensorFlow adds to those of variables. */
export const canonical = (name: string): string => name.replace(/(:0|\/\.ATTRIBUTES\/VARIABLE_VALUE)$/, '');

/** Names and shapes of the tensors that a file in a naming has, without prefixes. */
export function storedShapes(naming: Naming, shapes: ReadonlyMap<string, Shape>): Map<string, Shape> {
  const stored = new Map<string, Shape>();
  for (const [ours, shape] of shapes) {
    const name = naming.theirs(ours);
    if (name !== undefined) stored.set(name, naming.shapes(shape)[0]!);
  }
  return stored;
}

/** The parameters that a match found in our names and axes; what is not stored (gamma) is 1. Throws as `parameterValues` does. */
export function matchedParameters(
  tensors: StateDict,
  network: NamedNetwork,
  { naming, channels, classes, names }: Match,
  source: string,
): Map<string, FloatTensor> {
  const { channelsFirst } = network.namings[naming]!;
  const parameters = new Map<string, FloatTensor>();
  for (const [ours, shape] of network.parameters(channels, classes)) {
    const theirs = names.get(ours);
    if (theirs === undefined) {
      parameters.set(ours, floatTensor(shape, new Float32Array(sizeOf(shape)).fill(1)));
      continue;
    }
    const tensor = parameterValues(ours, tensors.get(theirs)!, `${source}: ${theirs}`);
    const data = channelsFirst && shape.length > 1 ? channelsLast(tensor.data, shape) : tensor.data;
    parameters.set(ours, floatTensor(shape, data));
  }
  return parameters;
}

/**
 * Cout×Cin×… to …×Cin×Cout.
 * @param shape Ours. A linear layer over what a flattened volume holds has the values of a convolution in the same order.
 */
function channelsLast(data: Float32Array, shape: Shape): Float32Array {
  const [cin = 1, cout = 1] = shape.slice(-2);
  const taps = sizeOf(shape.slice(0, -2));
  const moved = new Float32Array(data.length);
  for (let o = 0; o < cout; o++) {
    for (let c = 0; c < cin; c++) {
      const from = (o * cin + c) * taps;
      for (let tap = 0; tap < taps; tap++) moved[(tap * cin + c) * cout + o] = data[from + tap]!;
    }
  }
  return moved;
}

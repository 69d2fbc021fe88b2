/** @file Other programs' names and axes for the parameters of a network, as tables, and how a file is matched with one. */

import { InputError } from '../core/errors.ts';
import { toFloat32 } from '../core/half.ts';
import {
  type FloatTensor,
  floatTensor,
  formatShape,
  type Shape,
  type StateDict,
  sameShape,
  sizeOf,
} from '../core/tensor.ts';

export interface Naming {
  /** Their name for one of our parameters, without a prefix; undefined where they do not store it. */
  readonly theirs: (ours: string) => string | undefined;
  /** The shapes in which they may store a parameter of this shape, the usual one first. */
  readonly shapes: (shape: Shape) => readonly Shape[];
  /** Their weights' axes begin with Cout×Cin. */
  readonly channelsFirst: boolean;
  /** Stored, but of no use for inference. */
  readonly ignored: RegExp;
  /** May stand before every name. */
  readonly prefix: RegExp;
}

/** Only the name and shape of each tensor: what an index file without data has. */
export type ShapeDict = ReadonlyMap<string, { readonly shape: Shape }>;

/** The layer that a parameter belongs to, and which of its parameters it is. */
export function splitName(ours: string): [layer: string, key: string] {
  const slash = ours.lastIndexOf('/');
  return [ours.slice(0, slash), ours.slice(slash + 1)];
}

/** Names and shapes of the tensors that a file in a naming has, without prefixes. */
export function storedShapes(naming: Naming, shapes: ReadonlyMap<string, Shape>): Map<string, Shape> {
  const stored = new Map<string, Shape>();
  for (const [ours, shape] of shapes) {
    const name = naming.theirs(ours);
    if (name !== undefined) stored.set(name, naming.shapes(shape)[0]!);
  }
  return stored;
}

/** The stored name of one of our parameters, or undefined where no tensor with such weights has it. */
export function findWeights(tensors: ShapeDict, naming: Naming, ours: string): string | undefined {
  const wanted = naming.theirs(ours);
  const named = [...tensors.keys()].filter((name) => name.replace(naming.prefix, '') === wanted);
  return named.find((name) => tensors.get(name)!.shape.length > 1);
}

/**
 * The stored name of each of our parameters; undefined where that naming does not store it.
 * @param source The file's name, for messages.
 * @param network What the parameters are of, for messages.
 * @throws InputError that names the first tensor that is missing, left over or of another shape.
 */
export function matchNames(
  tensors: ShapeDict,
  naming: Naming,
  shapes: ReadonlyMap<string, Shape>,
  source: string,
  network = 'I3D',
): Map<string, string | undefined> {
  const stored = new Map([...tensors.keys()].map((name) => [name.replace(naming.prefix, ''), name]));
  const names = new Map<string, string | undefined>();
  for (const [ours, shape] of shapes) {
    const theirs = naming.theirs(ours);
    if (theirs === undefined) {
      names.set(ours, undefined);
      continue;
    }
    const name = stored.get(theirs);
    if (name === undefined)
      throw new InputError(`${source} has no tensor ${theirs}, which ${network} needs (${ours}).`);
    const actual = tensors.get(name)!.shape;
    const allowed = naming.shapes(shape);
    if (!allowed.some((expected) => sameShape(actual, expected))) {
      throw new InputError(
        `${source}: ${name} has shape ${formatShape(actual)}; ${network} wants ${formatShape(allowed[0]!)}.`,
      );
    }
    names.set(ours, name);
    stored.delete(theirs);
  }
  const left = [...stored.keys()].filter((name) => !naming.ignored.test(name));
  if (left.length > 0) {
    const more = left.length > 1 ? ` and ${left.length - 1} more` : '';
    throw new InputError(`${source} has a tensor ${left[0]}${more} that ${network} has no place for.`);
  }
  return names;
}

/** The parameters of a file in our names and axes; what is not stored (gamma) is 1. Throws as `matchNames` does. */
export function readParameters(
  tensors: StateDict,
  naming: Naming,
  shapes: ReadonlyMap<string, Shape>,
  source: string,
  network?: string,
): Map<string, FloatTensor> {
  const parameters = new Map<string, FloatTensor>();
  for (const [ours, theirs] of matchNames(tensors, naming, shapes, source, network)) {
    const shape = shapes.get(ours)!;
    if (theirs === undefined) {
      parameters.set(ours, floatTensor(shape, new Float32Array(sizeOf(shape)).fill(1)));
      continue;
    }
    const tensor = toFloat32(tensors.get(theirs)!, `${source}: ${theirs}`);
    const data = naming.channelsFirst && shape.length > 1 ? channelsLast(tensor) : tensor.data;
    parameters.set(ours, floatTensor(shape, data));
  }
  return parameters;
}

/** Cout×Cin×… to …×Cin×Cout. */
function channelsLast({ shape, data }: FloatTensor): Float32Array {
  const [cout = 1, cin = 1, ...kernel] = shape;
  const taps = sizeOf(kernel);
  const moved = new Float32Array(data.length);
  for (let o = 0; o < cout; o++) {
    for (let c = 0; c < cin; c++) {
      const from = (o * cin + c) * taps;
      for (let tap = 0; tap < taps; tap++) moved[(tap * cin + c) * cout + o] = data[from + tap]!;
    }
  }
  return moved;
}

/**
 * @file What the public border checks of what it is given: names, tensors, numbers. Each check throws where the mistake is made,
 * in one sentence that says what was given and what would be right.
 */

import { InputError } from './errors.ts';
import { ARRAY_TYPES, type DType, formatShape, type HostTensor, type Shape, sizeOf } from './tensor.ts';
import { counted, listed } from './words.ts';

/** Insertions, deletions, substitutions and swaps of neighbours that make `b` of `a`. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(substituted, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, before[j - 2]! + 1);
      row.push(least);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}

/**
 * Those of `known` that are spelled most like `name`, the nearest first.
 * @param share Of the longer name's letters, how many may differ.
 */
export function nearestNames(name: string, known: Iterable<string>, count = 1, share = 0.4): string[] {
  const scored = [...known].map((candidate) => ({
    candidate,
    distance: editDistance(name.toLowerCase(), candidate.toLowerCase()),
  }));
  return scored
    .filter(({ candidate, distance }) => distance <= share * Math.max(name.length, candidate.length))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

/**
 * Which constructor made a typed array, also one of another realm (a frame, a worker, a test's sandbox), where `instanceof` fails;
 * undefined for everything else.
 */
export function typedArrayName(value: unknown): string | undefined {
  return ArrayBuffer.isView(value) ? Object.prototype.toString.call(value).slice(8, -1) : undefined;
}

/** What a value is, for an error's words: `Uint8Array of 12`, `"text"`, `3`, `nothing`. */
export function describeValue(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (typeof value === 'string') return `"${value.length > 40 ? `${value.slice(0, 37)}…` : value}"`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object') return String(value);
  const name = typedArrayName(value);
  if (name === 'DataView') return 'a DataView';
  if (name !== undefined) return `${name} of ${(value as Uint8Array).length}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  const made = Object.getPrototypeOf(value)?.constructor?.name;
  return made && made !== 'Object' ? `a ${made}` : 'an object';
}

/**
 * @param what Begins the sentence: the function whose options these are, such as `computeFlow`.
 * @throws InputError when `options` is no object or has a property that `what` does not know.
 */
export function checkOptionNames(what: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InputError(`${what} takes its options as an object, not ${describeValue(options)}.`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const [near] = nearestNames(name, known);
    const advice = near ? `did you mean ${near}?` : `there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}.`;
    throw new InputError(`${what} has no option ${name}; ${advice}`);
  }
}

/**
 * @param what Begins the sentence, such as `accuracy`.
 * @throws InputError unless `value` is one of `known`.
 */
export function checkChoice<T extends string>(what: string, value: unknown, known: readonly T[]): asserts value is T {
  if (known.includes(value as T)) return;
  const quoted = known.map((name) => `"${name}"`);
  throw new InputError(`${what} must be ${listed(quoted)}, not ${describeValue(value)}.`);
}

/**
 * @param what Begins the sentence, such as `The option frames`.
 * @throws InputError unless `value` is a whole number of at least `least`.
 */
export function checkWhole(what: string, value: unknown, least: number): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  throw new InputError(`${what} must be a whole number of at least ${least}, not ${describeValue(value)}.`);
}

/** @throws InputError unless every extent is a whole number of at least 1. */
export function checkShape(what: string, shape: unknown): asserts shape is Shape {
  if (!Array.isArray(shape))
    throw new InputError(`${what} needs a shape, a list of extents, not ${describeValue(shape)}.`);
  const wrong = shape.find((extent) => !(Number.isSafeInteger(extent) && extent >= 1));
  if (wrong === undefined && !shape.includes(undefined)) return;
  throw new InputError(
    `${what} has the shape ${shape.join('×')}; extents are whole numbers of at least 1, not ${describeValue(wrong)}.`,
  );
}

/**
 * @param what Begins the sentence, such as `The path of a clip`.
 * @throws InputError unless `value` is a text that is not empty.
 */
export function checkText(what: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && value !== '') return;
  throw new InputError(`${what} must be a text that is not empty, not ${describeValue(value)}.`);
}

/**
 * @param what Begins the sentence, such as `The weights`.
 * @throws InputError unless `value` is a map, also one of another realm.
 */
export function checkMap(what: string, value: unknown): asserts value is ReadonlyMap<unknown, unknown> {
  if (Object.prototype.toString.call(value) === '[object Map]') return;
  throw new InputError(`${what} must be a Map by name, not ${describeValue(value)}.`);
}

/** @throws InputError unless the data of a tensor is the typed array that its type is kept in. */
export function checkArray(what: string, { dtype, data }: HostTensor): void {
  const wanted = ARRAY_TYPES[dtype]?.name;
  if (wanted !== undefined && typedArrayName(data) === wanted) return;
  throw new InputError(
    `${what} is said to be ${dtype} and its data is ${describeValue(data)}; ${wanted === undefined ? 'there is no such type' : `${dtype} is kept in a ${wanted}`}.`,
  );
}

/** Lists and maps as well. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/**
 * Everything about a tensor that can be checked without knowing what it is for: its type is one of `dtypes`, its data is that
 * type's array, and there are as many values as its shape says.
 * @param what Begins the sentence, such as `The flow`.
 * @throws InputError
 */
export function checkTensor<D extends DType>(
  what: string,
  tensor: unknown,
  dtypes: readonly D[],
): asserts tensor is HostTensor<D> {
  const wanted = dtypes.map((dtype) => `"${dtype}"`).join(' or ');
  if (typeof tensor !== 'object' || tensor === null || !('data' in tensor) || !('shape' in tensor)) {
    throw new InputError(`${what} must be a tensor { dtype: ${wanted}, shape, data }, not ${describeValue(tensor)}.`);
  }
  const { dtype, shape, data } = tensor as HostTensor;
  if (!dtypes.includes(dtype as D)) {
    throw new InputError(`${what} must be of the type ${wanted}, not ${describeValue(dtype)}.`);
  }
  checkShape(what, shape);
  checkArray(what, tensor as HostTensor);
  if (data.length !== sizeOf(shape)) {
    throw new InputError(
      `${what} of shape ${formatShape(shape)} needs ${counted(sizeOf(shape), 'value')}, and its data has ${data.length}.`,
    );
  }
}

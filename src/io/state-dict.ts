/**
 * @file Where in a checkpoint the state dict lies. Training scripts wrap it in a dict with an epoch, an optimizer and whatever else
 * they want to find again; some save the whole module, some two networks at once.
 */

import type { InputError } from '../core/errors.ts';
import { formatShape, sizeOf } from '../core/tensor.ts';
import { fileError } from './bytes.ts';
import { numpyTensor } from './numpy-arrays.ts';
import { PickledInstance, type PickleValue } from './pickle-objects.ts';
import { PickledTensor } from './torch-globals.ts';

/** Keys under which training scripts put the state dict; of several in one file the first is taken. */
const WRAPPERS = [
  'state_dict',
  'model_state_dict',
  'model_state',
  'model_dict',
  'model',
  'i3d',
  'net',
  'network',
  'module',
  'weights',
  'params',
  'state_dict_ema',
  'ema_state_dict',
  'model_ema',
  'net_ema',
  'ema',
];
/** What optimizers and generators of random numbers keep is no network's, though it is tensors by name. */
const NO_NETWORK = /optim|sched|scaler|rng|random|^_metadata$/i;
/** Added to every name by DataParallel and by torch.compile. */
const ADDED_PREFIXES = ['module.', '_orig_mod.'];
/** Wrappers within wrappers are not deeper. */
const MAX_DEPTH = 32;

interface FoundStateDict {
  readonly tensors: ReadonlyMap<string, PickledTensor>;
  /** Paths of other tensors and state dicts of the file, in the words of Python's keys. */
  readonly left: readonly string[];
}

type Container = ReadonlyMap<PickleValue, PickleValue>;

/**
 * The tensors of a network in what a file holds, by name.
 * @throws InputError that says what is there where there are none.
 */
export function findStateDict(value: PickleValue, source: string): FoundStateDict {
  const found = search(value, new Set(), 0);
  if (!found || found.tensors.size === 0) throw noStateDict(value, source);
  return { ...found, tensors: withoutAddedPrefixes(found.tensors) };
}

function search(value: PickleValue, seen: Set<PickleValue>, depth: number): FoundStateDict | undefined {
  // A dict that contains itself, or that is wrapped twice.
  if (seen.has(value) || depth > MAX_DEPTH) return undefined;
  const container = containerOf(value);
  if (!container) return undefined;
  seen.add(value);
  if (container.has('param_groups') && container.has('state')) return undefined;
  const own = new Map<string, PickledTensor>();
  const inner = new Map<string, FoundStateDict>();
  for (const [key, value] of container) {
    const tensor = tensorOf(value);
    if (tensor) {
      if (typeof key === 'string') own.set(key, tensor);
      continue;
    }
    const name = typeof key === 'string' || typeof key === 'number' ? String(key) : '';
    const found = NO_NETWORK.test(name) ? undefined : search(value, seen, depth + 1);
    if (found) inner.set(name, found);
  }
  const most = Math.max(0, ...[...inner.values()].map(({ tensors }) => tensors.size));
  // Parameters are named after their modules: a score beside a state dict has no dot in its name.
  const dotted = [...own.keys()].filter((name) => name.includes('.')).length;
  if (most === 0 || dotted > most) return own.size > 0 ? { tensors: own, left: namesOf(inner) } : undefined;

  const loose = [...own].flatMap(([name, { shape }]) => (sizeOf(shape) > 1 && !NO_NETWORK.test(name) ? [name] : []));
  const taken = chooseAmong(inner);
  if (taken !== undefined) {
    const { tensors, left } = inner.get(taken)!;
    inner.delete(taken);
    return { tensors, left: [...left.map((path) => `${taken}.${path}`), ...namesOf(inner), ...loose] };
  }
  const all = new Map(own);
  for (const [name, { tensors }] of inner) for (const [path, tensor] of tensors) all.set(`${name}.${path}`, tensor);
  return { tensors: all, left: [...inner].flatMap(([name, { left }]) => left.map((path) => `${name}.${path}`)) };
}

/** The one that is meant; undefined where several are, such as an encoder and a classifier. */
function chooseAmong(found: ReadonlyMap<string, FoundStateDict>): string | undefined {
  const wrapper = WRAPPERS.find((name) => found.has(name));
  if (wrapper !== undefined) return wrapper;
  const networks = namesOf(found);
  const candidates = networks.length > 0 ? networks : [...found.keys()];
  return candidates.length === 1 ? candidates[0] : undefined;
}

/** Those that hold more than single numbers. */
function namesOf(found: ReadonlyMap<string, FoundStateDict>): string[] {
  const worthwhile = ({ tensors }: FoundStateDict) => [...tensors.values()].some(({ shape }) => sizeOf(shape) > 1);
  return [...found].flatMap(([name, dict]) => (worthwhile(dict) ? [name] : []));
}

function tensorOf(value: PickleValue): PickledTensor | undefined {
  if (value instanceof PickledTensor) return value;
  return value instanceof PickledInstance ? numpyTensor(value) : undefined;
}

/** What of a value has parts by name. */
function containerOf(value: PickleValue): Container | undefined {
  if (value instanceof Map) return value;
  if (Array.isArray(value)) return new Map(value.slice(0, 64).map((item, index) => [index, item]));
  if (!(value instanceof PickledInstance)) return undefined;
  if (value.items.size > 0) return value.items;
  if (!(value.state instanceof Map)) return undefined;
  return isModule(value.state) ? moduleTensors(value.state) : value.state;
}

const isModule = (state: Container): boolean => state.get('_parameters') instanceof Map && state.has('_modules');

/** The state dict of a whole module that was saved, as PyTorch names its tensors. */
function moduleTensors(state: Container, prefix = '', left = { modules: 10_000 }): Map<string, PickledTensor> {
  const tensors = new Map<string, PickledTensor>();
  for (const part of ['_parameters', '_buffers']) {
    const values = state.get(part);
    if (!(values instanceof Map)) continue;
    for (const [name, tensor] of values) if (tensor instanceof PickledTensor) tensors.set(`${prefix}${name}`, tensor);
  }
  const modules = state.get('_modules');
  if (!(modules instanceof Map)) return tensors;
  for (const [name, module] of modules) {
    if (!(module instanceof PickledInstance) || !(module.state instanceof Map)) continue;
    // A module may be used at several places; one that contains itself must come to an end.
    if (prefix.length > 1000 || left.modules-- <= 0) break;
    for (const entry of moduleTensors(module.state, `${prefix}${name}.`, left)) tensors.set(...entry);
  }
  return tensors;
}

function withoutAddedPrefixes(tensors: ReadonlyMap<string, PickledTensor>): ReadonlyMap<string, PickledTensor> {
  let names = [...tensors.keys()];
  for (;;) {
    const prefix = ADDED_PREFIXES.find((added) => names.every((name) => name.startsWith(added)));
    if (prefix === undefined) break;
    names = names.map((name) => name.slice(prefix.length));
  }
  return new Map([...tensors.values()].map((tensor, i) => [names[i]!, tensor]));
}

function noStateDict(value: PickleValue, source: string): InputError {
  return fileError(
    `${source} holds no state dict: it has ${describe(value)}, where names with tensors were expected, as torch.save(model.state_dict(), …) writes them.`,
  );
}

function describe(value: PickleValue): string {
  if (value instanceof PickledTensor) return `one tensor without a name (${formatShape(value.shape)})`;
  if (value instanceof PickledInstance) return `an object of the class ${value.className} without tensors`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (!(value instanceof Map)) return 'no dict';
  const keys = [...value.keys()].slice(0, 8).map(label);
  return keys.length === 0 ? 'an empty dict' : `a dict with the keys ${keys.join(', ')}`;
}

/** A name or number of a pickle; other values may be nested too deeply to be printed. */
export function label(value: PickleValue): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '(no name)';
}

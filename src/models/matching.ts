/** @file Finds a network's parameters among a file's tensors: whose names they have, what stands before them, what lies beside them. */

import { nearestNames } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/tensor.ts';
import { listed } from '../core/words.ts';
import { canonical, type Match, type NamedNetwork, type Naming, type ShapeDict, splitName } from './naming.ts';
import { unknownNames } from './unknown_names.ts';

/** A network that was found in a file, and how. */
export interface Found<Network extends NamedNetwork> {
  readonly network: Network;
  /** Others that it may be, since their tensors are the same and nothing else tells. */
  readonly twins: readonly Network[];
  readonly match: Match;
}

/**
 * Finds out which of the networks the tensors are and whose names they have, whatever stands before all of them and lies beside
 * them, and maps them onto it.
 * @param source The file's name, for messages.
 * @param channels Of several such networks in the file, the one with so many input channels is meant.
 * @throws InputError when a parameter is missing or of another shape, when a layer has a tensor that the network has no place for,
 * or when the names are none that are known. It says which names are nearest.
 */
export function matchTensors<Network extends NamedNetwork>(
  tensors: ShapeDict,
  known: readonly Network[],
  source: string,
  channels?: number,
): Found<Network> {
  const networks = known.length > 1 ? known.filter(({ unasked }) => !unasked) : known;
  // Nothing is complete without its first layer. Of most files that leaves one network to look at, and not the graphs of all.
  const begun = networks.filter((network) => begins(tensors, network));
  let { complete, faults } = tryAll(tensors, begun, source);
  if (complete.length === 0) ({ complete, faults } = tryAll(tensors, networks, source));
  if (complete.length + faults.length === 0) throw unknownNames(tensors, networks, source);
  const [first] = complete;
  if (!first) throw likeliest(faults, tensors, source).error;
  const twins = complete.filter((other) => other.network === first.network || sameNames(other.match, first.match));
  const told = twins.find(({ network }) => saysName(source, network.name));
  const like = told ?? first;
  const same = complete.filter(({ network }) => network === like.network);
  const meant = same.filter((found) => found.match.channels === channels);
  const { network, match: taken } = meant[0] ?? like;
  const rivals = (meant.length > 0 ? meant : same).map(({ match: { prefix } }) => prefix || 'no prefix');
  const choices: string[] = [];
  if (rivals.length > 1) {
    choices.push(
      `${source} holds ${network.name} ${rivals.length} times, under ${rivals.join(' and ')}; the one under ${rivals[0]} is taken.`,
    );
  }
  const others = twins.filter((other) => other.network !== network);
  if (others.length > 0 && !told) {
    const names = [network, ...others.map((other) => other.network)].map(({ name }) => name);
    choices.push(`${source} may hold ${names.join(' or ')}, whose tensors are the same; ${network.name} is taken.`);
  }
  return {
    network,
    twins: told ? [] : others.map((other) => other.network),
    match: { ...taken, warnings: [...choices, ...taken.warnings] },
  };
}

/** A network that is complete, and others for which something is missing or wrong, the likeliest first. */
function tryAll<Network extends NamedNetwork>(
  tensors: ShapeDict,
  networks: readonly Network[],
  source: string,
): { complete: Omit<Found<Network>, 'twins'>[]; faults: Fault<Network>[] } {
  const candidates = networks.flatMap((network) => findCandidates(tensors, network)).sort(mostLikely);
  const complete: Omit<Found<Network>, 'twins'>[] = [];
  const faults: Fault<Network>[] = [];
  for (const candidate of candidates) {
    try {
      complete.push({ network: candidate.network, match: match(tensors, candidate, candidates, source) });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      faults.push({ candidate, error });
    }
  }
  return { complete, faults };
}

/** Whether a tensor has the name of a network's first layer, whatever stands before it. */
function begins(tensors: ShapeDict, { namings, stem }: NamedNetwork): boolean {
  const names = Object.values(namings).flatMap(({ theirs }) => theirs(stem) ?? []);
  return [...tensors.keys()].some((name) => {
    const bare = canonical(name);
    return names.some((known) => bare.endsWith(known) && wordStarts(bare).includes(bare.length - known.length));
  });
}

interface Fault<Network extends NamedNetwork> {
  readonly candidate: Candidate<Network>;
  readonly error: InputError;
}

/** Of candidates that explain about as many names, the one whose shapes fit best, and of those the one that the file's name says. */
function likeliest<Network extends NamedNetwork>(
  faults: readonly Fault<Network>[],
  tensors: ShapeDict,
  source: string,
): Fault<Network> {
  const [{ candidate: top }] = faults as [Fault<Network>];
  const rated = faults
    .filter(({ candidate }) => candidate.stored.size >= CLOSE * top.stored.size && isCopy(candidate) === isCopy(top))
    .map((fault) => ({
      fault,
      misfits: misfits(tensors, fault.candidate),
      told: saysName(source, fault.candidate.network.name),
    }));
  return rated.reduce((a, b) => ((b.misfits - a.misfits || Number(a.told) - Number(b.told)) < 0 ? b : a)).fault;
}

/** How many of the tensors that a candidate explains are of another shape than its network has. */
function misfits(tensors: ShapeDict, { network, naming: id, stored }: Candidate<NamedNetwork>): number {
  const naming = network.namings[id]!;
  const { channels, classes } = extents(tensors, network, naming, stored);
  let count = 0;
  for (const [ours, shape] of network.parameters(channels, classes)) {
    const name = stored.get(naming.theirs(ours) ?? '');
    const actual = name === undefined ? undefined : tensors.get(name)!.shape;
    if (actual && !naming.shapes(shape).some((expected) => sameShape(actual, expected))) count++;
  }
  return count;
}

/** Whether a file's name has a network's in it, as `X3D_S.pyth` has X3D-S: where tensors are the same, nothing else tells. */
function saysName(source: string, name: string): boolean {
  const parts = (text: string): string => `-${text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}-`;
  return parts(source.split(/[\\/]/).at(-1)!).includes(parts(name));
}

const sameNames = (a: Match, b: Match): boolean =>
  a.prefix === b.prefix &&
  a.names.size === b.names.size &&
  [...a.names].every(([ours, name]) => b.names.get(ours) === name);

interface Candidate<Network extends NamedNetwork> {
  readonly network: Network;
  readonly naming: string;
  /** Before most of the names. */
  readonly prefix: string;
  /** The file's name for each of theirs that it explains. */
  readonly stored: ReadonlyMap<string, string>;
  /** The part of the network's names that it explains. */
  readonly share: number;
  /** A tensor of the layer for the classes that has another name, see `headInSequence`. */
  readonly inSequence: string | undefined;
}

/** Averaged copies of a network that is stored as well. */
const COPY = /ema|teacher|target|momentum|shadow|average/i;
const isCopy = ({ prefix }: Candidate<NamedNetwork>): boolean => COPY.test(prefix);
/** Of the names that the likeliest candidate explains: another that explains so many may be meant as well. */
const CLOSE = 0.9;
/** Fewer names than this share are a coincidence, unless the stem is among them. */
const LEAST_SHARE = 0.1;

/** Namings and prefixes that explain names of the file. */
function findCandidates<Network extends NamedNetwork>(tensors: ShapeDict, network: Network): Candidate<Network>[] {
  const candidates: Candidate<Network>[] = [];
  const parameters = [...network.parameters(3, 1).keys()];
  for (const [naming, names] of Object.entries(network.namings)) {
    const { theirs } = names;
    const known = new Set(parameters.flatMap((ours) => theirs(ours) ?? []));
    for (const [prefix, stored] of namesByPrefix(tensors, known)) {
      const share = stored.size / known.size;
      if (share < LEAST_SHARE && !hasStem(tensors, network, names, stored)) continue;
      const head = headInSequence(tensors, network, names, prefix, stored);
      candidates.push({
        network,
        naming,
        prefix,
        stored: new Map([...stored, ...head]),
        share,
        inSequence: head[0]?.[1],
      });
    }
  }
  return candidates;
}

/**
 * PyTorch's layer for the classes where somebody put it behind others that have no tensors, such as dropout: `fc.1.weight` for
 * `fc.weight`. Nothing where more of that sequence has tensors.
 */
function headInSequence(
  tensors: ShapeDict,
  { logits }: NamedNetwork,
  { theirs }: Naming,
  prefix: string,
  stored: ReadonlyMap<string, string>,
): [theirs: string, name: string][] {
  const weight = theirs(logits);
  const layer = weight?.endsWith('.weight') ? weight.slice(0, -'.weight'.length) : undefined;
  if (weight === undefined || layer === undefined || stored.has(weight)) return [];
  const within = [...tensors.keys()].filter((name) => name.startsWith(`${prefix}${layer}.`));
  const parts = within.map((name) => name.slice(prefix.length + layer.length + 1));
  const [first = '', second = ''] = parts.map((part) => /^(\d+)\.(?:weight|bias)$/.exec(part)?.[1]);
  if (parts.length !== 2 || first === '' || first !== second) return [];
  return within.map((name) => [`${layer}.${name.split('.').at(-1)}`, name]);
}

/** Whether the first layer is there, with as many axes as it should have: a 2D network may call its own by the same name. */
function hasStem(
  tensors: ShapeDict,
  { stem, parameters }: NamedNetwork,
  { theirs, shapes }: Naming,
  stored: ReadonlyMap<string, string>,
): boolean {
  const name = stored.get(theirs(stem)!);
  if (name === undefined) return false;
  const rank = tensors.get(name)!.shape.length;
  return shapes(parameters(3, 1).get(stem)!).some((shape) => shape.length === rank);
}

/** Those that explain most names come first, copies last; of two networks, the one of which most is there. */
function mostLikely(a: Candidate<NamedNetwork>, b: Candidate<NamedNetwork>): number {
  return Number(isCopy(a)) - Number(isCopy(b)) || b.stored.size - a.stored.size || b.share - a.share;
}

/**
 * The file's names that end in known ones, by what stands before. Where none of the known ones is there twice, all are of one
 * network, though its parts may have prefixes of their own.
 */
function namesByPrefix(tensors: ShapeDict, known: ReadonlySet<string>): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>();
  const all = new Map<string, string>();
  let count = 0;
  for (const name of tensors.keys()) {
    const bare = canonical(name);
    for (const start of wordStarts(bare)) {
      const theirs = bare.slice(start);
      if (!known.has(theirs)) continue;
      const prefix = bare.slice(0, start);
      found.set(prefix, (found.get(prefix) ?? new Map<string, string>()).set(theirs, name));
      all.set(theirs, name);
      count++;
    }
  }
  if (count > all.size || found.size < 2) return found;
  const [[usual] = ['']] = [...found].sort(([, a], [, b]) => b.size - a.size);
  return new Map([[usual, all]]);
}

/** Where in a name a part of it may begin: at its start and after each dot, slash and the like. */
function wordStarts(name: string): number[] {
  return [0, ...Array.from(name.matchAll(/[^A-Za-z0-9_]/g), ({ index }) => index + 1)];
}

function match(
  tensors: ShapeDict,
  { network, naming: id, prefix, stored, inSequence }: Candidate<NamedNetwork>,
  candidates: readonly Candidate<NamedNetwork>[],
  source: string,
): Match {
  const naming = network.namings[id]!;
  const find = (ours: string): string | undefined => stored.get(naming.theirs(ours) ?? '');
  const { channels, classes } = extents(tensors, network, naming, stored);
  const names = new Map<string, string | undefined>();
  const left = new Set(tensors.keys());
  const absent: [theirs: string, ours: string][] = [];
  for (const [ours, shape] of network.parameters(channels, classes)) {
    const theirs = naming.theirs(ours);
    const name = find(ours);
    if (theirs !== undefined && name === undefined) {
      absent.push([`${prefix}${theirs}`, ours]);
      continue;
    }
    names.set(ours, name);
    if (name === undefined) continue;
    checkShape(name, tensors.get(name)!.shape, naming.shapes(shape), network.name, source);
    left.delete(name);
  }
  if (absent.length > 0) throw missing(absent, left, network.name, source);
  const others = candidates.filter((other) => other.network === network && other.stored !== stored);
  const rivals = new Set(others.flatMap((other) => [...other.stored.values()]));
  const extra = [...left].filter((name) => {
    const bare = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    const expected = network.beside !== undefined && bare.startsWith(network.beside);
    return !expected && !naming.ignored.test(canonical(bare)) && !rivals.has(name);
  });
  checkLayers(extra, tensors, prefix, layersOf(names.keys(), naming), network.name, source);
  const warnings = extraWarning(extra, network.name, source);
  if (inSequence !== undefined) {
    warnings.unshift(
      `${source} has ${inSequence} in its layer for the classes, ${prefix}${naming.theirs(network.logits)}: what stands before it there has no tensors and is taken for dropout.`,
    );
  }
  return { naming: id, prefix, channels, classes, names, warnings };
}

/** Channels of the input and classes, as the first and the last layer of a file tell them. */
function extents(
  tensors: ShapeDict,
  { stem, stemShare = 1, logits }: NamedNetwork,
  { theirs, channelsFirst }: Naming,
  stored: ReadonlyMap<string, string>,
): { readonly channels: number; readonly classes: number } {
  const shapeOf = (ours: string): Shape | undefined => {
    const name = stored.get(theirs(ours) ?? '');
    return name === undefined ? undefined : tensors.get(name)!.shape;
  };
  const [layer] = splitName(logits);
  return {
    // A stem of no channels is another shape than that of any.
    channels: Math.floor((shapeOf(stem)?.at(channelsFirst ? 1 : -2) ?? 0) / stemShare) || 3,
    classes: shapeOf(logits)?.at(channelsFirst ? 0 : -1) ?? shapeOf(`${layer}/bias`)?.at(-1) ?? 0,
  };
}

function checkShape(name: string, actual: Shape, allowed: readonly Shape[], network: string, source: string): void {
  if (allowed.some((expected) => sameShape(actual, expected))) return;
  throw new InputError(
    `${source}: ${name} has shape ${formatShape(actual)}; ${network} wants ${formatShape(allowed[0]!)}.`,
  );
}

/** Of more names than these, a message says how many there are. */
const MOST_NAMES = 12;

/** Names one by one, and how many more there are of a long list. */
function several(names: readonly string[]): string {
  if (names.length <= MOST_NAMES) return listed(names, 'and');
  return `${names.slice(0, MOST_NAMES - 1).join(', ')} and ${names.length - MOST_NAMES + 1} more`;
}

function missing(
  absent: readonly (readonly [theirs: string, ours: string])[],
  left: Iterable<string>,
  network: string,
  source: string,
): InputError {
  const [[theirs, ours], ...others] = absent as [readonly [string, string], ...(readonly [string, string])[]];
  const [near] = nearestNames(theirs, left);
  const advice = near === undefined ? '' : `; the nearest that is left is ${near}`;
  const more = others.length === 0 ? '' : `; also missing: ${several(others.map(([name]) => name))}`;
  return new InputError(`${source} has no tensor ${theirs}, which ${network} needs (${ours})${advice}${more}.`);
}

/** The first part of their names for the layers: `Mixed_3b` of `Mixed_3b.b0.conv3d.weight`. */
function layersOf(ours: Iterable<string>, naming: Naming): Set<string> {
  return new Set([...ours].flatMap((name) => naming.theirs(name)?.split(/[./]/)[0] ?? []));
}

/** Without what a layer holds besides what is known of it, the layer would compute something else. Single numbers keep count. */
function checkLayers(
  extra: readonly string[],
  tensors: ShapeDict,
  prefix: string,
  layers: ReadonlySet<string>,
  network: string,
  source: string,
): void {
  const foreign = extra.find((name) => {
    const inside = name.startsWith(prefix) && layers.has(name.slice(prefix.length).split(/[./]/)[0]!);
    return inside && sizeOf(tensors.get(name)!.shape) > 1;
  });
  if (foreign === undefined) return;
  throw new InputError(
    `${source} has a tensor ${foreign} in a layer where ${network} has no place for it; it is of another network.`,
  );
}

function extraWarning(extra: readonly string[], network: string, source: string): string[] {
  if (extra.length === 0) return [];
  const [what, fate] =
    extra.length === 1 ? ['a tensor', 'it is left out'] : [`${extra.length} tensors`, 'they are left out'];
  return [`${source} has ${what} that ${network} has no place for (${several(extra)}); ${fate}.`];
}

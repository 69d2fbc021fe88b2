/** @file The sentence about a file whose names are those of no network that is known. */

import { nearestNames } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { listed } from '../core/words.ts';
import { canonical, NATIVE_NAMING, type NamedNetwork, type Naming, type ShapeDict } from './naming.ts';

/** Says which names are nearest. */
export function unknownNames(tensors: ShapeDict, networks: readonly NamedNetwork[], source: string): InputError {
  const first = [...tensors.keys()].slice(0, 4);
  const names = `${first.slice(0, 3).join(', ')}${tensors.size > 3 ? ', …' : ''}`;
  const found =
    tensors.size === 1
      ? `its only tensor (${names}) has no`
      : tensors.size === 0
        ? 'it has no'
        : `none of its ${tensors.size} tensors (${names}) has a`;
  const kinds = networks.length === 0 ? 'known' : listed(networks.map(({ name }) => name));
  const known = networks.length > MOST_SHOWN ? nearestNetwork(tensors, networks) : examples(networks, first);
  return new InputError(`${source} does not hold ${kinds} weights: ${found} name ${known}.`);
}

/** Of more models than these, a message says what the nearest of them has. */
const MOST_SHOWN = 3;

/** A name of each network, and the one that is most like one of the file's. */
function examples(networks: readonly NamedNetwork[], names: readonly string[]): string {
  const begins = networks.flatMap(({ namings, stem }) => {
    // Of several networks one naming each: the list is to show what is meant, not all that there is.
    const shown = Object.values(namings).slice(...(networks.length === 1 ? [0] : [-1]));
    return shown.map(({ theirs, origin }) => `${theirs(stem)} (${origin})`);
  });
  const expected = networks.flatMap((network) =>
    Object.values(network.namings).flatMap((naming) => namesIn(network, naming)),
  );
  const [near] = names.flatMap((name) => nearestNames(name, expected).map((known) => `${name} is nearest to ${known}`));
  return `such as ${begins.join(' or ')}${near === undefined ? '' : `; ${near}`}`;
}

/** The network whose names have most parts in common with the file's, and what it has that the file has not. */
function nearestNetwork(tensors: ShapeDict, networks: readonly NamedNetwork[]): string {
  const parts = (name: string) =>
    canonical(name)
      .split(/[./]/)
      .filter((part) => !COMMON_PART.test(part));
  const given = new Set([...tensors.keys()].flatMap(parts));
  const rated = networks.flatMap((network) =>
    published(network).map((naming) => {
      const names = namesIn(network, naming);
      const theirs = new Set(names.flatMap(parts));
      const shared = [...given].filter((part) => theirs.has(part)).length;
      return { network, naming, names, likeness: shared / Math.sqrt(given.size * theirs.size || 1) };
    }),
  );
  const best = rated.reduce((a, b) => (b.likeness > a.likeness ? b : a));
  if (best.likeness === 0) return 'of theirs';
  const missing = best.names.find((name) => !tensors.has(name));
  return `of theirs; the nearest is ${best.network.name} of ${best.naming.origin}, which has ${missing}`;
}

/** All namings but our own, which files of ours say themselves. */
const published = ({ namings }: NamedNetwork): readonly Naming[] =>
  Object.values(namings).filter((naming) => naming !== NATIVE_NAMING);

/** Parts of names that any network may have. */
const COMMON_PART = /^(\d+|weights?|bias|running_mean|running_var|gamma|beta|mean|variance)$/;

const namesIn = ({ parameters }: NamedNetwork, { theirs }: Naming): string[] =>
  [...parameters(3, 1).keys()].flatMap((ours) => theirs(ours) ?? []);

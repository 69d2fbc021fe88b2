/** @file A set of labelled clips: a folder of class folders, or a CSV file; and how it is divided. Node only. */

import { stat } from 'node:fs/promises';
import { checkOptionNames, nearestNames } from '../../core/check.ts';
import { InputError } from '../../core/errors.ts';
import { Random } from '../../core/random.ts';
import { asList, byName, type ClipSet, type LabelledClip, type NamedClip } from './clip.ts';
import { readClipFolder } from './clip_folder.ts';
import { readClipList } from './clip_list.ts';

export type { ClipSet, ClipSource, LabelledClip, Split } from './clip.ts';

export interface HoldOut {
  /** Share of each class that becomes test clips, above 0 and below 1. */
  readonly fraction: number;
  readonly seed: number;
}

export interface ClipSetOptions {
  /** The classes of a model, in its order: every label must be one of them. Where left out, the sorted labels. */
  readonly classes?: readonly string[] | undefined;
  /** Where the source itself names no test clips, take some of each class. */
  readonly holdOut?: HoldOut | undefined;
  /** Called with one sentence for each thing that is doubtful: classes with nearly the same name, clips that are not used. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Reads a folder `class/clip.ext`, a folder `train/class/clip.ext` with `test/class/clip.ext`, or a CSV file with the header
 * `path,label,split`, whose paths are relative to it. Parts named `val` are for tests where there is no `test`. No clip is decoded.
 * @throws InputError when there is no such source, it names no clips, or a label, split or file that does not exist.
 */
export async function readClipSet(source: string, options: ClipSetOptions = {}): Promise<ClipSet> {
  checkOptionNames('readClipSet', options, ['classes', 'holdOut', 'onWarning']);
  const stats = await stat(source).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'does not exist' : `cannot be opened (${cause.code})`;
    throw new InputError(
      `${source} ${reason}; give a folder of class folders, or a CSV file with the header path,label,split.`,
      { cause },
    );
  });
  const { classes, holdOut: held, onWarning = () => undefined } = options;
  const read = stats.isDirectory() ? readClipFolder : readClipList;
  const set = labelled(source, await read(source, onWarning), classes);
  for (const names of classes ? [] : similarNames(set.classes)) {
    onWarning(
      `${source}: the classes ${names.map((name) => `"${name}"`).join(' and ')} differ in capitals or spaces only; if they are one, give them one name.`,
    );
  }
  if (!held) return set;
  const divided = holdOut(set, held);
  if (divided === set) onWarning(`${source} says which clips are for tests, so none are held out.`);
  return divided;
}

/** Names that are the same but for capitals, spaces, `-` and `_`, or the way in which accents are coded. */
function similarNames(names: readonly string[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const key = name
      .normalize('NFKC')
      .toLowerCase()
      .replace(/[\s_-]+/g, ' ')
      .trim();
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  return [...groups.values()].filter(({ length }) => length > 1);
}

function labelled(source: string, clips: readonly NamedClip[], given: readonly string[] | undefined): ClipSet {
  const classes = given ?? [...new Set(clips.map(({ className }) => className))].sort(byName);
  const indices = new Map(classes.map((name, index) => [name, index]));
  const label = ({ path, className }: NamedClip): number => {
    const index = indices.get(className);
    if (index !== undefined) return index;
    const [near] = nearestNames(className, classes);
    const advice = near === undefined ? `its classes are ${listed(classes)}` : `of its classes the nearest is ${near}`;
    throw new InputError(`${source} gives ${path} the label ${className}, which the model does not have; ${advice}.`);
  };
  return { source, classes, clips: clips.map((clip) => ({ path: clip.path, label: label(clip), split: clip.split })) };
}

const listed = (names: readonly string[]): string => asList(names, 12);

/**
 * The set with a share of each class, drawn by a seed, as test clips; the set itself where it has test clips already. A
 * class of two clips or more gives at least one and keeps at least one.
 * @throws InputError for a fraction outside 0 … 1.
 */
export function holdOut(set: ClipSet, { fraction, seed }: HoldOut): ClipSet {
  if (!(fraction > 0 && fraction < 1)) {
    throw new InputError(`The share of clips that are held out lies between 0 and 1, such as 0.2, not ${fraction}.`);
  }
  if (set.clips.some(({ split }) => split === 'test')) return set;
  const held = new Set<LabelledClip>();
  for (const [label, name] of set.classes.entries()) {
    const own = set.clips.filter((clip) => clip.label === label);
    const count = Math.max(Math.min(1, own.length - 1), Math.min(own.length - 1, Math.round(own.length * fraction)));
    for (const clip of new Random(seed, `held out of ${name}`).shuffle(own).slice(0, count)) held.add(clip);
  }
  return { ...set, clips: set.clips.map((clip) => (held.has(clip) ? { ...clip, split: 'test' } : clip)) };
}

/**
 * What training needs of a set.
 * @throws InputError unless there are two classes and each has a clip to train on.
 */
export function checkTrainable({ source, classes, clips }: ClipSet): void {
  if (classes.length < 2) {
    throw new InputError(`${source} has only the class ${classes[0]}; training needs two or more to tell apart.`);
  }
  const trained = new Set(clips.filter(({ split }) => split === 'train').map(({ label }) => label));
  const missing = classes.filter((_, label) => !trained.has(label));
  if (missing.length > 0) {
    const one = missing.length === 1;
    throw new InputError(
      `${source} has no training clips of the class${one ? '' : 'es'} ${listed(missing)}; add some, or leave ${one ? 'it' : 'them'} out.`,
    );
  }
}

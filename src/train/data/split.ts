/** @file The names that data sets give to their parts. */

import type { NamedClip, Split } from './clip.ts';

/** As data sets name them; this package trains on one part and tests on another. */
export type NamedSplit = Split | 'validation';

const NAMES: Readonly<Record<NamedSplit, readonly string[]>> = {
  train: ['train', 'training'],
  test: ['test', 'testing'],
  validation: ['val', 'valid', 'validation', 'dev'],
};

/** Undefined for what is no name of a part. */
export function parseSplit(text: string): NamedSplit | undefined {
  const name = text.trim().toLowerCase();
  return (Object.keys(NAMES) as NamedSplit[]).find((split) => NAMES[split].includes(name));
}

/** A clip of a part that is not decided upon yet. */
export type PartClip = Omit<NamedClip, 'split'> & { readonly split: NamedSplit };

/**
 * Validation clips are the test clips of a set that has no others; where there are both, they are left out, which is said.
 * @param source Names the set.
 */
export function withoutValidation(
  source: string,
  clips: readonly PartClip[],
  onWarning: (message: string) => void,
): NamedClip[] {
  const kept = (split: Split | undefined) =>
    clips.flatMap((clip) => {
      const as = clip.split === 'validation' ? split : clip.split;
      return as === undefined ? [] : [{ ...clip, split: as }];
    });
  if (!clips.some(({ split }) => split === 'test')) return kept('test');
  const rest = kept(undefined);
  const left = clips.length - rest.length;
  if (left > 0) {
    onWarning(
      `${source} has validation clips beside its test clips; ${left === 1 ? 'that one is' : `those ${left} are`} not used.`,
    );
  }
  return rest;
}

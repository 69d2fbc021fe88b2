/** @file Names of classes: a model's own, those of the data sets that weights are published for, or numbers. */

import { checkChoice, checkWhole, describeValue } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { counted } from '../core/words.ts';

/** Data sets whose class names come along. They are loaded when they are asked for: most programs have names of their own. */
const DATA_SETS = {
  'kinetics-400': { classes: 400, load: async () => (await import('./labels-kinetics400.ts')).KINETICS_400 },
  'kinetics-600': { classes: 600, load: async () => (await import('./labels-kinetics600.ts')).KINETICS_600 },
} as const;

/** A data set whose class names come with the package. */
export type DataSetName = 'kinetics-400' | 'kinetics-600';

/** Names of classes in the order of a network's outputs, or the data set whose names they are. */
export type LabelList = readonly string[] | DataSetName;

/**
 * Names for a number of classes: those of the list that has so many, else `class 0`, `class 1` and so on.
 * @param lists Those that a model's weights are published for; Kinetics-400 and -600 where left out.
 * @throws InputError
 */
export async function labelsFor(
  classes: number,
  lists: readonly LabelList[] = ['kinetics-400', 'kinetics-600'],
): Promise<readonly string[]> {
  checkWhole('The number of classes', classes, 0);
  for (const list of lists) {
    if (typeof list !== 'string') {
      if (list.length === classes) return list;
      continue;
    }
    checkChoice('A list of labels', list, Object.keys(DATA_SETS));
    if (DATA_SETS[list].classes === classes) return DATA_SETS[list].load();
  }
  return numberedLabels(classes);
}

/** `class 0`, `class 1` and so on. */
const numberedLabels = (classes: number): readonly string[] => Array.from({ length: classes }, (_, i) => `class ${i}`);

/**
 * The names in a text with one on each line; empty lines at the end do not count.
 * @param source The file's name, for messages.
 * @throws InputError when there are not as many names as classes.
 */
export function parseLabels(text: string, classes: number, source: string): string[] {
  if (typeof text !== 'string') throw new InputError(`parseLabels takes a text, not ${describeValue(text)}.`);
  const names = text
    .replace(/^\uFEFF/, '')
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => line.trim());
  const count = names.length === 1 && names[0] === '' ? 0 : names.length;
  if (count !== classes) {
    throw new InputError(
      `${source} has ${counted(count, 'name')}, one on each line, and the weights have ${counted(classes, 'class')}.`,
    );
  }
  return names;
}

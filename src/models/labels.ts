/** @file Names of classes: a model's own, those of the data sets that weights are published for, or numbers. */

import { checkWhole, describeValue } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { counted } from '../core/words.ts';
import type { ModelDefinition } from './definition.ts';
import { KINETICS_400_NAMES } from './labels-kinetics400.ts';
import { KINETICS_600_NAMES } from './labels-kinetics600.ts';

const split = (names: string): readonly string[] => names.replaceAll('\n', '').split('|');

/** The 400 classes of the published I3D weights, in their order. */
export const KINETICS_400: readonly string[] = split(KINETICS_400_NAMES);

/** The 600 classes of the published I3D weights for Kinetics-600, in their order. */
export const KINETICS_600: readonly string[] = split(KINETICS_600_NAMES);

/**
 * Names for a number of classes: those of the list that has so many, else `class 0`, `class 1` and so on.
 * @param lists Those that a model's weights are published for; Kinetics-400 and -600 where left out.
 * @throws InputError
 */
export function labelsFor(
  classes: number,
  lists = [KINETICS_400, KINETICS_600] as ModelDefinition['labels'],
): readonly string[] {
  checkWhole('The number of classes', classes, 0);
  const known = lists?.find((names) => names.length === classes);
  return known ?? Array.from({ length: classes }, (_, i) => `class ${i}`);
}

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

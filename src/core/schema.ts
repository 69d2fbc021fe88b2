/** @file Parts of schemas whose complaints are sentences: valibot checks, these words explain. */

import * as v from 'valibot';
import { InputError } from './errors.ts';

/** An object with these entries and no others. */
export function object<const Entries extends v.ObjectEntries>(entries: Entries) {
  const known = Object.keys(entries).join(', ');
  return v.strictObject(entries, ({ expected }) => {
    if (expected === 'Object') return 'must be an object';
    return expected === 'never' ? `is not known here; known are ${known}` : 'must be given';
  });
}

/** An object with these entries, whatever else it has. */
export function record<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.object(entries, ({ expected }) => {
    if (expected === 'Object') return 'must be an object';
    const { message } = entries[JSON.parse(expected ?? '""')] as { readonly message?: unknown };
    return typeof message === 'string' ? `must be given and ${message}` : 'must be given';
  });
}

const number = (test: (value: number) => boolean, words: string) =>
  v.custom<number>((value) => typeof value === 'number' && Number.isFinite(value) && test(value), `must be ${words}`);

export const positive = number((value) => value > 0, 'a number above 0');
export const notNegative = number((value) => value >= 0, 'a number of at least 0');
/** 0 ≤ x < 1. */
export const share = number((value) => value >= 0 && value < 1, 'a number from 0 to below 1');
export const whole = (least: number) =>
  number((value) => Number.isSafeInteger(value) && value >= least, `a whole number of at least ${least}`);
/** Two numbers, such as 0.8 and 1.2. */
export const range = v.tuple([positive, positive], 'must be a list of two numbers');
export const flag = v.boolean('must be true or false');
export const text = v.pipe(v.string('must be a text'), v.nonEmpty('must not be empty'));
export const oneOf = <const Names extends readonly string[]>(names: Names) =>
  v.picklist(names, `must be one of ${names.join(', ')}`);
export const listOf = <Item extends v.GenericSchema>(item: Item, words: string) =>
  v.pipe(v.array(item, `must be a list of ${words}`), v.minLength(1, `must be a list of at least one of ${words}`));

/**
 * What a schema makes of a value.
 * @param source Names the value, such as a file.
 * @param whole What the value as a whole is called.
 * @throws InputError about the first thing that is wrong, by its place: `x.json: stages[0].epochs must be …, not "ten".`
 */
export function parse<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  source: string,
  whole = 'the configuration',
): v.InferOutput<Schema> {
  const { success, output, issues } = v.safeParse(schema, value, { abortEarly: true });
  if (success) return output;
  const [issue] = issues;
  const place = issue.path?.reduce(
    (path, { key }) => (typeof key === 'number' ? `${path}[${key}]` : `${path}.${key}`),
    '',
  );
  const found = /^(is|must be given|must not)/.test(issue.message) ? '' : `, not ${shown(issue.input)}`;
  throw new InputError(`${source}: ${place?.replace(/^\./, '') || whole} ${issue.message}${found}.`);
}

function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? 'nothing';
  return json.length > 60 ? `${json.slice(0, 57)}…` : json;
}

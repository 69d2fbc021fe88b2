/** @file What a person reads when something fails: one sentence on stderr. */

import { existsSync } from 'node:fs';
import { CommanderError } from 'commander';
import { I3dError } from '../../core/errors.ts';

/** The sentence for an error, without the program's name. */
export function sentence(error: unknown): string {
  if (error instanceof CommanderError) {
    const text = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
    return `${text}${error.code === 'commander.unknownOption' ? dashAdvice(text) : ''}`;
  }
  const text = error instanceof Error ? error.message : String(error);
  const [first = '', ...rest] = text.trim().split('\n');
  const details = rest.some((line) => line.trim() !== '') ? ' (--debug shows the rest)' : '';
  if (error instanceof I3dError) return `${first}${details}`;
  return `Something went wrong that should not have: ${first || 'an error without a message'} (--debug shows where).`;
}

/** What was taken for an option may be the name of a file. */
function dashAdvice(text: string): string {
  const name = /'(-[^']*)'/.exec(text)?.[1];
  if (name === undefined || !(existsSync(name) || /\.\w{1,12}$/.test(name))) return '';
  return `; a file of that name is given as ./${name}, or behind all options and --`;
}

/** The whole story, for `--debug`. */
export function story(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stack = error.stack?.includes(error.message) ? error.stack : `${error.name}: ${error.message}\n${error.stack}`;
  return error.cause === undefined ? stack : `${stack}\ncaused by ${story(error.cause)}`;
}

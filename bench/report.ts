/** @file What every command of the bench writes: a table on stdout and, if asked, records in a JSON file. */

import { InputError } from '../src/core/errors.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { writeFileAtomic } from '../src/io/atomic.ts';

/** Part of every record, so that a number can never be read without knowing where it comes from. */
export interface Origin {
  readonly adapter: string;
  /** ISO 8601. */
  readonly date: string;
}

export const originOf = (gpu: Gpu): Origin => ({
  adapter: gpu.profile.description,
  date: new Date().toISOString().slice(0, 19).concat('Z'),
});

/** Writes records where `--json` says; nothing without it. */
export async function writeJson(path: string | undefined, records: unknown): Promise<void> {
  if (path !== undefined) await writeFileAtomic(path, `${JSON.stringify(records, rounded, 2)}\n`);
}

/** Six digits are more than any measurement has. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}

/** Columns of text; numbers (all but the first column that `left` names) stand at the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], left = 1): string {
  const widths = header.map((name, i) => Math.max(name.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i < left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [line(header), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n');
}

/** Three digits that matter: `0.123`, `12.3`, `1234`. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toFixed(Math.min(decimals, 4));
}

export const percent = (value: number): string => `${(100 * value).toFixed(0)} %`;
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

/** Progress goes to stderr and only to people. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

export const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** @throws InputError unless it is a whole number from `least` up. */
export function wholeNumber(option: string, least = 1): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least) {
      throw new InputError(`${option} takes a whole number from ${least} up, not "${text}".`);
    }
    return value;
  };
}

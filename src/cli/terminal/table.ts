/** @file Aligned columns and bars for a terminal. */

import { counted } from '../../core/words.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Rows under their titles, two spaces between columns, no trailing spaces. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const titled = columns.some(({ title }) => title !== '') ? [columns.map(({ title }) => title), ...rows] : rows;
  const widths = columns.map((_, i) => Math.max(0, ...titled.map((row) => displayWidth(row[i] ?? ''))));
  const line = (row: readonly string[]): string =>
    columns
      .map(({ align }, i) => {
        const text = row[i] ?? '';
        const fill = ' '.repeat(widths[i]! - displayWidth(text));
        return align === 'right' ? fill + text : text + fill;
      })
      .join('  ')
      .trimEnd();
  return titled.map(line).join('\n');
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar for a share of 0 to 1, `width` characters at most. */
export function bar(share: number, width = 30): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
}

/** `1.23 MB`, `45.6 GFLOP`: three digits and a decimal prefix. */
export function quantity(value: number, unit: string): string {
  const prefixes = ['', 'k', 'M', 'G', 'T', 'P'];
  const step = value < 1000 ? 0 : Math.min(prefixes.length - 1, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** step;
  const digits = step === 0 ? 0 : scaled < 10 ? 2 : scaled < 100 ? 1 : 0;
  return `${scaled.toFixed(digits)} ${prefixes[step]}${unit}`;
}

/** Names that differ in one place as one: `a/b0/c`, `a/b1/c` become `a/{b0,b1}/c`, cut at the given characters. */
export function braces(names: readonly string[], cuts = '/'): string {
  const [first = '', ...rest] = names;
  if (rest.length === 0) return first;
  let start = 0;
  while (start < first.length && rest.every((name) => name[start] === first[start])) start++;
  while (start > 0 && !cuts.includes(first[start - 1]!)) start--;
  const shortest = Math.min(...names.map((name) => name.length)) - start;
  let end = 0;
  while (end < shortest && rest.every((name) => name.at(-1 - end) === first.at(-1 - end))) end++;
  while (end > 0 && !cuts.includes(first.at(-end)!)) end--;
  const middles = names.map((name) => name.slice(start, name.length - end));
  return `${first.slice(0, start)}{${middles.join(',')}}${first.slice(first.length - end)}`;
}

/** `12.3 %`; tiny shares keep their order of magnitude. */
export function percent(share: number): string {
  if (share > 0 && share < 0.0005) return `${(share * 100).toExponential(0)} %`;
  return `${(share * 100).toFixed(1)} %`;
}

/** `0.42 s`, `12.3 s`. */
export function seconds(value: number): string {
  return `${value.toFixed(value < 9.995 ? 2 : 1)} s`;
}

/** A time in a clip, `0:07.2`. */
export function clock(value: number): string {
  const tenths = Math.round(value * 10);
  const rest = tenths % 600;
  return `${Math.floor(tenths / 600)}:${rest < 100 ? '0' : ''}${(rest / 10).toFixed(1)}`;
}

/** Characters that a terminal needs; wide ones (East Asian) take two. */
function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    width += (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xffe6 && code < 0xfe00) ? 2 : 1;
  }
  return width;
}

/** How many classes a network tells apart, in words. */
export function classCount({ classes }: { readonly classes: number }): string {
  if (classes === 0) return 'features only, no logits layer';
  return counted(classes, 'class');
}

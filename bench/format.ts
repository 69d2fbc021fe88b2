/** @file How numbers and tables read, and where a record comes from: text alone, without files or a console. */

import type { DeviceProfile } from '../src/core/kernel.ts';
import type { Gpu } from '../src/gpu/device.ts';

/** Part of every record, so that a number can never be read without knowing where it comes from. */
export interface Origin {
  readonly adapter: string;
  /** ISO 8601. */
  readonly date: string;
}

export const now = (): string => new Date().toISOString().slice(0, 19).concat('Z');

/** Some browsers say nothing of the adapter. */
export const adapterOf = ({ description }: Pick<DeviceProfile, 'description'>): string => description || 'unknown';

export const originOf = (gpu: Gpu): Origin => ({ adapter: adapterOf(gpu.profile), date: now() });

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

/** Records as JSON; six digits are more than any measurement has. */
export const jsonText = (records: unknown): string =>
  `${JSON.stringify(
    records,
    (_, value: unknown) =>
      typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value,
    2,
  )}\n`;

/** Of rates up to so many GFLOP/s: software adapters have a thousandth of what GPUs have. */
export const rateUnit = (largest: number): string => (largest < 1000 ? 'GFLOP/s' : 'TFLOP/s');
/** A rate in that unit. */
export const rateIn = (largest: number, gflops: number): string => digits(largest < 1000 ? gflops : gflops / 1000);
export const rateText = (gflops: number): string => `${rateIn(gflops, gflops)} ${rateUnit(gflops)}`;

export const percent = (value: number): string => `${(100 * value).toFixed(0)} %`;
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

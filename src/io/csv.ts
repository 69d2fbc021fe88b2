/** @file The rows of a CSV file (RFC 4180, UTF-8). Node only. */

import { readFile } from 'node:fs/promises';
import { type CsvError, parse } from 'csv-parse/sync';
import { InputError } from '../core/errors.ts';
import { fileError } from './bytes.ts';

export interface CsvRow {
  readonly line: number;
  readonly values: readonly string[];
}

/**
 * All rows, the header's included; empty lines are passed over.
 * @param advice What to give instead of a file that is no text.
 * @throws InputError when it cannot be read or is no CSV.
 */
export async function readCsv(path: string, advice: string): Promise<CsvRow[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`${path} cannot be read (${cause.code ?? cause.message}); check its permissions.`, { cause });
  });
  if (text.includes('\0')) throw fileError(`${path} is no text; ${advice}.`);
  try {
    const options = { bom: true, trim: true, skip_empty_lines: true, relax_column_count: true, info: true } as const;
    const records = parse(text, options) as unknown as { record: string[]; info: { lines: number } }[];
    return records.map(({ record, info }) => ({ line: info.lines, values: record }));
  } catch (error) {
    const { message, lines } = error as CsvError & { lines?: number };
    throw fileError(
      `${path}, line ${lines ?? 1}: ${message.replace(/\.$/, '')}; a field with quotes is "like ""this""".`,
    );
  }
}

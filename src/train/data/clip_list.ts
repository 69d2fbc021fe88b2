/** @file A CSV file as a list of clips. Node only. */

import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileError } from '../../io/bytes.ts';
import { type CsvRow, readCsv } from '../../io/csv.ts';
import type { NamedClip } from './clip.ts';
import { type PartClip, parseSplit, withoutValidation } from './split.ts';

const HEADER = 'path,label,split';

/**
 * Clips of a CSV file (RFC 4180, UTF-8) with the columns `path`, relative to the file, `label` and `split`, which is train
 * or test, or val where there are no others to test with. Without a column `split` all are for training. Columns may come in any
 * order, and others are passed over.
 * @throws InputError, with the line, for another header, an incomplete line, an unknown split, or a clip that does not exist
 *   or is listed twice.
 */
export async function readClipList(list: string, onWarning: (message: string) => void): Promise<NamedClip[]> {
  const [header, ...rows] = await readCsv(
    list,
    `give a folder of class folders, or a CSV file with the header ${HEADER}`,
  );
  const names = header?.values.map((name) => name.toLowerCase()) ?? [];
  const [pathColumn, labelColumn, splitColumn] = HEADER.split(',').map((name) => names.indexOf(name)) as [
    number,
    number,
    number,
  ];
  if (header === undefined || pathColumn < 0 || labelColumn < 0) {
    const found = header ? `, not ${header.values.join(',')}` : '; it is empty';
    throw fileError(`The first line of ${list} must be the header ${HEADER}${found}.`);
  }
  if (rows.length === 0) throw fileError(`${list} lists no clips; add a line for each, such as jump/1.mp4,jump,train.`);
  if (splitColumn < 0) checkNoSplit(list, header.values, rows);
  const lines = new Map<string, number>();
  const clips = rows.map(({ line, values }): PartClip => {
    const where = `${list}, line ${line}`;
    const value = (column: number, what: string): string => {
      const text = values[column] ?? '';
      if (text === '') throw fileError(`${where}: the ${what} is missing; a line gives ${header.values.join(',')}.`);
      return text;
    };
    const name = value(pathColumn, 'path');
    const className = value(labelColumn, 'label');
    const part = splitColumn < 0 ? 'train' : value(splitColumn, 'split');
    const split = parseSplit(part);
    if (split === undefined) throw fileError(`${where}: the split must be train, test or val, not ${part}.`);
    const path = resolve(dirname(list), name);
    const before = lines.get(path);
    if (before !== undefined) throw fileError(`${where}: ${name} is listed already, in line ${before}; remove one.`);
    lines.set(path, line);
    return { path, className, split };
  });
  await checkFiles(list, lines);
  return withoutValidation(list, clips, onWarning);
}

/** @throws InputError where another column says what `split` would: with all clips for training, tests would be on those. */
function checkNoSplit(list: string, names: readonly string[], rows: readonly CsvRow[]): void {
  const column = names.findIndex((_, i) => rows.every(({ values }) => parseSplit(values[i] ?? '') !== undefined));
  if (column < 0) return;
  throw fileError(`The column ${names[column]} of ${list} says which clips are for tests; name it split.`);
}

async function checkFiles(list: string, lines: ReadonlyMap<string, number>): Promise<void> {
  const missing: string[] = [];
  for (const path of lines.keys()) {
    if (!(await stat(path).catch(() => undefined))) missing.push(path);
  }
  const [first] = missing;
  if (first === undefined) return;
  const others = missing.length > 1 ? `, and ${missing.length - 1} more of its clips do not either` : '';
  throw fileError(
    `${list}, line ${lines.get(first)}: ${first} does not exist${others}; paths are relative to the folder of the list.`,
  );
}

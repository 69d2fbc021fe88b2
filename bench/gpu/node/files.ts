/** @file Where a session is written: eight files in a folder, named by the device, each whole at any time. */

import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from '../../../src/io/atomic.ts';
import { writeJson } from '../../report.ts';
import { resultsOf, type Session } from '../outcome.ts';
import { kernelRecords, modelRecords, peerRecords, tableModule } from '../records.ts';
import { nameOf, summary } from '../summary.ts';
import { clearChoices } from '../tables.ts';

/** Writes what there is; a file that nothing is known for is left out. Returns their paths, the summary first. */
export async function writeSession(folder: string, session: Session): Promise<string[]> {
  const { outcomes } = session;
  const [facts] = resultsOf(outcomes, 'facts');
  const slug = (facts ? nameOf(facts) : session.adapter)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  const choices = clearChoices(outcomes);
  await makeFolder(folder);
  const written: string[] = [];
  const pathOf = (name: string): string => {
    const path = join(folder, name);
    written.push(path);
    return path;
  };
  const json = async (name: string, records: unknown): Promise<void> => {
    const isEmpty = records === undefined || (Array.isArray(records) && records.length === 0);
    if (!isEmpty) await writeJson(pathOf(`${name}-${slug}.json`), records);
  };
  await writeFileAtomic(pathOf(`summary-${slug}.md`), summary(session, choices));
  await json('gpu', session);
  await json('model', modelRecords(outcomes));
  await json('kernels', kernelRecords(session));
  await json('peers', peerRecords(session));
  await json('flow', resultsOf(outcomes, 'flow'));
  await json('train', resultsOf(outcomes, 'training'));
  const table = tableModule(session, choices);
  if (table !== undefined) await writeFileAtomic(pathOf(`table-${slug}.ts`), table);
  return written;
}

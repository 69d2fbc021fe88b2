/** @file What a session is written as: files named by the device; whatever nothing is known for is left out. */

import { barChart } from '../chart.ts';
import { jsonText } from '../format.ts';
import { sessionCharts } from './charts.ts';
import { resultsOf, type Session } from './outcome.ts';
import { kernelRecords, modelRecords, peerRecords, tableModule } from './records.ts';
import { nameOf } from './sections.ts';
import { summary } from './summary.ts';
import { clearChoices } from './tables.ts';

export interface SessionFile {
  readonly name: string;
  readonly text: string;
}

/** The summary first, then all of it, records as the other commands of the bench write them, charts, a table of choices. */
export function sessionFiles(session: Session): SessionFile[] {
  const { outcomes } = session;
  const [facts] = resultsOf(outcomes, 'facts');
  const slug = (facts ? nameOf(facts) : session.adapter)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  const choices = clearChoices(outcomes);
  const json = (name: string, records: unknown): SessionFile[] => {
    const isEmpty = records === undefined || (Array.isArray(records) && records.length === 0);
    return isEmpty ? [] : [{ name: `${name}-${slug}.json`, text: jsonText(records) }];
  };
  const table = tableModule(session, choices);
  return [
    { name: `summary-${slug}.md`, text: summary(session, choices) },
    ...json('gpu', session),
    ...json('model', modelRecords(outcomes)),
    ...json('kernels', kernelRecords(session)),
    ...json('peers', peerRecords(session)),
    ...json('flow', resultsOf(outcomes, 'flow')),
    ...json('train', resultsOf(outcomes, 'training')),
    ...sessionCharts(session).map(({ name, chart }) => ({ name: `${name}-${slug}.svg`, text: barChart(chart) })),
    ...(table === undefined ? [] : [{ name: `table-${slug}.ts`, text: table }]),
  ];
}

/** @file The worker that turns results into tables, charts and files. */

import { comparison } from '../../bench/compare.ts';
import { sessionCharts } from '../../bench/gpu/charts.ts';
import { sessionFiles } from '../../bench/gpu/files.ts';
import { reasonOf } from '../../bench/gpu/runner.ts';
import { overview } from '../../bench/gpu/sections.ts';
import { clearChoices } from '../../bench/gpu/tables.ts';
import { type ResultFile, readResults } from '../../bench/result_file.ts';
import { resultView } from '../../bench/result_view.ts';
import { InputError } from '../../src/core/errors.ts';
import type { ReportAnswer, ReportOrder } from './messages.ts';

/** As much of a worker's global scope as is used: the library of types has that of pages. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ReportOrder>) => void) | null;
  postMessage(answer: ReportAnswer): void;
}

/** Files that were read, by name: sessions are shown beside them. */
const others = new Map<string, ResultFile>();

function answer(order: ReportOrder): ReportAnswer {
  const { id } = order;
  try {
    if (order.kind === 'file') {
      const file = readResults(jsonOf(order.text, order.name), order.name);
      others.set(order.name, file);
      return { id, kind: 'file', view: resultView(file) };
    }
    const { session } = order;
    const report = {
      overview: overview(session, clearChoices(session.outcomes)),
      charts: sessionCharts(session),
      beside: comparison(session, [...others.values()]),
      files: sessionFiles(session),
    };
    return { id, kind: 'session', report };
  } catch (error) {
    return { id, kind: 'problem', text: reasonOf(error) };
  }
}

function jsonOf(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InputError(`${name} is no JSON: a file of results is, as the bench writes it.`);
  }
}

const scope = globalThis as unknown as WorkerScope;
scope.onmessage = ({ data }) => scope.postMessage(answer(data));

/** @file The page's side of the worker that makes reports. */

import type { Session } from '../../bench/gpu/outcome.ts';
import type { ResultView } from '../../bench/result_view.ts';
import { startWorker } from '../shared/start_worker.ts';
import type { ReportAnswer, ReportOrder, SessionReport } from './messages.ts';
import workerUrl from './report_worker.ts?worker&url';

type Unnumbered = { [K in ReportOrder['kind']]: Omit<Extract<ReportOrder, { kind: K }>, 'id'> }[ReportOrder['kind']];

export class Reporter {
  private readonly worker = startWorker(workerUrl);
  private readonly waiting = new Map<number, (answer: ReportAnswer) => void>();
  private count = 0;

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<ReportAnswer>) => {
      this.waiting.get(data.id)?.(data);
      this.waiting.delete(data.id);
    };
  }

  /** @throws Error with the sentence to show. */
  async session(session: Session): Promise<SessionReport> {
    const answer = await this.ask({ kind: 'session', session });
    if (answer.kind === 'session') return answer.report;
    throw new Error(answer.kind === 'problem' ? answer.text : 'No report came.');
  }

  /** @throws Error with the sentence to show. */
  async file(name: string, text: string): Promise<ResultView> {
    const answer = await this.ask({ kind: 'file', name, text });
    if (answer.kind === 'file') return answer.view;
    throw new Error(answer.kind === 'problem' ? answer.text : 'No view came.');
  }

  private ask(order: Unnumbered): Promise<ReportAnswer> {
    const id = this.count++;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.worker.postMessage({ ...order, id });
    });
  }
}

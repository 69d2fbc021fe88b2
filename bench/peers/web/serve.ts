/** @file Serves one engine in a worker of a page. */

import { type Engine, reason } from '../engine.ts';
import type { Answer, Order } from './messages.ts';

/** As much of a worker's global scope as is used: the library of types has that of pages. */
interface WorkerScope {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
}

export function serve<Work>(prepare: (work: Work) => Promise<Engine>): void {
  const scope = globalThis as unknown as WorkerScope;
  let engine: Engine | undefined;
  let result = new Float32Array();
  const answerTo = async (order: Order<Work>): Promise<Answer> => {
    if (order.kind === 'prepare') {
      engine = await prepare(order.work);
      return { ready: engine.version };
    }
    if (order.kind === 'result') return { result };
    const start = performance.now();
    const { data } = await engine!.run();
    const ms = performance.now() - start;
    result = Float32Array.from(data);
    return { ms };
  };
  scope.onmessage = ({ data }: MessageEvent<Order<Work>>) => {
    answerTo(data)
      .catch((error: unknown): Answer => ({ error: reason(error) }))
      .then((answer) => scope.postMessage(answer));
  };
}

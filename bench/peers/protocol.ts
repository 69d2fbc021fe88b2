/**
 * @file How the bench talks to an engine in a child process: lines on its stdin (`run`, `result FILE`), one JSON answer each
 * on stdout behind a mark, so that whatever else a library prints does no harm. An engine that crashes takes only itself.
 */

import { createInterface } from 'node:readline';
import { type FloatTensor, floatTensor } from '../../src/core/tensor.ts';
import { writeFileAtomic } from '../../src/io/atomic.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { type Engine, reason } from './engine.ts';

export const MARK = '@@';

export type Answer =
  | { readonly ready: string }
  | { readonly ms: number }
  | { readonly written: string }
  | { readonly error: string };

const answer = (message: Answer): void => void process.stdout.write(`${MARK}${JSON.stringify(message)}\n`);

/** Serves one engine until stdin ends. */
export async function serve(prepare: () => Promise<Engine>): Promise<void> {
  try {
    const engine = await prepare();
    answer({ ready: engine.version });
    let result: FloatTensor | undefined;
    for await (const line of createInterface({ input: process.stdin })) {
      if (line === 'run') {
        const start = performance.now();
        const { data, shape } = await engine.run();
        answer({ ms: performance.now() - start });
        result = floatTensor(shape, data);
      } else if (line.startsWith('result ') && result) {
        const path = line.slice('result '.length);
        await writeFileAtomic(path, encodeNpy(result));
        answer({ written: path });
      }
    }
  } catch (error) {
    answer({ error: reason(error) });
    process.exitCode = 1;
  }
  // Engines leave threads and devices behind that would keep the process alive.
  process.exit();
}

/** @file Folders of tiny clips whose classes move differently, for tests of training. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeNpy } from '../../src/io/npy.ts';
import type { RunObserver } from '../../src/train/run/stream_run.ts';

const SIDE = 24;

/** A bar that moves along its class's axis: `across` or `down`. */
function bar(frames: number, down: boolean, phase: number): Uint8Array {
  const data = new Uint8Array(frames * SIDE * SIDE * 3);
  for (let t = 0, i = 0; t < frames; t++) {
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++, i += 3) {
        const at = ((down ? y : x) + 2 * t + phase) % SIDE;
        data.fill(at < 6 ? 220 : 40 + (phase % 30), i, i + 3);
      }
    }
  }
  return data;
}

/** Writes `folder/across/0.npy` and so on. @returns The folder. */
export function writeClips(folder: string, perClass = 5, frames = 10): string {
  for (const name of ['across', 'down']) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let k = 0; k < perClass; k++) {
      const data = bar(frames + (k % 3), name === 'down', 5 * k);
      const clip = encodeNpy({ dtype: 'u8', shape: [frames + (k % 3), SIDE, SIDE, 3], data });
      writeFileSync(join(folder, name, `${k}.npy`), clip);
    }
  }
  return folder;
}

/** The smallest model that learns something, in a few steps of two stages. */
export const TINY = {
  streams: ['rgb' as const],
  from: 'none',
  batch: 4,
  batchNorm: 'batch' as const,
  model: { width: 0.06, frames: 8, size: 16, shortSide: 20 },
  stages: [
    { name: 'head', trains: 'head' as const, steps: 2, learningRate: 0.1 },
    { name: 'all', trains: 'all' as const, steps: 3, learningRate: 0.05 },
  ],
};

export const SILENT: RunObserver = {
  onClips: () => undefined,
  onSkip: () => undefined,
  onStream: () => undefined,
  onStep: () => undefined,
  onEvaluation: () => undefined,
  onWarning: () => undefined,
};

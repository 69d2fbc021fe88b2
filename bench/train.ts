/**
 * @file `bench train`: a whole training step beside a forward pass of the same network, and beside PyTorch's step on the same
 * cores or GPU. Losses, gradient norms and logits of the first step are compared before any time counts.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Gpu } from '../src/gpu/device.ts';
import type { ProfiledRow } from '../src/graph/plan.ts';
import { type Contender, hold, typescript } from './contender.ts';
import type { Score } from './contest.ts';
import { relativeDistance } from './distance.ts';
import { digits, megabytes, percent, table } from './format.ts';
import { writeTorchTraining } from './peers/torch_files.ts';
import { hasCuda, pythonContender } from './python.ts';
import { print, progress, writeJson } from './report.ts';
import { runTraining, type TimedTraining, trainingTitle } from './runs/train.ts';
import { type TrainingShape, trainingArguments } from './training.ts';

export interface TrainOptions {
  readonly shapes: readonly TrainingShape[];
  readonly repeats: number;
  readonly recompute: boolean;
  readonly profile?: boolean;
  /** Beside PyTorch, where Python has it. */
  readonly peers: boolean;
  readonly json?: string;
}

export interface TrainRecord extends TimedTraining {
  readonly peers: readonly Score[];
}

export async function benchTrain(gpu: Gpu, options: TrainOptions): Promise<TrainRecord[]> {
  const records: TrainRecord[] = [];
  for (const shape of options.shapes) {
    const { record, rows } = await runTraining(gpu, shape, { ...options, onProgress: progress });
    records.push({ ...record, peers: options.peers ? await contest(shape, options.repeats) : [] });
    progress('');
    print(`${gpu.profile.description}\n${trainTable(records.slice(-1))}`);
    if (rows) print(profileTable(rows));
    await writeJson(options.json, records);
  }
  return records;
}

async function contest(shape: TrainingShape, repeats: number): Promise<Score[]> {
  const folder = await mkdtemp(join(tmpdir(), 'i3d-bench-'));
  try {
    await writeTorchTraining(folder, shape);
    const torch = ['cpu', ...(hasCuda() ? ['cuda'] : [])].map((device) =>
      pythonContender(`PyTorch ${device}`, 'torch', 'train_torch.py', folder, device),
    );
    const ours: Contender = { name: 'i3d-webgpu', ...typescript('ours_train.ts', ...trainingArguments(shape)) };
    const agreement = { distance: relativeDistance, tolerance: 1e-3 };
    return await hold({ contenders: [ours, ...torch], repeats, folder, ...agreement });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const trainTable = (records: readonly TrainRecord[]): string =>
  table(
    [
      'step',
      'ms',
      'forward ms',
      'ratio',
      'fast forward ms',
      'GFLOP/s',
      'dispatches',
      'arena',
      'states',
      'in all',
      'PyTorch ms',
    ],
    records.map((record) => [
      trainingTitle(record),
      digits(record.stepMs),
      digits(record.forwardMs),
      digits(record.ratio),
      digits(record.fastForwardMs),
      digits(record.gflops),
      `${record.dispatches}`,
      megabytes(record.memory.arena),
      megabytes(record.memory.states),
      megabytes(record.memory.allocated),
      record.peers
        .slice(1)
        .map(({ ms, problem }) => (ms === undefined ? `✗ ${problem}` : digits(ms)))
        .join(', '),
    ]),
  );

/** Time by operator and kernel, the largest first. */
function profileTable(rows: readonly ProfiledRow[]): string {
  const groups = new Map<string, { ms: number; flops: number; bytes: number; count: number }>();
  for (const { op, kernel, ms, flops, bytes } of rows) {
    const key = `${op}, ${kernel}`;
    const group = groups.get(key) ?? { ms: 0, flops: 0, bytes: 0, count: 0 };
    groups.set(key, {
      ms: group.ms + ms,
      flops: group.flops + flops,
      bytes: group.bytes + bytes,
      count: group.count + 1,
    });
  }
  const total = rows.reduce((sum, { ms }) => sum + ms, 0);
  return table(
    ['operator, kernel', 'nodes', 'ms', 'of time', 'GFLOP/s', 'GB/s'],
    [...groups]
      .sort(([, a], [, b]) => b.ms - a.ms)
      .map(([name, { ms, flops, bytes, count }]) => [
        name,
        `${count}`,
        digits(ms),
        percent(ms / total),
        digits(flops / ms / 1e6),
        digits(bytes / ms / 1e6),
      ]),
  );
}

/** @file `bench model`: a whole forward pass, from the clip in memory to the logits in memory. */

import type { Accuracy } from '../src/core/kernel.ts';
import type { Gpu } from '../src/gpu/device.ts';
import type { ProfiledRow } from '../src/graph/plan.ts';
import type { Stream } from '../src/models/definition.ts';
import { compiled } from './compiled.ts';
import { coldStart } from './contender.ts';
import { digits, megabytes, percent, table } from './format.ts';
import { clipTitle, type ModelSize, modelArguments, usualSize } from './i3d.ts';
import { median } from './measure.ts';
import { measurePeaks, remeasurePeaks } from './peaks.ts';
import { print, progress, writeJson } from './report.ts';
import { type ModelRecord, runModel, type TimedModel } from './runs/model.ts';

export interface ModelOptions {
  /** Ids of `MODELS`. */
  readonly models: readonly string[];
  /** Of the clips; a model's usual ones where left out. */
  readonly frames?: readonly number[];
  readonly size?: number;
  readonly streams: readonly Stream[];
  readonly accuracies: readonly Accuracy[];
  /** Warm runs; the median is over them. At least 3. */
  readonly repeats: number;
  /** Forces candidates whose names start so. */
  readonly kernel?: string;
  readonly profile?: boolean;
  /** Also start a process of its own for each, without the driver's shader cache. */
  readonly cold: boolean;
  readonly json?: string;
}

export async function benchModel(gpu: Gpu, options: ModelOptions): Promise<ModelRecord[]> {
  progress('Measuring the peak …');
  const before = await measurePeaks(gpu);
  const timed: TimedModel[] = [];
  const profiles: { readonly name: string; readonly rows: readonly ProfiledRow[] }[] = [];
  for (const shape of shapesOf(options)) {
    for (const accuracy of options.accuracies) {
      progress(`${clipTitle(shape)} ${shape.stream}, ${accuracy} …`);
      const { record, rows } = await runModel(gpu, shape, accuracy, options);
      const starts = options.cold && options.kernel === undefined;
      timed.push(starts ? { ...record, coldMs: await cold(shape, accuracy) } : record);
      if (options.profile) profiles.push({ name: title(record), rows });
    }
  }
  progress('Measuring the peak again …');
  const peaks = await remeasurePeaks(gpu, before);
  const records = timed.map((record): ModelRecord => {
    return {
      ...record,
      peakGflops: peaks.gflops,
      peakShare: record.gflops / peaks.gflops,
      convolutionShare: record.convolutionGflops / peaks.gflops,
    };
  });
  progress('');
  print(
    `${gpu.profile.description}: ${digits(peaks.gflops)} GFLOP/s of multiply-adds, ${digits(peaks.gbs)} GB/s copied`,
  );
  print(modelTable(records));
  for (const { name, rows } of profiles) print(`\n${name}\n${profileTable(rows, peaks)}`);
  await writeJson(options.json, records);
  return records;
}

function shapesOf({ models, streams, ...options }: ModelOptions): ModelSize[] {
  return models.flatMap((architecture) => {
    const network = { architecture, width: 1 };
    const usual = usualSize(network);
    const { frames = [usual.frames], size = usual.size } = options;
    return streams.flatMap((stream) => frames.map((count) => ({ network, stream, frames: count, size })));
  });
}

const title = ({ model, frames, size, accuracy }: TimedModel): string =>
  `${model} ${frames}×${size}×${size} ${accuracy}`;

const COLD_STARTS = 3;

async function cold(shape: ModelSize, accuracy: Accuracy): Promise<number> {
  const program = await compiled('ours_model.ts', ...modelArguments(shape), accuracy);
  const times: number[] = [];
  while (times.length < COLD_STARTS) times.push(await coldStart({ name: 'cold start', ...program }));
  return median(times);
}

function modelTable(records: readonly ModelRecord[]): string {
  return table(
    [
      'model',
      'accuracy',
      'ms',
      'GFLOP/s',
      'of peak',
      'convolutions',
      'of peak',
      'compile ms',
      'first ms',
      'cold ms',
      'arena',
      'lower bound',
      'weights',
    ],
    records.map((record) => [
      `${record.model} ${record.frames}×${record.size}×${record.size}`,
      record.accuracy,
      digits(record.ms),
      digits(record.gflops),
      percent(record.peakShare),
      digits(record.convolutionGflops),
      percent(record.convolutionShare),
      digits(record.compileMs),
      digits(record.firstMs),
      record.coldMs === undefined ? '' : digits(record.coldMs),
      megabytes(record.memory.arena),
      megabytes(record.memory.lowerBound),
      megabytes(record.memory.parameters),
    ]),
    2,
  );
}

function profileTable(rows: readonly ProfiledRow[], peaks: { gflops: number; gbs: number }): string {
  const total = rows.reduce((sum, { ms }) => sum + ms, 0);
  return table(
    ['node', 'kernel', 'output', 'ms', 'of time', 'GFLOP/s', 'of peak', 'GB/s', 'of copy'],
    rows.map(({ node, kernel, shapes, ms, flops, bytes }) => [
      shortName(node),
      kernel,
      shapes.map((shape) => shape.slice(1).join('×')).join(' | '),
      digits(ms),
      percent(ms / total),
      digits(flops / ms / 1e6),
      percent(flops / ms / 1e6 / peaks.gflops),
      digits(bytes / ms / 1e6),
      percent(bytes / ms / 1e6 / peaks.gbs),
    ]),
    3,
  );
}

/** Merged siblings by the first one's name. */
export function shortName(node: string): string {
  const [first, ...others] = node.split(' + ');
  return others.length > 0 ? `${first} (+${others.length})` : first!;
}

/** @file `bench model`: a whole forward pass, from the clip in memory to the logits in memory. */

import type { Accuracy } from '../src/core/kernel.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { compile } from '../src/graph/compile.ts';
import { DeviceParameters } from '../src/graph/parameters.ts';
import type { Plan, PlanMemory, ProfiledRow } from '../src/graph/plan.ts';
import { I3D_OUTPUTS } from '../src/i3d/i3d.ts';
import type { Stream } from '../src/models/definition.ts';
import { compiled } from './compiled.ts';
import { coldStart } from './contender.ts';
import { madeUpClip, madeUpParameters, modelGraph } from './i3d.ts';
import { median } from './measure.ts';
import { measurePeaks, remeasurePeaks } from './peaks.ts';
import { digits, megabytes, type Origin, originOf, percent, print, progress, table, writeJson } from './report.ts';

export interface ModelOptions {
  readonly frames: readonly number[];
  readonly size: number;
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

export interface ModelRecord extends Origin {
  readonly model: string;
  readonly frames: number;
  readonly size: number;
  readonly accuracy: Accuracy;
  /** Median of the warm runs: upload, all dispatches, read back. */
  readonly ms: number;
  readonly bestMs: number;
  readonly runs: number;
  /** As direct convolutions count. */
  readonly gflops: number;
  readonly peakGflops: number;
  readonly peakShare: number;
  /** Of all convolutions together, by the time that each takes: medians over `PROFILES` profiles. */
  readonly convolutionGflops: number;
  readonly convolutionShare: number;
  /** Packing and upload of the weights, pipelines, memory. */
  readonly compileMs: number;
  /** The first run after that. */
  readonly firstMs: number;
  /** From the start of a fresh process of compiled code to its first logits, without the driver's shader cache; median of three. */
  readonly coldMs?: number;
  readonly dispatches: number;
  /** Bytes. */
  readonly memory: PlanMemory & { readonly allocated: number };
  readonly kernel?: string;
}

/** Before the peak is known. */
type TimedModel = Omit<ModelRecord, 'peakGflops' | 'peakShare' | 'convolutionShare'>;

export async function benchModel(gpu: Gpu, options: ModelOptions): Promise<ModelRecord[]> {
  progress('Measuring the peak …');
  const before = await measurePeaks(gpu);
  const timed: TimedModel[] = [];
  const profiles: { readonly name: string; readonly rows: ProfiledRow[] }[] = [];
  for (const stream of options.streams) {
    for (const frames of options.frames) {
      for (const accuracy of options.accuracies) {
        progress(`${stream} ${frames}×${options.size}×${options.size}, ${accuracy} …`);
        const { record, rows } = await runModel(gpu, stream, frames, accuracy, options);
        timed.push(options.cold && options.kernel === undefined ? { ...record, coldMs: await cold(record) } : record);
        if (rows) profiles.push({ name: title(record), rows });
      }
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

const title = ({ model, frames, size, accuracy }: TimedModel): string =>
  `${model} ${frames}×${size}×${size} ${accuracy}`;

const COLD_STARTS = 3;

async function cold({ model, frames, size, accuracy }: TimedModel): Promise<number> {
  const program = await compiled('ours_model.ts', model.replace('i3d-', ''), frames, size, accuracy);
  const times: number[] = [];
  while (times.length < COLD_STARTS) times.push(await coldStart({ name: 'cold start', ...program }));
  return median(times);
}

async function runModel(
  gpu: Gpu,
  stream: Stream,
  frames: number,
  accuracy: Accuracy,
  { size, repeats, kernel, profile }: ModelOptions,
): Promise<{ record: TimedModel; rows: ProfiledRow[] | undefined }> {
  const shape = { stream, frames, size };
  const graph = modelGraph(shape);
  const parameters = new DeviceParameters(gpu, madeUpParameters(graph));
  const inputs = { clip: madeUpClip(shape) };
  try {
    const timed = async <T>(work: () => Promise<T>): Promise<[T, number]> => {
      const start = performance.now();
      const result = await work();
      return [result, performance.now() - start];
    };
    const choice = { outputs: [I3D_OUTPUTS.logits], accuracy, ...(kernel === undefined ? {} : { kernel }) };
    const [plan, compileMs] = await timed(() => compile(graph, parameters, choice));
    try {
      const [first, firstMs] = await timed(() => plan.run(inputs));
      if (!first[I3D_OUTPUTS.logits]!.data.every(Number.isFinite)) throw new Error('The logits are not finite.');
      const times: number[] = [];
      for (let i = 0; i < Math.max(3, repeats); i++) times.push((await timed(() => plan.run(inputs)))[1]);
      const ms = median(times);
      const rows = await medianProfile(plan);
      const record: TimedModel = {
        model: `i3d-${stream}`,
        frames,
        size,
        accuracy,
        ms,
        gflops: plan.flops / ms / 1e6,
        convolutionGflops: throughput(rows.filter(({ op }) => op === 'conv3d')),
        ...originOf(gpu),
        bestMs: Math.min(...times),
        runs: times.length,
        compileMs,
        firstMs,
        dispatches: plan.dispatchCount,
        memory: { ...plan.memory, allocated: gpu.allocatedBytes },
        ...(kernel === undefined ? {} : { kernel }),
      };
      return { record, rows: profile ? rows : undefined };
    } finally {
      plan.dispose();
    }
  } finally {
    parameters.dispose();
  }
}

const PROFILES = 3;

/** Every node with the median of its times. */
async function medianProfile(plan: Plan): Promise<ProfiledRow[]> {
  const profiles: ProfiledRow[][] = [];
  while (profiles.length < PROFILES) profiles.push(await plan.profile());
  return profiles[0]!.map((row, i) => ({ ...row, ms: median(profiles.map((rows) => rows[i]!.ms)) }));
}

/** 10⁹ operations in a second of the nodes' own time. */
function throughput(rows: readonly ProfiledRow[]): number {
  const sum = (of: 'flops' | 'ms') => rows.reduce((total, row) => total + row[of], 0);
  return sum('flops') / sum('ms') / 1e6;
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

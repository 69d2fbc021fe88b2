/** @file `bench kernels`: every distinct convolution and pool of I3D by every candidate of its operator. */

import { InputError } from '../src/core/errors.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { devicePasses } from '../src/graph/choose.ts';
import { writeFileAtomic } from '../src/io/atomic.ts';
import { type Case, gradientCases, i3dCases } from './cases.ts';
import { barChart } from './chart.ts';
import { kernelChart } from './charts.ts';
import { digits, originOf, percent, table } from './format.ts';
import type { ModelSize } from './i3d.ts';
import { measurePeaks, remeasurePeaks } from './peaks.ts';
import { print, progress, writeJson } from './report.ts';
import { type Choice, type KernelRow, kernelRow, rates, weigh } from './runs/kernels.ts';
import { Workbench } from './workbench.ts';

export interface KernelsOptions extends ModelSize {
  readonly repeats: number;
  /** Only shapes whose names contain this; `x` stands for `×` and `→`. */
  readonly shape?: string;
  /** The gradients of the convolutions instead. */
  readonly gradients?: boolean;
  /** Only candidates whose names start so. */
  readonly kernel?: string;
  readonly json?: string;
  readonly svg?: string;
}

/** Milliseconds that one candidate may take; slow ones get fewer runs. */
const BUDGET_MS = 4000;
/** A candidate that takes so many times as long as the best so far gets one run. */
const HOPELESS = 4;

/** Returns whether every result was right. */
export async function benchKernels(gpu: Gpu, options: KernelsOptions): Promise<boolean> {
  progress('Measuring the peaks …');
  const before = await measurePeaks(gpu);
  const plain = (text: string): string => text.replaceAll(/[×→]/g, 'x');
  const wanted = plain(options.shape ?? '');
  const all = options.gradients ? gradientCases(options) : i3dCases(options, devicePasses(gpu.profile));
  const cases = all.filter(({ name }) => plain(name).includes(wanted));
  if (cases.length === 0) {
    throw new InputError(`No shape matches ${options.shape}; there are ${all.map(({ name }) => name).join(', ')}.`);
  }
  const timed: [Case, KernelRow][] = [];
  for (const [i, subject] of cases.entries()) {
    const rows = await runCase(gpu, subject, options, `${i + 1} of ${cases.length}: ${subject.name}`);
    timed.push(...rows.map((row): [Case, KernelRow] => [subject, row]));
  }
  progress('Measuring the peaks again …');
  const peaks = await remeasurePeaks(gpu, before);
  const rows = timed.map(([subject, row]) => ({ ...row, ...rates(subject, row, peaks) }));
  progress('');
  const choices = weigh(cases, rows, peaks.gflops);
  const origin = originOf(gpu);
  print(`${origin.adapter}: ${digits(peaks.gflops)} GFLOP/s of multiply-adds, ${digits(peaks.gbs)} GB/s copied`);
  print(rowTable(rows));
  const which = wanted === '' ? 'All convolutions of the model' : 'These convolutions';
  if (choices.length > 0) print(`\n${which}, weighted by time:\n${choiceTable(choices)}`);
  const { stream, frames, size } = options;
  await writeJson(options.json, { ...origin, stream, frames, size, peaks, choices, rows });
  if (options.svg !== undefined) await writeFileAtomic(options.svg, barChart(kernelChart(rows, peaks, origin)));
  return rows.every(({ problem }) => problem === undefined);
}

async function runCase(
  gpu: Gpu,
  subject: Case,
  { repeats, kernel }: KernelsOptions,
  title: string,
): Promise<KernelRow[]> {
  const bench = new Workbench(gpu, subject);
  try {
    const rows: KernelRow[] = [];
    let best = Infinity;
    for (const [rank, candidate] of (await bench.candidates()).entries()) {
      if (kernel !== undefined && !candidate.name.startsWith(kernel)) continue;
      progress(`${title}, ${candidate.name} …`);
      const trial = await bench.run(candidate, { repeats, budgetMs: BUDGET_MS, hopelessMs: HOPELESS * best });
      best = Math.min(best, trial.timing?.ms ?? Infinity);
      rows.push(kernelRow(subject, rank, trial));
    }
    return rows;
  } finally {
    bench.dispose();
  }
}

function rowTable(rows: readonly KernelRow[]): string {
  return table(
    ['shape', 'candidate', 'times', 'ms', 'GFLOP/s', 'of peak', 'GB/s', 'of copy', 'error', 'compile ms'],
    rows.map((row) => [
      row.rank === 0 ? row.shape : '',
      row.candidate,
      row.rank === 0 ? `${row.count}` : '',
      ...(row.ms === undefined
        ? [`✗ ${row.problem}`, '', '', '', '']
        : [digits(row.ms), digits(row.gflops!), percent(row.peakShare!), digits(row.gbs!), percent(row.copyShare!)]),
      row.error.toExponential(1),
      digits(row.compileMs),
    ]),
    2,
  );
}

const choiceTable = (choices: readonly Choice[]): string =>
  table(
    ['candidates', 'ms', 'GFLOP/s', 'of peak'],
    choices.map(({ choice, ms, gflops, peakShare }) => [choice, digits(ms), digits(gflops), percent(peakShare)]),
  );

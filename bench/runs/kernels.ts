/** @file Rows about candidates of convolutions and pools, and what the model would take with one choice of them or another. */

import type { Accuracy } from '../../src/core/kernel.ts';
import { type Case, isConvolution } from '../cases.ts';
import type { Peaks } from '../peaks.ts';
import type { Trial } from '../workbench.ts';

export interface KernelRow {
  readonly shape: string;
  readonly op: string;
  /** How often the model has it. */
  readonly count: number;
  readonly candidate: string;
  /** Place in the operator's order; 0 is the default. */
  readonly rank: number;
  readonly accuracy: Accuracy;
  readonly ms?: number;
  readonly runs?: number;
  readonly gflops?: number;
  readonly peakShare?: number;
  readonly gbs?: number;
  readonly copyShare?: number;
  /** Largest difference from float64 over the largest magnitude. */
  readonly error: number;
  readonly compileMs: number;
  /** Why there is no time. */
  readonly problem?: string;
}

/** A choice of one candidate per convolution, weighted by the time that each takes. */
export interface Choice {
  readonly choice: string;
  readonly ms: number;
  readonly gflops: number;
  readonly peakShare: number;
}

/** @param rank Place in the operator's order. */
export const kernelRow = (subject: Case, rank: number, trial: Trial): KernelRow => ({
  shape: subject.name,
  op: subject.node.operator.type,
  count: subject.count,
  candidate: trial.candidate,
  rank,
  accuracy: trial.accuracy,
  error: trial.error,
  compileMs: trial.compileMs,
  ...(trial.problem === undefined ? {} : { problem: trial.problem }),
  ...(trial.timing && { ms: trial.timing.ms, runs: trial.timing.runs }),
});

export function rates({ cost }: Case, { ms }: Pick<KernelRow, 'ms'>, peaks: Peaks) {
  if (ms === undefined) return {};
  const [gflops, gbs] = [cost.flops / ms / 1e6, cost.bytes / ms / 1e6];
  return { gflops, peakShare: gflops / peaks.gflops, gbs, copyShare: gbs / peaks.gbs };
}

/** What the model's convolutions would take together with the default, and with the fastest, candidates. */
export function weigh(cases: readonly Case[], rows: readonly KernelRow[], peak: number): Choice[] {
  const convolutions = cases.filter(({ node }) => isConvolution(node.operator.type));
  if (convolutions.length === 0) return [];
  const pick = (choice: string, of: (rows: KernelRow[]) => KernelRow | undefined): Choice[] => {
    let [ms, flops] = [0, 0];
    for (const { name, count, cost } of convolutions) {
      const row = of(rows.filter(({ shape, ms: time }) => shape === name && time !== undefined));
      if (!row) return [];
      ms += count * row.ms!;
      flops += count * cost.flops;
    }
    const gflops = flops / ms / 1e6;
    return [{ choice, ms, gflops, peakShare: gflops / peak }];
  };
  const fastest = (found: readonly KernelRow[]) => [...found].sort((a, b) => a.ms! - b.ms!)[0];
  const exact = (found: readonly KernelRow[]) => found.filter(({ accuracy }) => accuracy === 'exact');
  const single = (found: readonly KernelRow[]) => found.filter(({ accuracy }) => accuracy !== 'half');
  const names = [...new Set(rows.filter(({ op }) => isConvolution(op)).map(({ candidate }) => candidate))];
  return [
    ...pick('default, exact', (found) => exact(found)[0]),
    ...pick('fastest, exact', (found) => fastest(exact(found))),
    ...pick('default, fast', (found) => single(found)[0]),
    ...pick('fastest, fast', (found) => fastest(single(found))),
    ...names.flatMap((name) => pick(`only ${name}`, (found) => found.find(({ candidate }) => candidate === name))),
  ];
}

/** @file The charts of the bench, as data, from records as they are written: whoever reads the records can draw them. */

import { isConvolution } from './cases.ts';
import type { BarChart } from './chart.ts';
import { digits, type Origin, rateText } from './format.ts';
import { groupsOf } from './gpu/groups.ts';
import type { Layer } from './gpu/outcome.ts';
import type { Peaks } from './peaks.ts';
import type { KernelRow } from './runs/kernels.ts';
import type { ModelRecord } from './runs/model.ts';

/** Shapes in a chart of kernels: those with the most work. */
const SHAPES = 8;

export function kernelChart(
  rows: readonly KernelRow[],
  { gflops }: Pick<Peaks, 'gflops'>,
  { adapter, date }: Origin,
): BarChart {
  const timed = rows.filter(({ op, ms, gflops: rate }) => isConvolution(op) && ms !== undefined && rate !== undefined);
  const work = new Map(timed.map((row) => [row.shape, row.gflops! * row.ms! * row.count]));
  const largest = [...work].sort((a, b) => b[1] - a[1]).slice(0, SHAPES);
  return {
    title: 'Convolution kernels, GFLOP/s',
    note: `${adapter}, ${date.slice(0, 10)}; blue: default; line: ${digits(gflops)} GFLOP/s of multiply-adds`,
    limit: gflops,
    groups: largest.map(([name]) => ({
      name,
      bars: bestOfEachKind(timed.filter(({ shape }) => shape === name)).map(({ candidate, gflops: rate, rank }) => ({
        name: candidate,
        value: rate!,
        strong: rank === 0,
      })),
    })),
  };
}

/** The fastest candidate for each first word of their names, and the default. */
function bestOfEachKind(rows: readonly KernelRow[]): KernelRow[] {
  const fastest = [...rows].sort((a, b) => a.ms! - b.ms!);
  const kinds = new Set<string>();
  return fastest.filter(({ candidate, rank }) => {
    const kind = candidate.split(' ')[0]!;
    const first = !kinds.has(kind);
    kinds.add(kind);
    return first || rank === 0;
  });
}

/** Of another engine's record, as much as its chart needs. */
export interface PeerScore extends Origin {
  readonly task: string;
  readonly engine: string;
  /** Its time over ours. */
  readonly ratio?: number | undefined;
}

/** Speed beside ours, which is 1, task by task. */
export function peerChart(records: readonly PeerScore[], note: string): BarChart {
  const { adapter, date } = records[0]!;
  const tasks = [...new Set(records.map(({ task }) => task))];
  return {
    title: 'Speed on the same work (i3d-webgpu = 1)',
    note: `${adapter}; ${note}${date.slice(0, 10)}`,
    groups: tasks.map((task) => ({
      name: task,
      bars: records
        .filter((record) => record.task === task && record.ratio !== undefined)
        .map(({ engine, ratio }) => ({ name: engine, value: 1 / ratio!, strong: engine.startsWith('i3d-webgpu') })),
    })),
  };
}

/** GFLOP/s of whole forward passes; `strong` are the device's own. */
export function modelChart(records: readonly (ModelRecord & { readonly strong: boolean })[]): BarChart {
  const titleOf = ({ model, frames, size }: ModelRecord): string => `${model} ${frames}×${size}×${size}`;
  const clips = [...new Set(records.map(titleOf))];
  return {
    title: 'Forward passes, GFLOP/s',
    note: 'as direct convolutions count; upload and reading back are in the time',
    groups: clips.map((name) => ({
      name,
      bars: records
        .filter((record) => titleOf(record) === name)
        .map(({ accuracy, adapter, gflops, strong }) => ({
          name: strong ? accuracy : `${accuracy}, ${shortAdapter(adapter)}`,
          value: gflops,
          strong,
        })),
    })),
  };
}

/** The driver's name without its version. */
export const shortAdapter = (adapter: string): string => adapter.split(':')[0]!;

/** Share of the peak that each group of layers reaches: of multiply-adds, or of a copy for what moves values. */
export function layerChart(
  models: readonly { readonly record: Pick<ModelRecord, 'accuracy'>; readonly layers: readonly Layer[] }[],
  { gflops, gbs }: Peaks,
  title: string,
): BarChart {
  const groups = models.map(({ record, layers }) => ({
    accuracy: record.accuracy,
    groups: groupsOf(layers),
    ms: layers.reduce((sum, layer) => sum + layer.ms, 0),
  }));
  const least = Math.min(...groups.map(({ ms }) => ms));
  const names = [...new Set(groups.flatMap((each) => each.groups.map(({ name }) => name)))];
  return {
    title,
    note: `of ${rateText(gflops)} of multiply-adds, or ${digits(gbs)} GB/s copied where values only move; the fastest class stands out; line: 100 %`,
    limit: 100,
    groups: names.map((name) => ({
      name,
      bars: groups.flatMap(({ accuracy, groups: list, ms: whole }) => {
        const group = list.find((one) => one.name === name);
        if (!group) return [];
        const { ms, flops, bytes, pools } = group;
        const share = pools ? bytes / gbs : flops / gflops;
        return [{ name: `${accuracy}, ${digits(ms)} ms`, value: (100 * share) / ms / 1e6, strong: whole === least }];
      }),
    })),
  };
}

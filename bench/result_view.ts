/** @file A file of results as headings, tables and charts, whatever kind it is. */

import { kernelChart, modelChart, peerChart } from './charts.ts';
import { digits, megabytes, type Origin, percent } from './format.ts';
import { type NamedChart, sessionCharts } from './gpu/charts.ts';
import { overview, type Section } from './gpu/sections.ts';
import { clearChoices } from './gpu/tables.ts';
import type { RecordsOf, ResultFile } from './result_file.ts';
import { trainingTitle } from './runs/train.ts';

export interface ResultView {
  readonly title: string;
  /** On what it was measured, and when. */
  readonly origin: string;
  readonly sections: readonly Section[];
  readonly charts: readonly NamedChart[];
}

type View = Omit<ResultView, 'origin'>;

const section = (header: readonly string[], rows: readonly (readonly string[])[], note?: string): Section => ({
  title: '',
  table: { header, rows },
  ...(note !== undefined && { note }),
});

/** A number that may be missing. */
const cell = (value: number | null | undefined): string => (value === undefined || value === null ? '' : digits(value));

function modelView(records: RecordsOf<'model'>): View {
  const rows = records.map((record) => [
    `${record.model} ${record.frames}×${record.size}×${record.size} ${record.accuracy}`,
    digits(record.ms),
    digits(record.gflops),
    percent(record.peakShare),
    percent(record.convolutionShare),
    cell(record.coldMs),
    megabytes(record.memory.arena + record.memory.parameters),
  ]);
  const header = ['forward pass', 'ms', 'GFLOP/s', 'of peak', 'convolutions', 'cold start ms', 'memory'];
  return {
    title: 'I3D, a whole forward pass',
    sections: [section(header, rows)],
    charts: [{ name: 'models', chart: modelChart(records.map((record) => ({ ...record, strong: true }))) }],
  };
}

function kernelView({ rows, peaks, choices, adapter, date }: RecordsOf<'kernels'>): View {
  const chosen = choices.map(({ choice, ms, gflops, peakShare }) => [
    choice,
    digits(ms),
    digits(gflops),
    percent(peakShare),
  ]);
  const all = rows.map((row) => [
    row.shape,
    row.candidate,
    row.problem ?? cell(row.ms),
    cell(row.gflops),
    row.peakShare === undefined ? '' : percent(row.peakShare),
    row.error.toExponential(1),
  ]);
  return {
    title: 'Every convolution by every kernel',
    sections: [
      { ...section(['all convolutions of the model by', 'ms', 'GFLOP/s', 'of peak'], chosen), title: 'Choices' },
      { ...section(['shape', 'kernel', 'ms', 'GFLOP/s', 'of peak', 'error'], all), title: 'Kernels' },
    ],
    charts: [{ name: 'kernels', chart: kernelChart(rows, peaks, { adapter, date }) }],
  };
}

function peerView(records: RecordsOf<'peers'>): View {
  const rows = records.map((record) => [
    record.task,
    record.problem === undefined ? record.engine : `${record.engine}: ${record.problem}`,
    cell(record.ms),
    record.ratio === undefined ? '' : `${digits(record.ratio)}×`,
    record.error === undefined ? '' : record.error.toExponential(1),
  ]);
  return {
    title: 'Other engines on the same work',
    sections: [
      section(
        ['the same work', 'by', 'ms', 'its time over ours', 'difference'],
        rows,
        'Engines marked cpu and OpenCV run native code.',
      ),
    ],
    charts: [{ name: 'peers', chart: peerChart(records, 'engines marked cpu and OpenCV run native code; ') }],
  };
}

function flowView(records: RecordsOf<'flow'>): View {
  const rows = records.map(({ preset, pairs, width, height, msPerPair, gbps, copyGbps }) => [
    `${preset}, ${pairs} × ${width}×${height}`,
    digits(msPerPair),
    digits(gbps),
    percent(gbps / copyGbps),
  ]);
  const header = ['TV-L1', 'ms a pair', 'GB/s', 'of copy'];
  return { title: 'Optical flow', sections: [section(header, rows)], charts: [] };
}

function trainView(records: RecordsOf<'train'>): View {
  const rows = records.map((record) => [
    trainingTitle(record),
    digits(record.stepMs),
    digits(record.ratio),
    digits(record.gflops),
    (record.peers ?? [])
      .filter(({ engine, ms }) => ms !== undefined && !engine.startsWith('i3d-webgpu'))
      .map(({ engine, ms, ratio }) => `${engine} ${cell(ms)} ms (${cell(ratio)}×)`)
      .join('; '),
  ]);
  const header = ['step', 'ms', 'forward passes', 'GFLOP/s', 'others (their time over ours)'];
  return { title: 'A training step', sections: [section(header, rows)], charts: [] };
}

function isaView(records: RecordsOf<'isa'>): View {
  const rows = records.map((row) => [
    row.candidates[0] === undefined ? row.kernel : `${row.kernel}: ${row.candidates[0]}`,
    `${row.vgprs}`,
    `${row.spilledVgprs}`,
    `${row.lds}`,
    `${row.waves} × ${row.lanes}`,
    row.fmaShare === null ? '' : percent(row.fmaShare),
    row.limit ?? '',
  ]);
  const header = ['kernel', 'VGPRs', 'spilt', 'LDS', 'waves', 'FMA', 'limit'];
  return { title: `Machine code on ${records[0]!.family}`, sections: [section(header, rows)], charts: [] };
}

function foldView(records: RecordsOf<'folds'>): View {
  const rows = records.map(({ from, fold, train, test, rgb, flow, fused, seconds }) => [
    `fold ${fold + 1}, from ${from === 'none' ? 'random numbers' : from}`,
    `${train} / ${test}`,
    percent(rgb),
    percent(flow),
    percent(fused),
    digits(seconds),
  ]);
  const header = ['', 'clips to train on / test', 'RGB', 'flow', 'fused', 'seconds'];
  return { title: `Training on ${records[0]!.data}`, sections: [section(header, rows)], charts: [] };
}

function sessionView(session: RecordsOf<'session'>): View {
  const { title, sections } = overview(session, clearChoices(session.outcomes));
  return { title: `A session on ${title}`, sections, charts: sessionCharts(session) };
}

function view(file: ResultFile): View {
  switch (file.kind) {
    case 'session':
      return sessionView(file.records);
    case 'kernels':
      return kernelView(file.records);
    case 'model':
      return modelView(file.records);
    case 'peers':
      return peerView(file.records);
    case 'flow':
      return flowView(file.records);
    case 'train':
      return trainView(file.records);
    case 'isa':
      return isaView(file.records);
    case 'folds':
      return foldView(file.records);
  }
}

export function resultView(file: ResultFile): ResultView {
  const first = Array.isArray(file.records) ? file.records[0] : file.records;
  return { ...view(file), origin: originOf(first) };
}

function originOf(record: object | undefined): string {
  const { adapter, date }: Partial<Origin> = record ?? {};
  return [adapter, date?.slice(0, 10)].filter(Boolean).join(', ') || "Mesa's compiler, without the GPU";
}

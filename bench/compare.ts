/** @file What several devices have been measured to do, side by side: from a session and from files of results. */

import { shortAdapter } from './charts.ts';
import { digits } from './format.ts';
import { resultsOf, type Session } from './gpu/outcome.ts';
import { modelRecords } from './gpu/records.ts';
import type { Section } from './gpu/sections.ts';
import type { ResultFile } from './result_file.ts';
import { stepTitle } from './runs/train.ts';

/** One number that another device may have as well. */
interface Measure {
  /** What, with its unit; the same for all devices. */
  readonly name: string;
  readonly value: number;
  readonly adapter: string;
}

type ModelTime = { readonly [K in 'frames' | 'size' | 'ms' | 'peakGflops']: number } & {
  readonly model: string;
  readonly accuracy: string;
  readonly adapter: string;
};
type FlowTime = { readonly [K in 'width' | 'height' | 'msPerPair' | 'copyGbps']: number } & {
  readonly preset: string;
  readonly adapter: string;
};

const PEAK = 'multiply-adds of f32, GFLOP/s';
const COPY = 'copy, GB/s';

const ofModel = ({ model, frames, size, accuracy, ms, peakGflops, adapter }: ModelTime): Measure[] => [
  { name: PEAK, value: peakGflops, adapter },
  { name: `${model} ${frames}×${size}×${size} ${accuracy}, ms`, value: ms, adapter },
];

/** By the area, since clips differ in it. */
const ofFlow = ({ preset, width, height, msPerPair, copyGbps, adapter }: FlowTime): Measure[] => [
  { name: COPY, value: copyGbps, adapter },
  { name: `TV-L1 ${preset}, megapixels a second`, value: (width * height) / msPerPair / 1e3, adapter },
];

function ofSession({ outcomes, adapter }: Session): Measure[] {
  return [
    ...resultsOf(outcomes, 'peaks').flatMap(({ gflops, gbs }) => [
      { name: PEAK, value: gflops, adapter },
      { name: COPY, value: gbs, adapter },
    ]),
    ...modelRecords(outcomes).flatMap(ofModel),
    ...resultsOf(outcomes, 'flow').flatMap(ofFlow),
    ...resultsOf(outcomes, 'training').map((record) => ({
      name: `${stepTitle(record)}, ms`,
      value: record.stepMs,
      adapter,
    })),
  ];
}

function ofFile(file: ResultFile): Measure[] {
  switch (file.kind) {
    case 'session':
      return ofSession(file.records);
    case 'model':
      return file.records.flatMap(ofModel);
    case 'kernels': {
      const { peaks, adapter } = file.records;
      return [
        { name: PEAK, value: peaks.gflops, adapter },
        { name: COPY, value: peaks.gbs, adapter },
      ];
    }
    case 'flow':
      return file.records.flatMap(ofFlow);
    case 'train':
      return file.records.map((record) => ({
        name: `${stepTitle(record)}, ms`,
        value: record.stepMs,
        adapter: record.adapter,
      }));
    default:
      return [];
  }
}

/** A table of what this device and others have both been measured to do; undefined where there is nothing of this one. */
export function comparison(session: Session, others: readonly ResultFile[]): Section | undefined {
  const own = ofSession(session).filter(({ value }) => Number.isFinite(value));
  const theirs = others.flatMap(ofFile).filter(({ value }) => Number.isFinite(value));
  const names = [...new Set(own.map(({ name }) => name))].filter((name) => theirs.some((one) => one.name === name));
  const adapters = [...new Set(theirs.filter(({ name }) => names.includes(name)).map(({ adapter }) => adapter))];
  if (names.length === 0 || adapters.length === 0) return undefined;
  const cell = (value: number | undefined): string => (value === undefined ? '' : digits(value));
  const rows = names.map((name) => [
    name,
    cell(own.find((one) => one.name === name)?.value),
    // Peaks of several files: the best of an adapter is what it can do.
    ...adapters.map((adapter) => {
      const values = theirs.filter((one) => one.name === name && one.adapter === adapter).map(({ value }) => value);
      return cell(values.length === 0 ? undefined : name.endsWith(', ms') ? Math.min(...values) : Math.max(...values));
    }),
  ]);
  return {
    title: 'Beside other devices',
    table: { header: ['', 'this device', ...adapters.map(shortAdapter)], rows },
  };
}

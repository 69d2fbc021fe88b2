/**
 * @file `bench folds`: how well training on few real clips works, by cross-validation. The clips of a folder `class/clip.ext` are
 * grouped by what their names share (such as the person in them), the groups dealt into folds; each fold is tested by models
 * that were trained on the others, or the others by models that were trained on it, once for each start.
 */

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { InputError } from '../src/core/errors.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { writeFileAtomic } from '../src/io/atomic.ts';
import type { Stream } from '../src/models/definition.ts';
import { clipCaches } from '../src/train/data/clip_cache.ts';
import { readClipSet } from '../src/train/data/clip_set.ts';
import type { Evaluation } from '../src/train/evaluate/evaluation.ts';
import { readConfig } from '../src/train/run/config.ts';
import { runTraining } from '../src/train/run/run.ts';
import { type Origin, originOf, percent, table } from './format.ts';
import { print, progress, writeJson } from './report.ts';

export interface FoldsOptions {
  readonly data: string;
  /** Finds a clip's group in its file name: the first group of the expression. */
  readonly group: RegExp;
  readonly folds: number;
  /** Models to start from; `none` is random numbers. */
  readonly from: readonly string[];
  readonly seed: number;
  /** Trains on one fold and tests on the others: harder, where so few clips are enough that all others are recognised. */
  readonly few?: boolean;
  readonly epochs?: number;
  readonly cache?: string;
  readonly json?: string;
}

export interface FoldRecord extends Origin {
  readonly data: string;
  readonly from: string;
  readonly fold: number;
  /** The fold's groups: tested, or, where `few`, trained on. */
  readonly groups: readonly string[];
  readonly few: boolean;
  readonly seed: number;
  readonly train: number;
  readonly test: number;
  readonly seconds: number;
  /** Clips that each stream was shown in training. */
  readonly shown: Readonly<Partial<Record<Stream, number>>>;
  /** Top-1 by stream. */
  readonly rgb: number;
  readonly flow: number;
  readonly fused: number;
  readonly confusion: readonly (readonly number[])[];
}

export async function benchFolds(gpu: Gpu, options: FoldsOptions): Promise<FoldRecord[]> {
  const { data, folds, from, few = false } = options;
  const set = await readClipSet(data);
  const groupOf = (path: string): string => {
    const found = options.group.exec(basename(path))?.[1];
    if (found === undefined)
      throw new InputError(`--group ${options.group.source} finds nothing in ${basename(path)}.`);
    return found;
  };
  const groups = [...new Set(set.clips.map(({ path }) => groupOf(path)))].sort();
  if (groups.length < folds) throw new InputError(`${data} has ${groups.length} groups, too few for ${folds} folds.`);
  const foldOf = new Map(groups.map((group, i) => [group, Math.floor((i * folds) / groups.length)]));
  const folder = await mkdtemp(join(tmpdir(), 'i3d-folds-'));
  const records: FoldRecord[] = [];
  try {
    for (let fold = 0; fold < folds; fold++) {
      const list = join(folder, `fold${fold}.csv`);
      const lines = set.clips.map(({ path, label }) => {
        const split = (foldOf.get(groupOf(path)) === fold) === few ? 'train' : 'test';
        return `"${relative(folder, resolve(path))}","${set.classes[label]}",${split}`;
      });
      await writeFileAtomic(list, `path,label,split\n${lines.join('\n')}\n`);
      for (const start of from) {
        const out = join(folder, `fold${fold}-${from.indexOf(start)}`);
        await mkdir(out, { recursive: true });
        const { evaluation, seconds, clips, shown } = await trainFold(
          gpu,
          list,
          out,
          start,
          options,
          `fold ${fold + 1} of ${folds}`,
        );
        records.push({
          ...originOf(gpu),
          data: basename(data),
          from: start,
          fold,
          groups: groups.filter((group) => foldOf.get(group) === fold),
          few,
          seed: options.seed,
          ...clips,
          seconds,
          shown,
          rgb: evaluation.rgb!.top1,
          flow: evaluation.flow!.top1,
          fused: evaluation.fused!.top1,
          confusion: evaluation.fused!.confusion,
        });
        await writeJson(options.json, records);
        progress('');
        print(foldTable(records.slice(-1)));
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  print(`\n${gpu.profile.description}\n${foldTable(records)}\n\n${summary(records, from)}`);
  return records;
}

async function trainFold(
  gpu: Gpu,
  list: string,
  out: string,
  from: string,
  { seed, epochs, cache }: FoldsOptions,
  title: string,
): Promise<Pick<FoldRecord, 'seconds' | 'shown'> & { evaluation: Evaluation; clips: { train: number; test: number } }> {
  const config = await readConfig(list, { out, from, seed, epochs, cache });
  const open = () => Promise.resolve(gpu);
  const ignore = () => undefined;
  const shown: Partial<Record<Stream, number>> = {};
  const start = performance.now();
  const { result, streams } = await runTraining({
    config,
    resume: false,
    caches: clipCaches({ folder: config.cache, gpu: open, onWarning: print }),
    gpu: open,
    observer: {
      onClips: ignore,
      onSkip: ({ path, reason }) => print(`${path}: ${reason}`),
      onStream: ignore,
      onStep: (stream, { step, loss }, { steps }) => {
        shown[stream] = (shown[stream] ?? 0) + config.batch * config.accumulate;
        progress(`${title} from ${from}, ${stream}: step ${step} of ${steps}, loss ${loss.toFixed(3)}`);
      },
      onEvaluation: ignore,
      onWarning: print,
    },
  });
  const seconds = (performance.now() - start) / 1000;
  return { evaluation: result!.evaluation, seconds, clips: streams.rgb!.clips, shown };
}

const foldTable = (records: readonly FoldRecord[]): string =>
  table(
    ['start', 'fold', 'RGB', 'flow', 'fused', 'clips', 'shown', 'seconds'],
    records.map(({ from, groups, rgb, flow, fused, train, test, shown, seconds }) => [
      from,
      groups.join(' '),
      percent(rgb),
      percent(flow),
      percent(fused),
      `${train} + ${test}`,
      Object.values(shown).join(', '),
      seconds.toFixed(0),
    ]),
    2,
  );

/** Means over the folds, as a table in Markdown. */
function summary(records: readonly FoldRecord[], starts: readonly string[]): string {
  const rows = starts.map((start) => {
    const found = records.filter(({ from }) => from === start);
    const mean = (of: (record: FoldRecord) => number): string =>
      `${((100 * found.reduce((sum, record) => sum + of(record), 0)) / found.length).toFixed(1)} %`;
    return `| ${start} | ${mean(({ rgb }) => rgb)} | ${mean(({ flow }) => flow)} | ${mean(({ fused }) => fused)} |`;
  });
  return ['| start | RGB | flow | fused |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

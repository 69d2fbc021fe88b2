/**
 * @file `bench folds`: how well training on few real clips works, by cross-validation. The clips of a folder `class/clip.ext` are
 * grouped by what their names share (such as the person in them), the groups dealt into folds; each fold is tested by models
 * that were trained on the others, or the others by models that were trained on it, once for each start, with and without
 * pre-training, and each seed.
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
import { type Evaluation, overall } from '../src/train/evaluate/evaluation.ts';
import { pretextResult } from '../src/train/evaluate/pretext_result.ts';
import { readConfig, type TrainConfigInput } from '../src/train/run/config.ts';
import { runTraining } from '../src/train/run/run.ts';
import type { StreamPlan } from '../src/train/run/stream_run.ts';
import { type Origin, originOf, percent, table } from './format.ts';
import { print, progress, writeJson } from './report.ts';

export interface FoldsOptions {
  readonly data: string;
  /** Finds a clip's group in its file name: the first group of the expression. */
  readonly group: RegExp;
  readonly folds: number;
  /** Models to start from; `none` is random numbers. */
  readonly from: readonly string[];
  readonly seed: readonly number[];
  readonly stream: readonly Stream[];
  /** Clips without labels to learn from first, by each of the tasks; every start is run without them, too. */
  readonly pretrain?: string;
  readonly task: readonly string[];
  /** Of the pre-training. */
  readonly pretrainSteps?: number;
  /** Its learning rate. */
  readonly pretrainRate?: number;
  /** What of it differs from the small one. */
  readonly model?: TrainConfigInput['model'];
  /** Which of the folds, from 0; all where left out. */
  readonly only?: readonly number[];
  /** Trains on one fold and tests on the others: harder, where so few clips are enough that all others are recognised. */
  readonly few?: boolean;
  /** With `few`, tests on so many of the folds behind it; the rest is there for pre-training alone. */
  readonly tests?: number;
  readonly epochs?: number;
  readonly cache?: string;
  readonly json?: string;
}

export interface FoldRecord extends Origin {
  readonly data: string;
  /** The model, and the task of the pre-training behind it. */
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
  readonly rgb?: number | undefined;
  readonly flow?: number | undefined;
  readonly fused?: number | undefined;
  /** Of the task, at the end of the pre-training. */
  readonly pretext?: Readonly<Partial<Record<Stream, number>>>;
  readonly confusion: readonly (readonly number[])[];
}

interface Start {
  readonly from: string;
  readonly task: string | undefined;
}

const nameOf = ({ from, task }: Start): string => (task === undefined ? from : `${from} + ${task}`);

export async function benchFolds(gpu: Gpu, options: FoldsOptions): Promise<FoldRecord[]> {
  const { data, folds, few = false, tests = folds, only } = options;
  const from = options.from.flatMap((start): Start[] => [
    { from: start, task: undefined },
    ...(options.pretrain === undefined ? [] : options.task.map((task) => ({ from: start, task }))),
  ]);
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
      if (only && !only.includes(fold)) continue;
      const list = join(folder, `fold${fold}.csv`);
      const lines = set.clips.flatMap(({ path, label }) => {
        const behind = (foldOf.get(groupOf(path))! - fold + folds) % folds;
        if (few && behind > tests) return [];
        const split = (behind === 0) === few ? 'train' : 'test';
        return `"${relative(folder, resolve(path))}","${set.classes[label]}",${split}`;
      });
      await writeFileAtomic(list, `path,label,split\n${lines.join('\n')}\n`);
      for (const [start, seed] of options.seed.flatMap((seed) => from.map((start) => [start, seed] as const))) {
        const out = join(folder, `fold${fold}-${from.indexOf(start)}-${seed}`);
        await mkdir(out, { recursive: true });
        const title = `fold ${fold + 1} of ${folds}`;
        const { evaluation, seconds, clips, shown, pretext } = await trainFold(
          gpu,
          list,
          out,
          start,
          { ...options, seed },
          title,
        );
        records.push({
          ...originOf(gpu),
          data: basename(data),
          from: nameOf(start),
          fold,
          groups: groups.filter((group) => foldOf.get(group) === fold),
          few,
          seed,
          ...clips,
          seconds,
          shown,
          rgb: evaluation.rgb?.top1,
          flow: evaluation.flow?.top1,
          fused: evaluation.fused?.top1,
          ...(start.task === undefined ? {} : { pretext }),
          confusion: overall(evaluation).confusion,
        });
        await writeJson(options.json, records);
        progress('');
        print(foldTable(records.slice(-1)));
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  print(`\n${gpu.profile.description}\n${foldTable(records)}\n\n${summary(records, from.map(nameOf))}`);
  return records;
}

async function trainFold(
  gpu: Gpu,
  list: string,
  out: string,
  { from, task }: Start,
  {
    seed,
    epochs,
    cache,
    stream: streams,
    pretrain,
    pretrainSteps: steps,
    pretrainRate: learningRate,
    model,
  }: Omit<FoldsOptions, 'seed'> & { seed: number },
  title: string,
): Promise<
  Pick<FoldRecord, 'seconds' | 'shown' | 'pretext'> & {
    evaluation: Evaluation;
    clips: { train: number; test: number };
  }
> {
  const first =
    task === undefined || pretrain === undefined
      ? {}
      : {
          pretrain: {
            data: pretrain,
            task,
            ...(steps !== undefined && { steps }),
            ...(learningRate !== undefined && { learningRate }),
          },
        };
  const config = await readConfig(list, { out, from, seed, epochs, cache, streams: [...streams], model, ...first });
  const open = () => Promise.resolve(gpu);
  const ignore = () => undefined;
  const shown: Partial<Record<Stream, number>> = {};
  const start = performance.now();
  const { result, ...run } = await runTraining({
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
        progress(
          `${title} from ${nameOf({ from, task })}, ${stream}: step ${step} of ${steps}, loss ${loss.toFixed(3)}`,
        );
      },
      onEvaluation: ignore,
      onWarning: print,
    },
  });
  const seconds = (performance.now() - start) / 1000;
  const plans = Object.entries(run.streams) as [Stream, StreamPlan][];
  const pretext = Object.fromEntries(
    plans.map(([stream, plan]) => [stream, pretextResult(stream, plan, run.metrics)?.accuracy]),
  );
  const { train, test } = plans[0]![1].clips;
  return { evaluation: result!.evaluation, seconds, clips: { train, test }, shown, pretext };
}

const share = (value: number | undefined): string => (value === undefined ? '' : percent(value));

const foldTable = (records: readonly FoldRecord[]): string =>
  table(
    ['start', 'fold', 'seed', 'task', 'RGB', 'flow', 'fused', 'clips', 'shown', 'seconds'],
    records.map(({ from, groups, seed, pretext, rgb, flow, fused, train, test, shown, seconds }) => [
      from,
      groups.join(' '),
      `${seed}`,
      Object.values(pretext ?? {})
        .map(share)
        .join(', '),
      share(rgb),
      share(flow),
      share(fused),
      `${train} + ${test}`,
      Object.values(shown).join(', '),
      seconds.toFixed(0),
    ]),
    2,
  );

/** Means over the folds and seeds, as a table in Markdown. */
function summary(records: readonly FoldRecord[], starts: readonly string[]): string {
  const rows = starts.map((start) => {
    const found = records.filter(({ from }) => from === start);
    const mean = (of: (record: FoldRecord) => number | undefined): string => {
      const values = found.map(of).filter((value) => value !== undefined);
      if (values.length === 0) return '';
      return `${((100 * values.reduce((sum, value) => sum + value, 0)) / values.length).toFixed(1)} %`;
    };
    return `| ${start} | ${mean(({ rgb }) => rgb)} | ${mean(({ flow }) => flow)} | ${mean(({ fused }) => fused)} |`;
  });
  return ['| start | RGB | flow | fused |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

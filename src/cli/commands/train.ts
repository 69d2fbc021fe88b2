/** @file `i3d train`: models from labelled clips. */

import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { counted } from '../../core/words.ts';
import type { Stream } from '../../models/definition.ts';
import { clipCaches } from '../../train/data/clip_cache.ts';
import { overall } from '../../train/evaluate/evaluation.ts';
import { pretextResult } from '../../train/evaluate/pretext_result.ts';
import { readConfig, type TrainConfig } from '../../train/run/config.ts';
import { MODEL_FILES } from '../../train/run/model_files.ts';
import { type RunResult, runTraining } from '../../train/run/run.ts';
import {
  addModelTypeOption,
  type DeviceFlags,
  type ModelTypeFlags,
  positiveNumber,
  share,
  wholeNumber,
} from '../options.ts';
import { clipsOf, evaluationJson, evaluationTable, pretextText, STREAM_TITLES } from '../report/evaluation-result.ts';
import { writeTrainingReport } from '../report/training-report.ts';
import { type Session, withSession } from '../session.ts';
import { both, print } from '../terminal/output.ts';
import { untilInterrupted } from '../terminal/signals.ts';
import { duration, TrainProgress } from '../terminal/train-progress.ts';

interface TrainFlags extends DeviceFlags, ModelTypeFlags {
  readonly out?: string;
  readonly stream?: Stream | 'both';
  readonly from?: string;
  readonly pretrain?: string;
  readonly epochs?: number;
  readonly batch?: number;
  readonly seed?: number;
  readonly holdout?: number;
  readonly cache?: string;
  readonly half?: boolean;
  readonly resume?: boolean;
  readonly json?: boolean;
}

/** What shells say of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

export function addTrain(program: Command): Command {
  const command = program
    .command('train')
    .description('Train models to recognise the classes of labelled clips.')
    .argument(
      '<config>',
      'a folder class/clip.ext, a CSV with the header path,label,split, or a .json configuration (docs/training.md)',
    )
    .option('--out <folder>', 'where the models and the report go (default: <name>-model)')
    .addOption(new Option('--stream <name>', 'which streams (default: both)').choices(['rgb', 'flow', 'both']))
    .option('--from <model>', 'start from this model, a file or a folder; "none" starts from random numbers')
    .option('--pretrain <clips>', 'learn from clips without labels first: a folder with clips anywhere in it, or a CSV')
    .option('--epochs <n>', 'passes over the training clips, in the last stage', positiveNumber)
    .option('--batch <n>', 'clips in a step (default: 8)', positiveNumber)
    .option('--seed <n>', 'another number gives another run (default: 1)', wholeNumber)
    .option('--holdout <share>', 'keep this share of the clips for tests, where the data name none', share)
    .option('--cache <folder>', 'where decoded clips and flow are kept')
    .option('--half', 'write the models in half precision')
    .option('--resume', 'go on where an earlier run into --out was left')
    .option('--adapter <name>', 'take the adapter whose name contains this')
    .option('--json', 'print one JSON object')
    .action((config: string, flags: TrainFlags) => withSession(flags, (session) => run(config, flags, session)));
  return addModelTypeOption(command);
}

async function run(path: string, flags: TrainFlags, session: Session): Promise<void> {
  const { out, from, epochs, batch, seed, holdout, cache, half, stream } = flags;
  const streams: Stream[] | undefined =
    stream === undefined ? undefined : stream === 'both' ? ['rgb', 'flow'] : [stream];
  const config = await readConfig(path, {
    ...{ out, from, epochs, batch, seed, holdout, cache, half, streams },
    ...(flags.pretrain === undefined ? {} : { pretrain: { data: flags.pretrain } }),
    ...(flags.modelType === undefined ? {} : { model: { architecture: flags.modelType } }),
  });
  const { gpu } = session;
  await gpu();
  const observer = new TrainProgress(session, config.batch * config.accumulate);
  const began = performance.now();
  const controller = new AbortController();
  const result = await untilInterrupted(
    controller,
    async () =>
      runTraining({
        config,
        resume: flags.resume ?? false,
        caches: clipCaches({ folder: config.cache, gpu, onWarning: observer.onWarning }),
        gpu,
        tuning: await session.tuning(),
        observer,
        signal: controller.signal,
      }),
    () => session.warn('Finishing the steps under way and saving; Ctrl-C again stops at once.'),
  );
  const seconds = (performance.now() - began) / 1000;
  session.progress.clear();
  if (result.interrupted) {
    session.warn(stopped(result));
    if (flags.json) await print(json({ out: config.out, interrupted: result.interrupted }));
    process.exitCode = INTERRUPTED;
    return;
  }
  const adapter = (await session.gpu()).profile.description;
  await both(
    () => print(flags.json ? json(toJson(config, result, seconds)) : toText(config, result, seconds)),
    () => writeTrainingReport(join(config.out, 'report.html'), { config, result, seconds, adapter }),
  );
}

function stopped({ interrupted, streams }: RunResult): string {
  const { stream, step } = interrupted!;
  const steps = streams[stream]?.steps;
  const done =
    steps === undefined ? `before the ${stream} stream` : `after step ${step} of ${steps} of the ${stream} stream`;
  return `Stopped ${done}; the same command with --resume goes on from there.`;
}

const json = (value: object): string => `${JSON.stringify(value)}\n`;

function toJson({ out, seed }: TrainConfig, { result, classes, streams, metrics }: RunResult, seconds: number): object {
  const plans = Object.values(streams).map((plan) => {
    const { spec, from, steps, clips } = plan;
    const { stream } = spec;
    const pretext = pretextResult(stream, plan, metrics);
    return {
      stream,
      model: join(out, MODEL_FILES[stream]),
      from,
      steps,
      clips,
      spec,
      ...(pretext && { pretrain: pretext }),
    };
  });
  return { out, seed, seconds: Math.round(seconds), streams: plans, ...evaluationJson(result!, classes) };
}

function toText(
  { out }: TrainConfig,
  { result, classes, skipped, streams, metrics }: RunResult,
  seconds: number,
): string {
  const { split, evaluation } = result!;
  const before = Object.values(streams).flatMap((plan) => {
    const pretext = pretextResult(plan.spec.stream, plan, metrics);
    return pretext ? [`${STREAM_TITLES[plan.spec.stream]}, ${pretextText(pretext)}.`] : [];
  });
  const lines = [
    ...(before.length > 0 ? [...before, ''] : []),
    `Trained on ${counted(classes.length, 'class')} in ${duration(seconds)}. On ${clipsOf(overall(evaluation), split)}${split === 'test' ? '' : ', which it was trained on'}:`,
    '',
    evaluationTable(result!, classes),
    '',
  ];
  if (skipped.length > 0) lines.push(`${counted(skipped.length, 'clip')} could not be used.`, '');
  lines.push(`The curves are in ${join(out, 'report.html')}. Now: i3d classify CLIP --model ${out}`);
  return `${lines.join('\n')}\n`;
}

/** @file `i3d eval`: how often models recognise labelled clips. */

import { type Command, Option } from 'commander';
import { InputError } from '../../core/errors.ts';
import { counted } from '../../core/words.ts';
import type { Stream } from '../../models/definition.ts';
import { clipCaches } from '../../train/data/clip_cache.ts';
import { readClipSet } from '../../train/data/clip_set.ts';
import { evaluateModels } from '../../train/evaluate/evaluate_models.ts';
import { overall } from '../../train/evaluate/evaluation.ts';
import { type Models, readModels } from '../../train/run/model_files.ts';
import { type DeviceFlags, positiveNumber } from '../options.ts';
import { clipsOf, evaluationJson, evaluationTable, mistakes } from '../report/evaluation-result.ts';
import { type Session, withSession } from '../session.ts';
import { print } from '../terminal/output.ts';

interface EvalFlags extends DeviceFlags {
  readonly model: string;
  readonly stream?: Stream | 'both';
  readonly split?: 'train' | 'test' | 'all';
  readonly windows: number;
  readonly cache?: string;
  readonly json?: boolean;
}

const MISTAKES = 5;

export function addEval(program: Command): Command {
  return program
    .command('eval')
    .description('Say how often models recognise labelled clips.')
    .argument('<data>', 'a folder class/clip.ext, or a CSV with the header path,label,split')
    .requiredOption(
      '--model <path>',
      'what i3d train left: a folder with rgb.safetensors, flow.safetensors or both, or one of them',
    )
    .addOption(
      new Option('--stream <name>', 'which streams (default: those of the model)').choices(['rgb', 'flow', 'both']),
    )
    .addOption(
      new Option('--split <name>', 'which clips (default: test clips where there are any, else all)').choices([
        'train',
        'test',
        'all',
      ]),
    )
    .option('--windows <n>', 'windows of a clip, evenly placed, whose probabilities are averaged', positiveNumber, 3)
    .option('--cache <folder>', 'where decoded clips and flow are kept')
    .option('--adapter <name>', 'take the adapter whose name contains this')
    .option('--json', 'print one JSON object')
    .action((data: string, flags: EvalFlags) => withSession(flags, (session) => evaluate(data, flags, session)));
}

async function evaluate(data: string, flags: EvalFlags, session: Session): Promise<void> {
  const models = chosen(await readModels(flags.model), flags);
  const { classes } = (models.rgb ?? models.flow)!;
  const onWarning = (text: string) => session.warn(text);
  const set = await readClipSet(data, { classes, onWarning });
  const { gpu } = session;
  await gpu();
  const result = await evaluateModels(models, set, {
    split: flags.split,
    windows: flags.windows,
    caches: clipCaches({ folder: flags.cache, gpu, onWarning }),
    gpu,
    tuning: await session.tuning(),
    onClips: (what, done, total) => session.progress.count(what, done, total),
    onSkip: ({ reason }) => session.warn(`Skipped: ${reason}`),
  });
  session.progress.clear();
  if (flags.json) {
    await print(`${JSON.stringify({ data, model: flags.model, ...evaluationJson(result, classes) })}\n`);
    return;
  }
  const total = overall(result.evaluation);
  const lines = [
    `${clipsOf(total, result.split)} of ${counted(classes.length, 'class')}`,
    '',
    evaluationTable(result, classes),
  ];
  const worst = mistakes(total, classes, MISTAKES);
  if (worst.length > 0) {
    lines.push('', 'Mistaken most often:');
    for (const { actual, predicted, count, total } of worst) {
      lines.push(`  ${actual} for ${predicted}, ${count} of ${total}`);
    }
  }
  if (result.skipped.length > 0) lines.push('', `${counted(result.skipped.length, 'clip')} could not be used.`);
  await print(`${lines.join('\n')}\n`);
}

function chosen(models: Models, { stream = 'both', model }: EvalFlags): Models {
  if (stream === 'both') return models;
  const only = models[stream];
  if (!only) throw new InputError(`${model} has no model of the ${stream} stream.`);
  return { [stream]: only };
}

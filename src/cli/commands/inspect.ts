/** @file `i3d inspect`: what a checkpoint holds, or how a model runs on this device. */

import type { Command } from 'commander';
import type { Stream } from '../../i3d/architecture.ts';
import { addDeviceOptions, frameSide, windowFrames } from '../options.ts';
import { withSession } from '../session.ts';
import { print } from '../terminal/output.ts';
import { inspectFile } from './inspect-file.ts';
import { type InspectFlags, inspectModel } from './inspect-model.ts';

const MODELS: Readonly<Record<string, Stream>> = { 'i3d-rgb': 'rgb', 'i3d-flow': 'flow' };

export function addInspect(program: Command): Command {
  const command = program
    .command('inspect')
    .description('List the tensors of a checkpoint, or the plan of a model on this device.')
    .argument('<what>', `a checkpoint, or ${Object.keys(MODELS).join(' or ')}`)
    .option('--frames <n>', 'frames of a clip, for a model', windowFrames, 64)
    .option('--size <pixels>', 'height and width of its frames', frameSide, 224)
    .option('--profile', 'run the model and time every node')
    .option('--choices', 'say which kernels were considered for every node, and why one was taken')
    .option('--json', 'print one JSON object');
  addDeviceOptions(command);
  return command.action(async (what: string, flags: InspectFlags) => {
    const stream = Object.hasOwn(MODELS, what) ? MODELS[what] : undefined;
    const text = stream
      ? await withSession(flags, (session) => session.onDevice((gpu) => inspectModel(gpu, stream, flags, session)))
      : await inspectFile(what, flags.json ?? false);
    await print(`${text}\n`);
  });
}

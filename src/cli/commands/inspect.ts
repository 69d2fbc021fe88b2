/** @file `i3d inspect`: what a checkpoint holds, or how a model runs on this device. */

import type { Command } from 'commander';
import { MODELS } from '../../catalogue.ts';
import { listed } from '../../core/words.ts';
import { type ModelSpec, STREAMS } from '../../models/definition.ts';
import { publishedSpec } from '../../models/size.ts';
import { addDeviceOptions, addModelTypeOption, frameSide, typedModels, windowFrames } from '../options.ts';
import { withSession } from '../session.ts';
import { print } from '../terminal/output.ts';
import { inspectFile } from './inspect-file.ts';
import { type InspectFlags, inspectModel } from './inspect-model.ts';

/** Each stream of each model, such as `i3d-rgb`. */
const NETWORKS = new Map<string, ModelSpec>(
  [...MODELS].flatMap((architecture) =>
    STREAMS.map((stream) => {
      return [`${architecture}-${stream}`, publishedSpec(architecture, stream)] as const;
    }),
  ),
);

export function addInspect(program: Command): Command {
  const command = program
    .command('inspect')
    .description('List the tensors of a checkpoint, or the plan of a model on this device.')
    .argument('<what>', `a checkpoint, or ${listed([...NETWORKS.keys()])}`)
    .option('--frames <n>', 'frames of a clip, for a model (default: what it takes)', windowFrames)
    .option('--size <pixels>', 'height and width of its frames (default: what it takes)', frameSide)
    .option('--profile', 'run the model and time every node')
    .option('--choices', 'say which kernels were considered for every node, and why one was taken')
    .option('--json', 'print one JSON object');
  addModelTypeOption(command);
  addDeviceOptions(command);
  return command.action(async (what: string, flags: InspectFlags) => {
    const spec = NETWORKS.get(what);
    const text = spec
      ? await withSession(flags, (session) => session.onDevice((gpu) => inspectModel(gpu, spec, flags, session)))
      : await inspectFile(what, typedModels(flags), flags.json ?? false);
    await print(`${text}\n`);
  });
}

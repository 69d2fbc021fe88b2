#!/usr/bin/env node
/** @file The command line: `i3d <command>`. Results go to stdout; everything else goes to stderr. */

import { Command, CommanderError } from 'commander';
import { removePartFiles } from '../io/atomic.ts';
import { addActions } from './commands/actions.ts';
import { addAnomaly } from './commands/anomaly.ts';
import { addAugment } from './commands/augment.ts';
import { addClassify } from './commands/classify.ts';
import { addConvert } from './commands/convert.ts';
import { addDemo } from './commands/demo.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEval } from './commands/eval.ts';
import { addFeatures } from './commands/features.ts';
import { addFlow } from './commands/flow.ts';
import { addFvd } from './commands/fvd.ts';
import { addInflate, addVerify } from './commands/inflate.ts';
import { addInspect } from './commands/inspect.ts';
import { addModels } from './commands/models.ts';
import { addSearch } from './commands/search.ts';
import { addTrain } from './commands/train.ts';
import { addTune } from './commands/tune.ts';
import { addWatch } from './commands/watch.ts';
import { packageVersions } from './machine.ts';
import { refuseEmpty } from './options.ts';
import { sentence, story } from './terminal/errors.ts';
import { expectStreamErrors, print, say } from './terminal/output.ts';
import { listenToSignals } from './terminal/signals.ts';

const DESCRIPTION = `Recognises actions in videos with I3D on WebGPU.

Examples:
  i3d classify clip.mp4 --rgb rgb_imagenet.pt
  i3d classify clip.mp4 --rgb rgb_imagenet.pt --flow flow_imagenet.pt --report clip.html
  i3d watch camera --model my-model --on wave --run ./record.sh
  i3d flow clip.mp4 --out flow.mp4
  i3d train clips --out model
  i3d eval clips --model model
  i3d search clips "cutting an onion" --model s3d_howto100m.pth --words s3d_dict.npy
  i3d models
  i3d features videos --rgb rgb_imagenet.pt --preset video_features --out features
  i3d fvd real fake --rgb rgb_imagenet.pt
  i3d anomaly train features --abnormal fight --out anomaly.safetensors
  i3d inspect rgb_imagenet.pt
  i3d tune
  i3d doctor`;

/** Help and the version, which commander writes in passing; printed when it has ended. */
let help = '';

async function main(): Promise<void> {
  // Errors are told in one place, by `fail`. Commands inherit these settings, so they come first.
  const program = new Command('i3d')
    .description(DESCRIPTION)
    .version(packageVersions().own, '-v, --version')
    .exitOverride()
    // The program's own come before the command: -video.mp4 is not -v.
    .enablePositionalOptions()
    .hook('preAction', (_, command) => refuseEmpty(command))
    .configureOutput({
      outputError: () => undefined,
      writeOut: (text) => {
        help += text;
      },
    });
  for (const add of [
    addClassify,
    addWatch,
    addTrain,
    addEval,
    addFeatures,
    addSearch,
    addFvd,
    addAnomaly,
    addFlow,
    addModels,
    addInspect,
    addConvert,
    addInflate,
    addVerify,
    addTune,
    addAugment,
    addDoctor,
    addDemo,
    addActions,
  ])
    add(program).option('--debug', 'show stack traces');
  if (process.argv.length <= 2) program.outputHelp();
  else await program.parseAsync();
}

function fail(error: unknown): void {
  // Help that was asked for ends this way, too.
  if (error instanceof CommanderError && error.exitCode === 0) return;
  say(process.argv.includes('--debug') ? story(error) : sentence(error));
  process.exitCode = 1;
}

/** An error that nobody was there to catch. What else is going on must not go on. */
function collapse(error: unknown): void {
  fail(error);
  removePartFiles();
  process.exit(1);
}

expectStreamErrors();
listenToSignals();
process.on('uncaughtException', collapse);
process.on('unhandledRejection', collapse);
try {
  await main();
} catch (error) {
  fail(error);
}
try {
  if (help !== '') await print(help);
} catch (error) {
  fail(error);
}

/** @file `i3d watch`: what happens in front of a camera, in a stream, or in a file as it plays. */

import type { Command } from 'commander';
import { InputError } from '../../core/errors.ts';
import type { PresetName } from '../../flow/index.ts';
import { checkFusionWeights, classProbabilities } from '../../models/scores.ts';
import { type ChosenNetworks, chooseNetworks, type NetworkFlags } from '../networks.ts';
import {
  addDeviceOptions,
  addModelTypeOption,
  flowPresetOption,
  frameRate,
  frameSize,
  fusionOption,
  notNegative,
  numbers,
  positiveNumber,
  positiveReal,
  probability,
  streamOption,
  wholeFrom,
} from '../options.ts';
import { type Session, withSession } from '../session.ts';
import { untilInterrupted } from '../terminal/signals.ts';
import { type Sighting, SightingCommand } from '../watch/command.ts';
import { WatchLines } from '../watch/lines.ts';
import { classesNamed, Trigger } from '../watch/trigger.ts';
import { type WatchedWindow, Watcher, type WatchSettings } from '../watch/watcher.ts';
import { loadLabels } from '../weights.ts';

interface WatchFlags extends Omit<WatchSettings, 'stream'>, NetworkFlags {
  readonly flowPreset?: PresetName;
  readonly videoStream?: number;
  readonly labels?: string;
  readonly on?: string;
  readonly threshold: number;
  readonly coolDown: number;
  readonly run?: string;
  readonly json?: boolean;
}

export function addWatch(program: Command): Command {
  const command = program
    .command('watch')
    .description('Say what happens before a camera, in a stream, or in a file as it plays, window after window.')
    .argument(
      '<source>',
      'a camera (camera, camera:1, /dev/video0), an address (rtsp://…, http://…), - for standard input, or a file',
    )
    .option('--model <path>', 'what i3d train wrote: a folder with a model for each stream, or the file of one')
    .option('--rgb <weights>', 'weights of the RGB stream (.pt, .safetensors or a TensorFlow checkpoint)')
    .option('--flow <weights>', 'weights of the flow stream');
  addModelTypeOption(command)
    .addOption(streamOption())
    .option('--every <seconds>', 'from one window to the next (default: a quarter of a window)', positiveReal)
    .option('--fast', 'a file or standard input as fast as it goes, without dropping a window')
    .option('--on <class,…>', 'tell when one of these classes appears')
    .option('--threshold <p>', 'of --on: the probability from which on a class is there', probability, 0.5)
    .option('--cool-down <seconds>', 'of --on: how long a class is not told again', notNegative, 5)
    .option(
      '--run <command>',
      'of --on: what the shell then does, with I3D_CLASS, I3D_SCORE, I3D_TIME, I3D_FROM, I3D_TO, I3D_SOURCE',
    )
    .option(
      '--fps <rate>',
      'frames per second that are looked at, or "native" for every frame (default: the model’s)',
      frameRate,
    )
    .option('--size <w>x<h>', 'what a camera is asked for; of raw frames', frameSize)
    .option('--rate <hz>', 'frames per second that a camera is asked for; of raw frames (default: 25)', positiveReal)
    .option('--pixels <format>', 'standard input is raw frames, such as rgb24, bgr24, gray, yuv420p')
    .option('--format <name>', 'what FFmpeg calls the source, where it cannot tell: mpegts, v4l2, x11grab, …')
    .option('--video-stream <n>', 'which stream of a source with several videos', wholeFrom(0))
    .addOption(flowPresetOption())
    .addOption(fusionOption())
    .option('--weights <rgb,flow>', 'factors of the two streams (default: 1,1)', numbers)
    .option(
      '--labels <file>',
      'names of the classes, one on each line (default: a model’s own, or Kinetics-400 or -600)',
    )
    .option('--top <k>', 'how many classes to show', positiveNumber, 3)
    .option('--json', 'print a JSON object on each line');
  addDeviceOptions(command);
  return command.action((source: string, flags: WatchFlags) =>
    withSession(flags, (session) => watch(source, flags, session)),
  );
}

async function watch(input: string, flags: WatchFlags, session: Session): Promise<void> {
  const { on, run, threshold, coolDown, flowPreset, videoStream, stream: _, ...rest } = flags;
  if (flags.weights) checkFusionWeights(flags.weights);
  if (run !== undefined && on === undefined)
    throw new InputError('--run needs --on: the classes at which the command is run.');
  const found = await chooseNetworks(flags, (text) => session.warn(text), { command: 'watch' });
  const { rule, specs } = found;
  checkClasses(found);
  const spec = { ...rule.spec, flowPreset: flowPreset ?? rule.spec.flowPreset };
  const chosen: ChosenNetworks = { ...found, rule: { ...rule, spec } };
  const labels = flags.labels === undefined && found.classes ? found.classes : await loadLabels(flags.labels, spec);
  const trigger =
    on === undefined ? undefined : new Trigger({ classes: classesNamed(on, labels), threshold, coolDown });
  const action = run === undefined ? undefined : new SightingCommand(run, (text) => session.warn(text));
  const controller = new AbortController();
  const lines = new WatchLines(session, flags.json ?? false, () => controller.abort());
  const watcher = new Watcher(chosen, labels, { ...rest, stream: videoStream }, session);
  let name = input;
  const tell = async (window: WatchedWindow): Promise<void> => {
    await lines.window(window);
    if (!trigger) return;
    const probabilities = classProbabilities(window.logits);
    for (const index of trigger.see(probabilities, performance.now() / 1000)) {
      const { time, from, to } = window;
      const sighting: Sighting = { label: labels[index]!, score: probabilities[index]!, time, from, to, source: name };
      action?.start(sighting);
      await lines.seen(sighting);
    }
  };
  try {
    const summary = await untilInterrupted(controller, () =>
      watcher.run(
        input,
        {
          opened: async (source, every) => {
            name = source.name;
            const adapter = (await session.gpu()).profile.description;
            await lines.opened(source, { streams: [...specs.keys()], frames: spec.frames, every, adapter });
          },
          window: tell,
          broken: (reason, pause) => lines.broken(reason, pause),
        },
        controller.signal,
      ),
    );
    await lines.summary(summary, action?.started);
  } finally {
    watcher.dispose();
  }
}

/** @throws InputError where there is nothing to name. */
function checkClasses({ specs }: ChosenNetworks): void {
  const mute = [...specs.values()].find(({ architecture }) => architecture.text);
  if (!mute) return;
  throw new InputError(
    `${mute.architecture.name} gives no classes, but points in the space of its texts, which i3d search looks for; watch needs a model with classes.`,
  );
}

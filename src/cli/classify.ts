/** @file `i3d classify`: what happens in a clip. */

import type { Command } from 'commander';
import { InputError } from '../core/errors.ts';
import { I3dStream } from '../i3d/classifier.ts';
import { averageLogits, fuse, topK } from '../i3d/scores.ts';
import { checkWindowRequest } from '../i3d/windows.ts';
import { openClipReader } from './clip-reader.ts';
import { addClipOptions, addDeviceOptions, type ClipFlags, type DeviceFlags, positiveNumber } from './options.ts';
import { type Classification, printClassification } from './result.ts';
import { type Session, withSession } from './session.ts';
import { loadLabels, loadStream } from './weights.ts';

export interface ClassifyFlags extends ClipFlags, DeviceFlags {
  readonly rgb?: string;
  readonly flow?: string;
  readonly labels?: string;
  readonly top: number;
  readonly logits?: boolean;
  readonly json?: boolean;
}

export function addClassify(program: Command): Command {
  const command = program
    .command('classify')
    .description('Say what happens in a clip.')
    .argument('<input>', 'a video, a GIF, a folder of images, or a .npy array T×H×W×3')
    .option('--rgb <weights>', 'weights of the RGB stream (.pt, .safetensors or a TensorFlow checkpoint)')
    .option('--flow <weights>', 'weights of the flow stream');
  addClipOptions(command, 'one window of n frames (default: windows of 64 that cover the clip, averaged)')
    .option('--labels <file>', 'names of the classes, one on each line (default: Kinetics-400 or -600)')
    .option('--top <k>', 'how many classes to show', positiveNumber, 5)
    .option('--logits', 'the logits of all classes, too')
    .option('--json', 'print one JSON object');
  addDeviceOptions(command);
  return command.action((input: string, flags: ClassifyFlags) =>
    withSession(flags, async (session) => {
      const result = await classify(input, flags, session);
      session.progress.clear();
      printClassification(result, flags);
    }),
  );
}

export async function classify(input: string, flags: ClassifyFlags, session: Session): Promise<Classification> {
  checkWindowRequest(flags);
  if (flags.rgb === undefined) {
    throw new InputError('classify needs weights: give --rgb WEIGHTS, such as the published rgb_imagenet.pt.');
  }
  const rgbPath = flags.rgb;
  const reader = await openClipReader(input, flags, session);
  let stream: I3dStream | undefined;
  try {
    session.progress.say('reading weights');
    const checkpoint = await session.time('prepare', () => loadStream(rgbPath, 'rgb'));
    const labels = await loadLabels(flags.labels, checkpoint.classes);
    const windows: [start: number, frames: number][] = [];
    const logits: Float32Array[] = [];
    for await (const { start, frames, clip } of reader.windows()) {
      stream ??= new I3dStream(await session.gpu(), checkpoint, flags);
      session.progress.say(`window ${windows.length + 1}: frames ${start} to ${start + frames - 1}`);
      logits.push(await stream.logits(clip, { start: 0, frames }));
      windows.push([start, frames]);
    }
    session.spent.compile = stream!.spent.compile / 1000;
    session.spent.run = stream!.spent.run / 1000;
    const rgb = averageLogits(logits);
    const fused = fuse({ rgb });
    return {
      input,
      width: reader.width,
      height: reader.height,
      fps: reader.fps,
      frames: countFrames(windows),
      windows,
      streams: { rgb },
      logits: fused,
      top: topK(fused, labels, flags.top),
      labels,
      adapter: stream!.gpu.profile.description,
      seconds: session.spent,
    };
  } finally {
    stream?.dispose();
    await reader.close();
  }
}

/** Frames that were looked at; those that two windows share count once. */
function countFrames(windows: readonly (readonly [start: number, frames: number])[]): number {
  const [first] = windows;
  const [start, frames] = windows.at(-1)!;
  return start + frames - first![0];
}

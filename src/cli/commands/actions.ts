/** @file `i3d actions`: clips of generated actions as a data set to train on, or a picture of what they look like. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { InputError } from '../../core/errors.ts';
import type { HostTensor } from '../../core/tensor.ts';
import { counted } from '../../core/words.ts';
import { makeFolder, writeFileAtomic } from '../../io/atomic.ts';
import { encodePng, writeVideo } from '../../io/encode.ts';
import { encodeNpy } from '../../io/npy.ts';
import { ACTIONS, actionClip, CLIP_FORMAT } from '../../train/actions/index.ts';
import { frameRate, positiveNumber, wholeNumber } from '../options.ts';
import { print } from '../terminal/output.ts';
import { Progress } from '../terminal/progress.ts';

interface ActionFlags {
  readonly out?: string;
  readonly sheet?: string;
  readonly clips: number;
  readonly frames: number;
  readonly size: number;
  readonly fps: number | 'native';
  readonly seed: number;
  readonly format: 'mp4' | 'npy';
}

/** Pictures of one action on a sheet. */
const SHOWN = 8;

export function addActions(program: Command): Command {
  return program
    .command('actions')
    .description('Make clips of figures that wave, walk, jump …, a folder per action, for training and for tests.')
    .option('--out <dir>', 'a new or empty folder, filled with <action>/<seed>.mp4')
    .option('--sheet <png>', 'a picture with a strip of frames of each action')
    .option('--clips <n>', 'clips of each action', positiveNumber, 40)
    .option('--frames <n>', 'frames of each clip', positiveNumber, CLIP_FORMAT.frames)
    .option('--size <pixels>', 'width and height', positiveNumber, CLIP_FORMAT.size)
    .option('--fps <rate>', 'frames per second', frameRate, CLIP_FORMAT.fps)
    .option('--seed <n>', 'of the first clip; tests have seeds from 1000000 on', wholeNumber, 0)
    .addOption(new Option('--format <kind>', 'what clips are written as').choices(['mp4', 'npy']).default('mp4'))
    .action(run);
}

async function run(flags: ActionFlags): Promise<void> {
  const { out, sheet, fps, seed, size, frames } = flags;
  if (out === undefined && sheet === undefined) throw new InputError('actions needs --out DIR, --sheet PNG or both.');
  if (fps === 'native') throw new InputError('--fps must be a number here: made clips have no rate of their own.');
  const make = (action: string, number: number) => actionClip({ action, seed: number, frames, size, fps });
  const progress = new Progress();
  if (sheet !== undefined) {
    await writeFileAtomic(sheet, await contactSheet((action) => make(action, seed), size));
    await print(`${sheet} has a strip for each of ${ACTIONS.join(', ')}, from top to bottom.\n`);
  }
  if (out === undefined) return;
  await prepareFolder(out);
  const total = ACTIONS.length * flags.clips;
  let done = 0;
  for (const action of ACTIONS) {
    const folder = join(out, action);
    await makeFolder(folder);
    for (let i = 0; i < flags.clips; i++) {
      await writeClip(join(folder, `${seed + i}.${flags.format}`), make(action, seed + i), fps);
      progress.count('making clip', ++done, total);
    }
  }
  progress.clear();
  const what = `${counted(flags.clips, 'clip')} of each of ${ACTIONS.length} actions`;
  await print(`${out} has ${what}: ${counted(frames, 'frame')} of ${size}×${size} at ${fps} Hz.\n`);
}

/** A folder that holds other clips would mix two data sets without a word. */
async function prepareFolder(path: string): Promise<void> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new InputError(
      error.code === 'ENOTDIR'
        ? `${path} is a file; give --out a new folder.`
        : `${path} cannot be read: ${error.message}.`,
    );
  });
  if (names.length > 0) throw new InputError(`${path} is not empty; give --out a new or empty folder.`);
  await makeFolder(path);
}

async function writeClip(path: string, clip: HostTensor<'u8'>, fps: number): Promise<void> {
  if (path.endsWith('.npy')) return writeFileAtomic(path, encodeNpy(clip));
  const [frames = 0, height = 0, width = 0] = clip.shape;
  const size = height * width * 3;
  const pictures = Array.from({ length: frames }, (_, i) => clip.data.subarray(i * size, (i + 1) * size));
  await writeVideo(path, pictures, { width, height, fps });
}

async function contactSheet(make: (action: string) => HostTensor<'u8'>, size: number): Promise<Uint8Array> {
  const width = size * SHOWN;
  const rgb = new Uint8Array(width * size * ACTIONS.length * 3);
  for (const [row, action] of ACTIONS.entries()) {
    const { data, shape } = make(action);
    for (let column = 0; column < SHOWN; column++) {
      const frame = Math.round((column * (shape[0]! - 1)) / (SHOWN - 1));
      for (let y = 0; y < size; y++) {
        const from = (frame * size + y) * size * 3;
        rgb.set(data.subarray(from, from + size * 3), ((row * size + y) * width + column * size) * 3);
      }
    }
  }
  return encodePng(rgb, width, size * ACTIONS.length);
}

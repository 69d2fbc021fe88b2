/** @file `i3d augment`: what the variations of training do to a clip, as a sheet of pictures. */

import { extname } from 'node:path';
import type { Command } from 'commander';
import { InputError } from '../../core/errors.ts';
import { checkWritable, writeFileAtomic } from '../../io/atomic.ts';
import { SEGMENT_FRAMES } from '../../train/data/augmentation.ts';
import { decodeClip } from '../../train/data/decode.ts';
import { addDeviceOptions, type DeviceFlags, frameRate, positiveNumber, wholeNumber } from '../options.ts';
import { drawRows } from '../report/augment-pictures.ts';
import { planRows, type RowGroup } from '../report/augment-rows.ts';
import { sheetPage, sheetPng } from '../report/augment-sheet.ts';
import { type Session, withSession } from '../session.ts';
import { print } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';

interface AugmentFlags extends DeviceFlags {
  readonly out: string;
  readonly seed: number;
  readonly count: number;
  readonly frames: number;
  readonly size: number;
  readonly fps?: number | 'native';
  readonly flow: boolean;
  readonly keepGoing?: boolean;
}

/** What is around a crop: published networks cut 224 pixels out of a short side of 256. */
const MARGIN = 256 / 224;
/** A sheet that can still be looked at. */
const MOST = { count: 24, frames: 32, size: 256 } as const;
/** Frames that are read, 12 s of video: what training uses of a clip. */
const MAX_FRAMES = 300;

export function addAugment(program: Command): Command {
  const command = program
    .command('augment')
    .description('Show what the random variations of training do to a clip.')
    .argument('<clip>', 'a video, a GIF, a folder of images or a .npy of uint8 frames')
    .requiredOption('--out <path>', 'a .png, or an .html with a label beside each row')
    .option('--seed <n>', 'another number gives other draws', wholeNumber, 1)
    .option('--count <n>', 'draws of all variations together', positiveNumber, 6)
    .option(
      '--frames <n>',
      `pictures in a row, each the first of a segment of ${SEGMENT_FRAMES} frames`,
      positiveNumber,
      8,
    )
    .option('--size <pixels>', 'side of a picture, which is the crop', positiveNumber, 112)
    .option('--fps <rate>', 'frames per second, or "native" for every frame (default: 25 for videos)', frameRate)
    .option('--no-flow', 'leave the rows of optical flow out')
    .option('--keep-going', 'take a damaged file as far as it can be decoded');
  addDeviceOptions(command);
  return command.action((clip: string, flags: AugmentFlags) =>
    withSession(flags, (session) => run(clip, flags, session)),
  );
}

async function run(path: string, flags: AugmentFlags, session: Session): Promise<void> {
  const { out, seed, count, size } = flags;
  const kind = extname(out).toLowerCase();
  if (kind !== '.png' && kind !== '.html') throw new InputError(`${out} must end in .png or .html.`);
  await checkWritable(out);
  for (const [name, most] of Object.entries(MOST)) {
    const value = flags[name as keyof typeof MOST];
    if (value > most) throw new InputError(`--${name} can be ${most} at most, not ${value}.`);
  }
  const shortSide = Math.round(size * MARGIN);
  const keepDamaged = flags.keepGoing ?? false;
  session.progress.say('decoding');
  const clip = await session.time('decode', () =>
    decodeClip(path, { shortSide, fps: flags.fps, keepDamaged, maxFrames: MAX_FRAMES }),
  );
  const [frames, height, width] = clip.shape as [number, number, number];
  const wanted = { frames: flags.frames * SEGMENT_FRAMES, size, shortSide };
  const groups = planRows(seed, count, { frames, height, width }, wanted, flags.flow && frames > 1);
  const rows = groups.flatMap((group) => group.rows);
  const strips = await drawRows(rows, clip, { frames: flags.frames, size, shortSide }, session);
  session.progress.say('writing');
  const sheet =
    kind === '.png' ? await sheetPng(groups, strips, size) : await sheetPage(path, groups, strips, size, seed);
  await writeFileAtomic(out, sheet);
  session.progress.clear();
  await print(`${legend(groups)}\n`);
}

/** What each row of the sheet shows. */
function legend(groups: readonly RowGroup[]): string {
  const rows = groups.flatMap((group) => group.rows);
  const columns = [{ title: 'row', align: 'right' as const }, { title: 'variation' }, { title: 'what happened' }];
  return table(
    columns,
    rows.map(({ label, note }, i) => [`${i + 1}`, label, note]),
  );
}

/**
 * @file Clips of people-like figures that do one of several things, drawn from a seed: data to train on where there is none.
 *
 * By agreement, seeds 0 … 999 999 are for training and seeds from 1 000 000 on for tests. A seed decides everything: who
 * acts and how, the camera, the place, the light, the sensor. The same seed gives the same bytes on the same JavaScript
 * engine; others may differ in the last digit of a sine, hence in single bytes by 1.
 */

import { InputError } from '../../core/errors.ts';
import { Random } from '../../core/random.ts';
import type { HostTensor } from '../../core/tensor.ts';
import { clap, jumpingJack, punch, raiseArms, waveBothHands, waveOneHand } from './arm_actions.ts';
import { film } from './clip.ts';
import { run, walk } from './gait.ts';
import { bend, jumpInPlace, kick, sitDown, spin, squat } from './leg_actions.ts';
import type { Choreography } from './manner.ts';

const CHOREOGRAPHIES = {
  bend,
  clap,
  'jump-in-place': jumpInPlace,
  'jumping-jack': jumpingJack,
  kick,
  punch,
  'raise-arms': raiseArms,
  'run-left': run(-1),
  'run-right': run(1),
  'sit-down': sitDown,
  spin,
  squat,
  'walk-left': walk(-1),
  'walk-right': walk(1),
  'wave-both-hands': waveBothHands,
  'wave-one-hand': waveOneHand,
} satisfies Record<string, Choreography>;

/**
 * Actions that are others with their frames in reverse order, which no single frame tells from them: one's clip of a seed is the
 * other's played backwards, byte for byte.
 */
const REVERSED: Readonly<Record<string, string>> = { 'lower-arms': 'raise-arms', 'stand-up': 'sit-down' };

/** The classes, in alphabetical order. */
export const ACTIONS: readonly string[] = [...Object.keys(CHOREOGRAPHIES), ...Object.keys(REVERSED)].sort();

/** Seeds from here on are for tests. */
export const FIRST_TEST_SEED = 1_000_000;

/** What a clip is like where nothing is said: frames, pixels of either side, frames per second. */
export const CLIP_FORMAT = { frames: 24, size: 64, fps: 12.5 } as const;

interface ActionClipOptions {
  /** One of `ACTIONS`. */
  readonly action: string;
  /** A whole number. */
  readonly seed: number;
  /** As in `CLIP_FORMAT` where left out, like what follows. */
  readonly frames?: number;
  /** Pixels of either side. */
  readonly size?: number;
  /** Frames per second (Hz): how much time passes from frame to frame. */
  readonly fps?: number;
}

/**
 * A clip of an action.
 * @returns frames T×size×size×3, RGB.
 * @throws InputError for an unknown action or a number that is out of range.
 */
export function actionClip(options: ActionClipOptions): HostTensor<'u8'> {
  const { action, seed, frames, size, fps } = { ...CLIP_FORMAT, ...options };
  const original = REVERSED[action] ?? action;
  const choreography = (CHOREOGRAPHIES as Record<string, Choreography>)[original];
  if (choreography === undefined) {
    throw new InputError(`There is no action ${action}; there are ${ACTIONS.join(', ')}.`);
  }
  if (!Number.isSafeInteger(frames) || frames < 1 || frames > 10_000) {
    throw new InputError(`A clip has 1 to 10000 frames, not ${frames}.`);
  }
  if (!Number.isSafeInteger(size) || size < 16 || size > 1024) {
    throw new InputError(`A clip's side is 16 to 1024 pixels, not ${size}.`);
  }
  if (!(fps > 0 && fps <= 1000)) throw new InputError(`A clip has up to 1000 frames per second, not ${fps}.`);
  const data = film(choreography, new Random(seed, `action ${original}`), { frames, size, fps });
  return { dtype: 'u8', shape: [frames, size, size, 3], data: original === action ? data : reversed(data, frames) };
}

function reversed(data: Uint8Array, frames: number): Uint8Array {
  const size = data.length / frames;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < frames; i++) out.set(data.subarray(i * size, (i + 1) * size), (frames - 1 - i) * size);
  return out;
}

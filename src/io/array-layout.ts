/** @file Which axis of an array is what: time, rows, columns, channels. */

import { formatShape, type Shape } from '../core/tensor.ts';
import { fileError } from './bytes.ts';

export type ArrayKind = 'frames' | 'flow';

/** Which axis of an array is what; others have the extent 1. */
export interface ArrayLayout {
  readonly time: number;
  readonly row: number;
  readonly column: number;
  readonly channel: number;
}

const CHANNELS: Record<ArrayKind, number> = { frames: 3, flow: 2 };
const WANTED: Record<ArrayKind, string> = {
  frames: 'a clip is T×H×W×3, either uint8 or float32 in −1 … 1, with at least one frame',
  flow: 'flow is float32 T×H×W×2, u then v, with at least one frame',
};
/** A picture has more columns than this; what has fewer is an axis of channels. */
const MOST_CHANNELS = 4;

/**
 * T×H×W×C, as the field keeps clips; or T×C×H×W, C×T×H×W, as PyTorch does. One more axis of extent 1 may come first.
 * @throws InputError that says what would be right, or how to make it of what there is.
 */
export function findLayout(kind: ArrayKind, dtype: string, shape: Shape, path: string): ArrayLayout {
  const channels = CHANNELS[kind];
  const what = `${path} holds ${dtype} ${formatShape(shape)}`;
  const refuse = (advice: string) => fileError(`${what}; ${advice}.`);
  const offset = shape.length === 5 ? 1 : 0;
  const [a = 0, b = 0, c = 0, d = 0, ...more] = shape.slice(offset);
  const axes = (time: number, row: number, column: number, channel: number): ArrayLayout => ({
    time: time + offset,
    row: row + offset,
    column: column + offset,
    channel: channel + offset,
  });
  if (shape.includes(0)) throw refuse(WANTED[kind]);
  if (shape.length === 3 && c === channels && kind === 'frames') {
    throw refuse('that is one picture; give it as a .png, or several as T×H×W×3');
  }
  if (shape.length === 3 && c > MOST_CHANNELS && kind === 'frames') {
    throw refuse(`${WANTED[kind]}; of grey frames T×H×W make x = np.repeat(x[..., None], 3, axis=-1)`);
  }
  if ((shape.length !== 4 && shape.length !== 5) || more.length > 0) throw refuse(WANTED[kind]);
  if (offset === 1 && shape[0] !== 1) {
    throw refuse(`that is a batch of ${shape[0]}; save one of them, such as x[0], T×H×W×${channels}`);
  }
  if (d === channels) return axes(0, 1, 2, 3);
  if (d > MOST_CHANNELS && c > MOST_CHANNELS) {
    if (a === channels && b === channels) {
      const moved = `np.moveaxis(x, ${offset}, -1)`;
      const other = `np.moveaxis(x, ${offset + 1}, -1)`;
      throw refuse(
        `either of the axes of ${channels} could be the channels; save it as T×H×W×${channels}: ${moved} where channels come first, ${other} where time does`,
      );
    }
    if (b === channels) return axes(0, 2, 3, 1);
    if (a === channels) return axes(1, 2, 3, 0);
  }
  const advice = channelAdvice(kind, d > MOST_CHANNELS ? Math.min(a, b) : d);
  throw refuse(advice === undefined ? WANTED[kind] : `${WANTED[kind]}; ${advice}`);
}

/** What to do about other numbers of channels that people have. */
function channelAdvice(kind: ArrayKind, channels: number): string | undefined {
  if (kind === 'flow') return channels === 3 ? 'these look like frames' : undefined;
  if (channels === 4) return 'drop the alpha channel, x[..., :3]';
  if (channels === 1) return 'of grey frames make x = np.repeat(x, 3, axis=-1)';
  return channels === 2 ? 'flow is given as --flow-input' : undefined;
}

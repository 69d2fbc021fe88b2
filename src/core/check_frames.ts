/** @file What decoded frames have to look like, wherever they are given to the device. */

import { checkTensor } from './check.ts';
import { InputError } from './errors.ts';
import { formatShape, type HostTensor, type Shape } from './tensor.ts';

/**
 * @param what Begins the sentence and takes the frames, such as `Flow`.
 * @throws InputError unless `frames` are T×H×W×3 bytes, with as many values as that.
 */
export function checkRgbFrames(what: string, frames: unknown): asserts frames is HostTensor<'u8'> {
  checkTensor(`The clip that ${what} is given`, frames, ['u8']);
  const { shape } = frames;
  if (shape.length === 4 && shape[3] === 3) return;
  throw new InputError(
    `${what} needs frames × height × width × 3 bytes, not ${formatShape(shape)}${adviceFor(shape)}.`,
  );
}

function adviceFor(shape: Shape): string {
  if (shape.length === 5) return '; give one clip, without the extent of a batch';
  if (shape.length === 3) return '; give a clip, of one frame too';
  if (shape.length !== 4) return '';
  if (shape[3] === 4) return '; leave the alpha channel out';
  if (shape[3] === 1) return '; repeat grey three times';
  return shape[1] === 3 ? '; channels come last' : '';
}

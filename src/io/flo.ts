/**
 * @file Middlebury's .flo files: one flow field. Little-endian: the float 202021.25 ("PIEH"), width and height as int32, then
 * rows of (u, v) as float32. Values above 1e9 mark unknown flow.
 */

import { checkTensor } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { type FloatTensor, floatTensor, formatShape } from '../core/tensor.ts';
import { counted } from '../core/words.ts';
import { asBytes, type ByteSource, readElements } from './bytes.ts';

const MAGIC = 202021.25;
const HEADER = 12;
/** Larger than any picture; what a broken header says beyond it is not believed. */
const MAX_SIDE = 99_999;

/**
 * @param file Its bytes: an ArrayBuffer or a view of one.
 * @param source Begins the error messages: the file's name.
 * @returns H×W×2, pixels, u then v.
 * @throws InputError for another kind of file, or one that is cut off.
 */
export function decodeFlo(file: ByteSource, source = 'The file'): FloatTensor {
  const bytes = asBytes(file, 'decodeFlo');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER)
    throw new InputError(`${source} is not a .flo file: it has ${counted(bytes.length, 'byte')}.`);
  if (view.getFloat32(0, true) !== MAGIC) {
    throw new InputError(`${source} is not a .flo file: it does not begin with "PIEH".`);
  }
  const width = view.getInt32(4, true);
  const height = view.getInt32(8, true);
  if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE) {
    throw new InputError(`${source} is broken: it claims a size of ${width}×${height}.`);
  }
  const expected = HEADER + width * height * 8;
  if (bytes.length !== expected) {
    const how = bytes.length < expected ? 'cut off' : 'too long';
    throw new InputError(
      `${source} is ${how}: ${width}×${height} needs ${counted(expected, 'byte')}, and it has ${bytes.length}.`,
    );
  }
  return floatTensor([height, width, 2], readElements('f32', bytes, HEADER, width * height * 2));
}

/**
 * @param flow H×W×2, pixels.
 * @throws InputError for another shape, or data that do not fit it.
 */
export function encodeFlo(flow: FloatTensor): Uint8Array<ArrayBuffer> {
  checkTensor('The flow', flow, ['f32']);
  const [height = 0, width = 0] = flow.shape;
  if (flow.shape.length !== 3 || flow.shape[2] !== 2 || height < 1 || width < 1) {
    throw new InputError(`A .flo file holds height×width×2 values, not ${formatShape(flow.shape)}.`);
  }
  const bytes = new Uint8Array(HEADER + flow.data.length * 4);
  const view = new DataView(bytes.buffer);
  view.setFloat32(0, MAGIC, true);
  view.setInt32(4, width, true);
  view.setInt32(8, height, true);
  new Float32Array(bytes.buffer, HEADER).set(flow.data);
  return bytes;
}

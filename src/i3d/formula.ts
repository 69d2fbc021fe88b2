/**
 * @file Parameters by a formula, for demonstrations and measurements without a file: reproducible in any language, of
 * sensible magnitude, and of no meaning. u(name, i) is uniform in 0 … 1, from the 32-bit FNV-1a hash of the name and an
 * integer mixer.
 */

import { type FloatTensor, floatTensor, sizeOf } from '../core/tensor.ts';
import { STREAM_CHANNELS, type Stream } from '../models/definition.ts';
import type { ModelWeights } from '../models/weights.ts';
import { checkpointShapes, readI3dCheckpoint } from './checkpoint.ts';

/** An untrained network of the published size: its labels mean nothing. */
export function formulaCheckpoint(stream: Stream, classes = 400): ModelWeights {
  const tensors = new Map<string, FloatTensor>();
  // The formula counts in PyTorch's names and axes.
  for (const [name, shape] of checkpointShapes('pytorch', STREAM_CHANNELS[stream], classes)) {
    const { scale, shift } = rangeOf(name, sizeOf(shape.slice(1)));
    tensors.set(name, floatTensor(shape, uniform(name, sizeOf(shape), scale, shift)));
  }
  return readI3dCheckpoint(tensors, 'the untrained network');
}

/** Values are u · scale + shift. */
function rangeOf(name: string, fanIn: number): { scale: number; shift: number } {
  if (name.endsWith('bn.weight')) return { scale: 0.4, shift: 0.8 };
  if (name.endsWith('running_var')) return { scale: 1, shift: 0.5 };
  // He's initialisation keeps the magnitude from layer to layer.
  const bound = name.endsWith('conv3d.weight') ? Math.sqrt(6 / fanIn) : 0.1;
  return { scale: 2 * bound, shift: -bound };
}

function uniform(name: string, count: number, scale: number, shift: number): Float32Array {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let x = (i + hash) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    values[i] = (((x ^ (x >>> 16)) >>> 0) / 2 ** 32) * scale + shift;
  }
  return values;
}

/**
 * @file Weights flipped for the gradient of a convolution by its input, on the device and on the host.
 *
 * That gradient is, where the stride is 1, a convolution of dy with the same window, its taps in reverse and its channels
 * swapped: flipped[taps − 1 − tap][co][ci] = weights[tap][ci][co].
 *
 *   state    [tap][ci] rows of Cout channels (up to a multiple of 4)
 *   flipped   [group of rows][rows of the group up to a multiple of 4] of Cin channels (up to a multiple of 4), where the rows
 *            are [tap reversed][co] and a group has Cout of them (or those of one row of the window, see stem.ts)
 *
 * One thread per vec4 of the flipped weights: four loads that lie Cout apart. Threads run along the rows, so that a workgroup's
 * loads are neighbours (its stores are not, but weights are small).
 */

import type { Kernel } from '../../core/kernel.ts';
import { vec4s } from '../shared/view.ts';
import { constant, divideUp, entryPoint, foldGrid, kernel, repeat, storage, struct } from '../shared/wgsl.ts';

interface Conv3dFlipWeightsProblem {
  readonly taps: number;
  /** Channels of the convolution's input and output; the flipped weights take Cout to Cin. */
  readonly cin: number;
  readonly cout: number;
  /** Rows of a group, a divisor of taps · Cout. */
  readonly rows: number;
}

const Params = struct('Conv3dFlipWeights', {
  groups: 'u32',
  rows: 'u32',
  padded: 'u32',
  taps: 'u32',
  cin: 'u32',
  cin4: 'u32',
  cout: 'u32',
  cout_padded: 'u32',
});

/** Bindings: weights (a state, as `array<f32>`), packed. */
export function conv3dFlipWeights({ taps, cin, cout, rows }: Conv3dFlipWeightsProblem, workgroupSize = 64): Kernel {
  const groups = (taps * cout) / rows;
  const padded = 4 * vec4s(rows);
  const cin4 = vec4s(cin);
  return kernel({
    name: 'conv3d_flip_weights',
    params: Params,
    values: { groups, rows, padded, taps, cin, cin4, cout, cout_padded: 4 * vec4s(cout) },
    storage: [constant('weights', 'array<f32>'), storage('packed')],
    workgroups: foldGrid(divideUp(groups * padded * cin4, workgroupSize)),
    body: /* wgsl */ `
${entryPoint(workgroupSize, 'thread')} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + thread;
  let row = index % p.padded;
  let c = index / p.padded % p.cin4;
  let group = index / p.padded / p.cin4;
  if (group >= p.groups) { return; }
  var value = vec4f(0);
  if (row < p.rows) {
    let flat = group * p.rows + row;
    let tap = p.taps - 1u - flat / p.cout;
    let source = (tap * p.cin + 4u * c) * p.cout_padded + flat % p.cout;
    // Channels past the last one read the last one's.
    let last = p.cin - 1u - 4u * c;
    value = vec4f(
      ${repeat(4, (i) => `select(0.0, weights[source + min(${i}u, last) * p.cout_padded], ${i}u <= last),`, '\n      ')}
    );
  }
  packed[(group * p.padded + row) * p.cin4 + c] = value;
}`,
  });
}

/**
 * The same on the host, without padding.
 * @param weights [taps][Cin][Cout]
 * @returns [taps, reversed][Cout][Cin]
 */
export function flipWeights(weights: Float32Array, taps: number, cin: number, cout: number): Float32Array {
  const flipped = new Float32Array(weights.length);
  for (let tap = 0; tap < taps; tap++) {
    for (let ci = 0; ci < cin; ci++) {
      for (let co = 0; co < cout; co++) {
        flipped[((taps - 1 - tap) * cout + co) * cin + ci] = weights[(tap * cin + ci) * cout + co]!;
      }
    }
  }
  return flipped;
}

/**
 * @file Weights that lie on the device, packed for the convolution kernels there.
 *
 * A state holds weights as an activation does: rows [tap][Cin], each of Cout channels padded to a multiple of 4. The kernels
 * want [group of rows][rows of the group up to a multiple of 4][Cout up to a multiple of 4] (`packWeights` in conv3d.ts),
 * which is the same memory where a group's rows are a multiple of 4; otherwise this copy puts rows of zeros between them.
 *
 *   state   [tap 0: r g b][tap 1: r g b] …        rows, each Cout/4 vec4
 *   packed  [tap 0: r g b 0][tap 1: r g b 0] …
 *
 * One thread per vec4 of the packed weights, along the channels; no barriers; bound by memory.
 */

import type { Kernel } from '../../core/kernel.ts';
import { vec4s } from '../shared/view.ts';
import { constant, divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';

interface Conv3dPackProblem {
  /** Groups of rows: the taps, or those of one column where a row of the window is packed (stem.ts). */
  readonly groups: number;
  /** Rows of a group: input channels, times the window's columns where those are packed. */
  readonly rows: number;
  readonly cout: number;
}

/** Bytes of weights as the kernels read them. */
export const packedWeightsBytes = ({ groups, rows, cout }: Conv3dPackProblem): number =>
  groups * 4 * vec4s(rows) * vec4s(cout) * 16;

const Params = struct('Conv3dPack', { count: 'u32', rows: 'u32', padded: 'u32', cout4: 'u32' });

/** Bindings: weights (a state), packed. */
export function conv3dPack(problem: Conv3dPackProblem, workgroupSize = 64): Kernel {
  const count = packedWeightsBytes(problem) / 16;
  return kernel({
    name: 'conv3d_pack',
    params: Params,
    values: { count, rows: problem.rows, padded: 4 * vec4s(problem.rows), cout4: vec4s(problem.cout) },
    storage: [constant('weights'), storage('packed')],
    workgroups: foldGrid(divideUp(count, workgroupSize)),
    body: /* wgsl */ `
${entryPoint(workgroupSize, 'thread')} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + thread;
  if (index >= p.count) { return; }
  let at = index / p.cout4;
  let row = at % p.padded;
  let source = (at / p.padded * p.rows + min(row, p.rows - 1u)) * p.cout4 + index % p.cout4;
  packed[index] = select(vec4f(0), weights[source], row < p.rows);
}`,
  });
}

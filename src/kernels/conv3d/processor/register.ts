/**
 * @file 3D convolution by register tiles, for software adapters without subgroups.
 *
 * M, N, K and the layouts: see conv3d.ts. One workgroup is L lanes (as many as the processor's vector has) and computes
 * L·pixelsPerLane consecutive output pixels × 4·vectorsPerLane output channels. The lanes lie along the pixels; each lane
 * owns pixelsPerLane pixels (l, l + L, l + 2L, …) × all channels of the tile, one named `vec4f` accumulator each.
 *
 *          4·vectorsPerLane channels      Per tap and 4 input channels:
 *          v0   v1                          4·vectorsPerLane weight loads, the same for all lanes,
 *   l0  ┌─────┬─────┐                       pixelsPerLane loads of x,
 *   …   │ ←  one    │  × pixelsPerLane      16·pixelsPerLane·vectorsPerLane products.
 *   l7  │   lane →   │
 *       └─────┴─────┘
 *
 * No barriers and no workgroup memory: on a processor a barrier ends and restarts every lane's loop, and workgroup memory is
 * memory like any other. Loads and products are interleaved on purpose: loading first lets LLVM hoist all products and spill
 * them. A storage load is about 2 KB of machine code for 8 lanes, so the tile is bounded by the instruction cache
 * (12 loads of 4 × 2), not by registers.
 */

import type { Kernel } from '../../../core/kernel.ts';
import { pixelsOf } from '../../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat } from '../../shared/wgsl.ts';
import {
  Conv3dParams,
  type Conv3dProblem,
  conv3dBindings,
  conv3dValues,
  PIXEL_FUNCTIONS,
  storeFunction,
} from '../problem.ts';

interface Conv3dRegisterTile {
  /** Threads of a workgroup: the lanes of the processor's vectors, 8 as a rule. */
  readonly lanes: number;
  readonly pixelsPerLane: number;
  /** Output channels of the tile, in vec4. */
  readonly vectorsPerLane: number;
}

export function conv3dRegister(problem: Conv3dProblem, tile: Conv3dRegisterTile): Kernel {
  const { lanes, pixelsPerLane, vectorsPerLane } = tile;
  const pixels = lanes * pixelsPerLane;
  const values = conv3dValues(problem);
  const tiles = divideUp(pixelsOf(problem.outputs[0]!), pixels);
  const load = (row: number, v: number): string =>
    `let w${row}_${v} = weights[(w_row + ${row}u) * p.cout4 + w_column${v}];`;
  const products = (i: number): string => /* wgsl */ `
        {
          let v = select(vec4f(0), x[u32(max(a${i}, 0)) + c], a${i} >= 0);
          ${repeat(
            vectorsPerLane,
            (v) => repeat(4, (row) => `acc${i}_${v} += v[${row}] * w${row}_${v};`, ' '),
            '\n          ',
          )}
        }`;
  return kernel({
    name: `conv3d_register ${pixels}×${4 * vectorsPerLane}`,
    params: Conv3dParams,
    values,
    storage: conv3dBindings(problem),
    workgroups: foldGrid(tiles, divideUp(values.cout4, vectorsPerLane)),
    body: /* wgsl */ `
${PIXEL_FUNCTIONS}
${storeFunction(problem)}

${entryPoint(lanes)} {
  let first = (workgroup.x + workgroup.z * grid.x) * ${pixels}u + lane;
  let oc4 = workgroup.y * ${vectorsPerLane}u;
  // Vectors past the last channel read the last one's weights and store nothing.
  ${repeat(vectorsPerLane, (v) => `let w_column${v} = min(oc4 + ${v}u, p.cout4 - 1u);`, '\n  ')}
  ${repeat(pixelsPerLane, (i) => `let corner${i} = corner(min(first + ${i * lanes}u, p.pixels - 1u));`, '\n  ')}
  ${repeat(pixelsPerLane, (i) => repeat(vectorsPerLane, (v) => `var acc${i}_${v} = vec4f(0);`, ' '), '\n  ')}
  var w_row = 0u;
  for (var kt = 0; kt < p.kernel_t; kt++) {
  for (var kh = 0; kh < p.kernel_h; kh++) {
  for (var kw = 0; kw < p.kernel_w; kw++) {
      let tap = vec3i(kt, kh, kw);
      ${repeat(pixelsPerLane, (i) => `let a${i} = address(corner${i}, tap);`, '\n      ')}
      for (var c = 0u; c < p.cin4; c++) {
        ${repeat(vectorsPerLane, (v) => repeat(4, (row) => load(row, v), '\n        '), '\n        ')}
        w_row += 4u;
        ${repeat(pixelsPerLane, products, '').trim()}
      }
  }}}
  ${repeat(
    pixelsPerLane,
    (i) => repeat(vectorsPerLane, (v) => `store(first + ${i * lanes}u, oc4 + ${v}u, acc${i}_${v});`, '\n  '),
    '\n  ',
  )}
}`,
  });
}

/**
 * @file 3D convolution for adapters whose subgroups are narrow, where there are few output channels.
 *
 * M, N, K and the layouts: see conv3d.ts. The mirror of conv3d_subgroup.ts, whose lanes lie along the output channels and idle
 * where there are fewer than 4·L of them. Here the lanes lie along the pixels: one workgroup is one subgroup of L lanes and
 * computes L·pixelsPerLane consecutive output pixels × 4·vectors output channels. Lane l owns pixels l, l + L, l + 2L, … for
 * all channels of the tile: pixelsPerLane·vectors `vec4f` accumulators, named variables.
 *
 *          4·vectors channels             Per tap and 4 input channels:
 *          v0   v1  …                       pixelsPerLane loads of x, every lane its own pixels,
 *   l0  ┌────┬────┐                         4·vectors weight vec4: each lane loads a *different* one
 *   …   │  ← one  │ × pixelsPerLane         (one or two loads), and each is broadcast to all lanes.
 *   l7  │  lane → │
 *       └────┴────┘
 *
 * A load costs a software adapter about 40 instructions per lane whether lanes share the address or not, a broadcast 3. No
 * barriers and no workgroup memory: the lanes run in lockstep.
 */

import type { Kernel } from '../core/kernel.ts';
import {
  Conv3dParams,
  type Conv3dProblem,
  conv3dBindings,
  conv3dValues,
  PIXEL_FUNCTIONS,
  storeFunction,
} from './conv3d.ts';
import { pixelsOf } from './view.ts';
import { divideUp, foldGrid, kernel, repeat } from './wgsl.ts';

export interface Conv3dSubgroupPixelsTile {
  /** Lanes of a subgroup on this adapter; fixed, 4 to 16. */
  readonly lanes: number;
  readonly pixelsPerLane: number;
  /** Output channels of the tile, in vec4: 1 to 4. */
  readonly vectors: number;
}

export function conv3dSubgroupPixels(problem: Conv3dProblem, tile: Conv3dSubgroupPixelsTile): Kernel {
  const { lanes, pixelsPerLane, vectors } = tile;
  const pixels = lanes * pixelsPerLane;
  const values = conv3dValues(problem);
  const tiles = divideUp(pixelsOf(problem.outputs[0]!), pixels);
  const weights = 4 * vectors;
  const loads = divideUp(weights, lanes);
  const product = (index: number): string => {
    const [row, v] = [Math.floor(index / vectors), index % vectors];
    const sums = repeat(pixelsPerLane, (i) => `acc${i}_${v} += v${i}[${row}] * b;`, ' ');
    return `{ let b = subgroupBroadcast(w${Math.floor(index / lanes)}, ${index % lanes}u); ${sums} }`;
  };
  return kernel({
    name: `conv3d_subgroup_pixels ${pixels}×${4 * vectors}`,
    params: Conv3dParams,
    values,
    storage: conv3dBindings(problem.outputs.length),
    workgroups: foldGrid(tiles, divideUp(values.cout4, vectors)),
    enable: 'enable subgroups;',
    body: /* wgsl */ `
${PIXEL_FUNCTIONS}
${storeFunction(problem.outputs.length)}

@compute @workgroup_size(${lanes})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let first = (workgroup.x + workgroup.z * grid.x) * ${pixels}u + lane;
  let oc4 = workgroup.y * ${vectors}u;
  ${repeat(pixelsPerLane, (i) => `let corner${i} = corner(min(first + ${i * lanes}u, p.pixels - 1u));`, '\n  ')}
  // Which of the tile's weights this lane loads: row and vec4 of output channels. Lanes without one, and vec4 past the last
  // channel, read another one that nobody uses.
  ${repeat(loads, (i) => `let index${i} = min(lane + ${i * lanes}u, ${weights - 1}u);`, '\n  ')}
  ${repeat(loads, (i) => `let at${i} = index${i} / ${vectors}u * p.cout4 + min(oc4 + index${i} % ${vectors}u, p.cout4 - 1u);`, '\n  ')}
  ${repeat(pixelsPerLane, (i) => repeat(vectors, (v) => `var acc${i}_${v} = vec4f(0);`, ' '), '\n  ')}
  var w_row = 0u;
  for (var kt = 0; kt < p.kernel_t; kt++) {
  for (var kh = 0; kh < p.kernel_h; kh++) {
  for (var kw = 0; kw < p.kernel_w; kw++) {
      let tap = vec3i(kt, kh, kw);
      ${repeat(pixelsPerLane, (i) => `let a${i} = address(corner${i}, tap);`, '\n      ')}
      for (var c = 0u; c < p.cin4; c++) {
        ${repeat(loads, (i) => `let w${i} = weights[w_row * p.cout4 + at${i}];`, '\n        ')}
        ${repeat(pixelsPerLane, (i) => `let v${i} = select(vec4f(0), x[u32(max(a${i}, 0)) + c], a${i} >= 0);`, '\n        ')}
        w_row += 4u;
        ${repeat(weights, product, '\n        ')}
      }
  }}}
  var sums = array<vec4f, ${pixelsPerLane * vectors}>(${repeat(pixelsPerLane, (i) => repeat(vectors, (v) => `acc${i}_${v}`, ', '), ', ')});
  let count = (max(p.pixels, first) - first + ${lanes - 1}u) / ${lanes}u;
  for (var i = 0u; i < min(count, ${pixelsPerLane}u); i++) {
    for (var v = 0u; v < ${vectors}u; v++) { store(first + i * ${lanes}u, oc4 + v, sums[i * ${vectors}u + v]); }
  }
}`,
  });
}

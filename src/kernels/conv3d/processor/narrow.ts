/**
 * @file 3D convolution with few output channels, for adapters whose subgroups are narrow (software adapters: 4 to 16 lanes).
 *
 * M, N, K and the layouts: see conv3d.ts. subgroup.ts gives each lane 4 of the output channels, which leaves lanes idle
 * below 4·L channels. Here the lanes lie along the pixels: one workgroup is one subgroup of L lanes and computes
 * L·pixelsPerLane output pixels × 4·vectors channels; each lane owns pixelsPerLane pixels × all channels of the tile.
 *
 *              4·vectors channels          Per tap and 4 input channels:
 *            ┌──────────────────┐            the 4 × vectors vec4 of weights are loaded by different lanes (8 channels on
 *      l0    │  one lane  →     │            8 lanes: one load each) and broadcast to all,
 *      l1    │                  │            pixelsPerLane loads of x, each lane its own pixel,
 *      …     │                  │            16·vectors products for each.
 *            └──────────────────┘
 *             × pixelsPerLane
 *
 * Loads are what costs (see subgroup.ts), and no two lanes load the same. No barriers and no workgroup memory. Loads and
 * products are interleaved on purpose, so that LLVM does not hoist all products and spill them.
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

interface Conv3dNarrowTile {
  /** Lanes of a subgroup on this adapter; fixed, 4 to 16. */
  readonly lanes: number;
  readonly pixelsPerLane: number;
  /** Output channels of the tile, in vec4. */
  readonly vectors: number;
}

export function conv3dNarrow(problem: Conv3dProblem, tile: Conv3dNarrowTile): Kernel {
  const { lanes, pixelsPerLane, vectors } = tile;
  const pixels = lanes * pixelsPerLane;
  const values = conv3dValues(problem);
  const loads = divideUp(4 * vectors, lanes);
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const offset = (n: number): string => /* wgsl */ `let slot${n} = min(lane + ${n * lanes}u, ${4 * vectors - 1}u);
  let w_offset${n} = slot${n} / ${vectors}u * p.cout4 + min(oc4 + slot${n} % ${vectors}u, p.cout4 - 1u);`;
  const weight = (row: number, v: number): string => {
    const slot = row * vectors + v;
    return `let w${row}_${v} = subgroupBroadcast(q${Math.floor(slot / lanes)}, ${slot % lanes}u);`;
  };
  const products = (i: number): string => /* wgsl */ `
        {
          let v = select(vec4f(0), x[u32(max(a${i}, 0)) + c], a${i} >= 0);
          ${lines(vectors, (v) => repeat(4, (row) => `acc${v * pixelsPerLane + i} += v[${row}] * w${row}_${v};`, ' '), 10)}
        }`;
  return kernel({
    name: `conv3d_narrow ${pixels}×${4 * vectors}`,
    params: Conv3dParams,
    values,
    storage: conv3dBindings(problem),
    workgroups: foldGrid(divideUp(pixelsOf(problem.outputs[0]!), pixels), divideUp(values.cout4, vectors)),
    enable: 'enable subgroups;',
    body: /* wgsl */ `
${PIXEL_FUNCTIONS}
${storeFunction(problem)}

${entryPoint(lanes, 'lane', 'subgroup_invocation_id')} {
  let first = (workgroup.x + workgroup.z * grid.x) * ${pixels}u + lane;
  // Vectors past the last channel read the last one's weights and store nothing.
  let oc4 = workgroup.y * ${vectors}u;
  ${lines(loads, offset)}
  ${lines(pixelsPerLane, (i) => `let corner${i} = corner(min(first + ${i * lanes}u, p.pixels - 1u));`)}
  ${lines(pixelsPerLane * vectors, (i) => `var acc${i} = vec4f(0);`)}
  var w_row = 0u;
  for (var kt = 0; kt < p.kernel_t; kt++) {
  for (var kh = 0; kh < p.kernel_h; kh++) {
  for (var kw = 0; kw < p.kernel_w; kw++) {
      let tap = vec3i(kt, kh, kw);
      ${lines(pixelsPerLane, (i) => `let a${i} = address(corner${i}, tap);`, 6)}
      for (var c = 0u; c < p.cin4; c++) {
        ${lines(loads, (n) => `let q${n} = weights[w_row + w_offset${n}];`, 8)}
        w_row += 4u * p.cout4;
        ${lines(4, (row) => lines(vectors, (v) => weight(row, v), 8), 8)}
        ${repeat(pixelsPerLane, products, '').trim()}
      }
  }}}
  // A loop over an array, used nowhere else, up to a number that compilers do not know: written out, the stores are most of the
  // text and of the time to compile it.
  var sums = array<vec4f, ${pixelsPerLane * vectors}>(${repeat(pixelsPerLane * vectors, (i) => `acc${i}`, ', ')});
  let count = min(p.cout4 - oc4, ${vectors}u) * ${pixelsPerLane}u;
  for (var i = 0u; i < count; i++) {
    store(first + i % ${pixelsPerLane}u * ${lanes}u, oc4 + i / ${pixelsPerLane}u, sums[i]);
  }
}`,
  });
}

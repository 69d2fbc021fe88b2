/**
 * @file 3D convolution for adapters whose subgroups are narrow (software adapters: 4 or 8 lanes).
 *
 * M, N, K and the layouts: see conv3d.ts. One workgroup is one subgroup of L lanes and computes P = L·pixelsPerLane
 * consecutive output pixels × 4·L output channels. Lane l owns output channels 4l … 4l+3 of the tile, for all P pixels:
 * P `vec4f` accumulators, named variables, since arrays of them would go to memory.
 *
 *            4L channels                Per tap and 4 input channels:
 *          l0  l1 … l7                    4 weight loads per lane (contiguous over the lanes),
 *   P   ┌────┬────┬────┐                  pixelsPerLane loads of x, each lane a *different* pixel,
 *  pix. │ ↓  │ ↓  │ ↓  │  lane l:         each pixel broadcast to all lanes and multiplied.
 *       │ P accum. each│
 *       └────┴────┴────┘
 *
 * On a software adapter a storage load costs the same whether lanes share the address or not, about 40 instructions per lane;
 * a broadcast costs 3. Loading every pixel once per subgroup instead of once per lane is what makes it 2.5 times as fast as
 * the same tile without subgroups. No barriers and no workgroup memory: the lanes run in lockstep. Loads and products are
 * interleaved on purpose: loading first lets LLVM hoist all products and spill them. The loop body has to stay inside the
 * processor's instruction cache, hence few pixels per lane.
 */

import type { Kernel } from '../../../core/kernel.ts';
import { broadcastProducts, laneWeights, type WeightsIn } from '../../shared/subgroup.ts';
import { pixelsOf } from '../../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat } from '../../shared/wgsl.ts';
import {
  Conv3dParams,
  type Conv3dProblem,
  conv3dBindings,
  conv3dValues,
  PIXEL_FUNCTIONS,
  quadsOf,
  SHIFT_FUNCTION,
  shiftUniforms,
  storeFunction,
} from '../problem.ts';

interface Conv3dSubgroupTile {
  /** Lanes of a subgroup on this adapter; fixed, 4 to 16. */
  readonly lanes: number;
  /** Input pixels that each lane loads: 2 to 4. */
  readonly pixelsPerLane: number;
  /**
   * Outputs that the shader has; as many as the problem has where left out. One shader for all numbers of outputs is compiled
   * once. Those that a problem does not have are never written, but something must be bound to them.
   */
  readonly outputs?: number;
  /** `buffer` where left out. */
  readonly weightsIn?: WeightsIn;
}

export function conv3dSubgroup(problem: Conv3dProblem, tile: Conv3dSubgroupTile): Kernel {
  const { lanes, pixelsPerLane, outputs = problem.outputs.length, weightsIn = 'buffer' } = tile;
  const pixels = lanes * pixelsPerLane;
  const weights = laneWeights(weightsIn, lanes);
  const views = Array.from({ length: outputs }, (_, i) => problem.outputs[i] ?? problem.outputs[0]!);
  const values = conv3dValues(problem);
  const tiles = divideUp(pixelsOf(problem.outputs[0]!), pixels);
  const perLoad = (i: number): string => /* wgsl */ `
        { // pixels ${i * lanes} … ${(i + 1) * lanes - 1}
          let v = select(vec4f(0), x[u32(max(a${i}, 0)) + c], a${i} >= 0);
          ${broadcastProducts('v', i * lanes, lanes).join('\n          ')}
        }`;
  const { shift } = problem;
  // All channels of a tap after another, or, with a shift, the taps of one channel after another.
  const [taps, channels] = shift
    ? [
        `var channel = 0u;
  for (var part = 0; part < 3; part++) {
      let upto = select(select(p.cin4, p.shift_second, part < 2), p.shift_first, part < 1);
      let tap = vec3i(tap_of(channel), 0, 0);`,
        'for (; channel < upto; channel++) { let c = channel;',
      ]
    : [
        `for (var kt = 0; kt < p.kernel_t; kt++) {
  for (var kh = 0; kh < p.kernel_h; kh++) {
  for (var kw = 0; kw < p.kernel_w; kw++) {
      let tap = vec3i(kt, kh, kw);`,
        'for (var c = 0u; c < p.cin4; c++) {',
      ];
  return kernel({
    name: `conv3d_subgroup ${shift ? 'shifted ' : ''}${weightsIn === 'panels' ? 'panels ' : ''}${pixels}×${4 * lanes}`,
    ...shiftUniforms(problem, { params: Conv3dParams, values }),
    storage: conv3dBindings({ x: problem.x, outputs: views }, weights.binding),
    workgroups: foldGrid(tiles, divideUp(values.cout4, lanes)),
    enable: 'enable subgroups;',
    body: /* wgsl */ `
${PIXEL_FUNCTIONS}${shift ? SHIFT_FUNCTION : ''}
${storeFunction({ ...problem, outputs: views })}

${entryPoint(lanes, 'lane', 'subgroup_invocation_id')} {
  let first = (workgroup.x + workgroup.z * grid.x) * ${pixels}u;
  let oc4 = workgroup.y * ${lanes}u + lane;
  ${weights.begin('0u', `(4u * ${quadsOf(problem)})`)}
  ${repeat(pixelsPerLane, (i) => `let corner${i} = corner(min(first + ${i * lanes}u + lane, p.pixels - 1u));`)}
  ${repeat(pixels, (i) => `var acc${i} = vec4f(0);`)}
  ${taps}
      ${repeat(pixelsPerLane, (i) => `let a${i} = address(corner${i}, tap);`)}
      ${channels}
        ${weights.load}
        ${repeat(pixelsPerLane, perLoad, '')}
      }
  ${shift ? '}' : '}}}'}
  // A loop over an array, used nowhere else: written out, the stores are most of the text and of the time to compile it.
  var sums = array<vec4f, ${pixels}>(${repeat(pixels, (i) => `acc${i}`, ', ')});
  let count = select(0u, min(max(p.pixels, first) - first, ${pixels}u), oc4 < p.cout4);
  let b = bias_of(oc4);
  for (var i = 0u; i < count; i++) { store_inside(first + i, oc4, sums[i], b); }
}`,
  });
}

/**
 * @file 3D convolution of a few output pixels, as a dense layer has it: bound by the reading of its weights, each of which is used for every
 * pixel once. M, N, K and the layouts: see problem.ts.
 *
 *            64 vec4 of channels          A thread has one vec4 of output channels of all pixels and walks over its part of K. Neighbours
 *           ┌─────────────────┐           read neighbouring vec4 of a row of K, 16 of them under way together. So many parts of K, along z,
 *    part 0 │ row of K ─────▶ │           as fill a device; their sums are added by a second dispatch, in order (split_k.ts).
 *           │ …               │
 *    part 1 │                 │           On processors a workgroup is one subgroup: each lane loads another vec4 of x and hands it to
 *           └─────────────────┘           the others, and weights lie in panels (shared/subgroup.ts). No barriers in either.
 */

import type { Kernel } from '../../core/kernel.ts';
import { element as elementFor, elementOf } from '../shared/element.ts';
import type { WeightsIn } from '../shared/subgroup.ts';
import { pixelsOf } from '../shared/view.ts';
import { constant, divideUp, entryPoint, kernel, repeat, storage, struct, texels } from '../shared/wgsl.ts';
import {
  CONV3D_FIELDS,
  type Conv3dProblem,
  conv3dValues,
  inputBindings,
  outputBindings,
  PIXEL_FUNCTIONS,
  storeFunction,
} from './problem.ts';

export interface FewRowsTile {
  /** Of K, each computed by workgroups of its own. */
  readonly parts: number;
  /** Of a subgroup that is a workgroup, on processors; threads that know nothing of each other where left out. */
  readonly lanes?: number | undefined;
  /**
   * vec4 of K that a thread reads the weights of together, where there are no lanes: 4 on GPUs; 1 on processors, where a vec4 read from a
   * buffer is 300 instructions and a long loop leaves the cache.
   */
  readonly unrolled?: 1 | 4;
  readonly weightsIn: WeightsIn;
  readonly half?: boolean;
}

const WORKGROUP = 64;

/** Output channels of a workgroup, in vec4. */
export const fewRowsWidth = ({ lanes = WORKGROUP }: Pick<FewRowsTile, 'lanes'>): number => lanes;

/** As far as it goes, SplitKParams. */
const Params = struct('FewRows', { ...CONV3D_FIELDS, parts: 'u32' });

/** Bindings: x, weights; with one part bias and the outputs, with more the sums. */
export function conv3dFewRows(problem: Conv3dProblem, tile: FewRowsTile): Kernel {
  const { parts, lanes, unrolled = 4, weightsIn, half = false } = tile;
  const values = { ...conv3dValues(problem), parts };
  const pixels = pixelsOf(problem.outputs[0]!);
  const width = fewRowsWidth(tile);
  const together = lanes ?? unrolled;
  const panels = weightsIn === 'panels';
  const of = elementFor(half);
  const weight = (row: string): string =>
    panels ? `weights_at(w_panel + (${row}) * w_width)` : of.widen(`weights[(${row}) * p.cout4 + channels]`);
  const x = elementOf(problem.x);
  const pixel = (i: number): string => `let x${i} = x_at(corner${i}, at);`;
  const load = repeat(pixels, (i) => (lanes === undefined ? '' : `${pixel(i)}`), '\n    ');
  const value = (i: number, j: number): string =>
    lanes === undefined
      ? `x_at(corner${i}, k4 + ${j}u)`
      : `${lanes === 8 ? 'subgroupShuffle' : 'subgroupBroadcast'}(x${i}, ${j}u)`;
  const step = (j: number): string => /* wgsl */ `{
      let row = 4u * min(k4 + ${j}u, quads - 1u);
      ${repeat(4, (r) => `let w${r} = ${weight(`row + ${r}u`)};`, ' ')}
      ${repeat(pixels, (i) => `{ let v = ${value(i, j)}; acc${i} += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3; }`, '\n      ')}
    }`;
  const binding = panels ? texels('weights') : constant('weights', `array<${of.vec4}>`);
  const ends = parts > 1 ? [storage('sums')] : [constant('bias'), ...outputBindings(problem)];
  return kernel({
    name: `conv3d_few_rows ${pixels} in ${parts}${half ? ' half' : ''}${panels ? ' panels' : ''}`,
    params: Params,
    values,
    storage: [...inputBindings({ x: problem.x }, binding), ...ends],
    workgroups: [divideUp(values.cout4, width), 1, parts],
    ...(lanes === undefined ? {} : { enable: 'enable subgroups;' }),
    body: /* wgsl */ `
${PIXEL_FUNCTIONS}
${
  parts > 1
    ? `fn store(pixel: u32, oc4: u32, part: u32, value: vec4f) {
  if (oc4 < p.cout4) { sums[(part * p.pixels + pixel) * p.cout4 + oc4] = value; }
}`
    : storeFunction(problem)
}

// Of K's vec4 at \`k4\`, 0 past the last one and in the padding.
fn x_at(corner: vec4i, k4: u32) -> vec4f {
  let number = k4 / p.cin4;
  let size = vec2u(u32(p.kernel_h), u32(p.kernel_w));
  let tap = vec3i(vec3u(number / (size.y * size.x), number / size.y % size.x, number % size.y));
  let at = address(corner, tap);
  return select(vec4f(0), ${x.widen('x[u32(max(at, 0)) + k4 % p.cin4]')}, at >= 0 && tap.x < p.kernel_t);
}

${lanes === undefined ? entryPoint(WORKGROUP) : entryPoint(lanes, 'lane', 'subgroup_invocation_id')} {
  let oc4 = workgroup.x * ${width}u + lane;
  let channels = min(oc4, p.cout4 - 1u);
  let quads = u32(p.kernel_t * p.kernel_h * p.kernel_w) * p.cin4;
  let per_part = (quads + p.parts * ${together}u - 1u) / (p.parts * ${together}u) * ${together}u;
  let begin = min(workgroup.z * per_part, quads);
  let end = min(begin + per_part, quads);
  ${
    panels
      ? `let w_first = workgroup.x * ${width}u;
  let w_width = min(${width}u, p.cout4 - w_first);
  let w_panel = w_first * 4u * quads + min(lane, w_width - 1u);`
      : ''
  }
  ${repeat(pixels, (i) => `let corner${i} = corner(${i}u);\n  var acc${i} = vec4f(0);`, '\n  ')}
  for (var k4 = begin; k4 < end; k4 += ${together}u) {
    ${lanes === undefined ? '' : 'let at = k4 + lane;'}
    ${load}
    ${repeat(together, step, '\n    ')}
  }
  ${repeat(pixels, (i) => `store(${i}u, oc4, ${parts > 1 ? 'workgroup.z, ' : ''}acc${i});`, '\n  ')}
}`,
  });
}

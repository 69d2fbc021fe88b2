/**
 * @file 3D convolution, the plain way: one thread per output pixel and vec4 of output channels. The baseline that the other
 * kernels are measured against, and the one that takes any problem, groups included.
 *
 * M, N, K: see conv3d.ts; with groups, K is taps × input channels of one group, and the weights are packed with
 * `packWeights(weights, taps, cin / groups, cout)`. Threads run along the output channels first, so that a workgroup reads
 * weights and writes y in long runs. No workgroup memory, no barriers.
 *
 * With groups the four channels of a vec4 may belong to up to four groups, at any alignment: each component reads its own
 * input channels, one scalar at a time.
 */

import type { Kernel } from '../../core/kernel.ts';
import { type Element, elementOf } from '../shared/element.ts';
import { pixelsOf } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat } from '../shared/wgsl.ts';
import {
  Conv3dParams,
  type Conv3dProblem,
  conv3dBindings,
  conv3dValues,
  PIXEL_FUNCTIONS,
  SHIFT_FUNCTION,
  shiftUniforms,
  storeFunction,
} from './problem.ts';

const WORKGROUP = 64;

export function conv3dDirect(problem: Conv3dProblem): Kernel {
  const values = conv3dValues(problem);
  const x = elementOf(problem.x);
  const grouped = problem.groups > 1;
  const { shift } = problem;
  const threads = pixelsOf(problem.outputs[0]!) * values.cout4;
  return kernel({
    name: `conv3d_direct${grouped ? ' grouped' : ''}${shift ? ' shifted' : ''}`,
    ...shiftUniforms(problem, { params: Conv3dParams, values }),
    storage: conv3dBindings(problem),
    workgroups: foldGrid(divideUp(threads, WORKGROUP)),
    body: /* wgsl */ `
${PIXEL_FUNCTIONS}${shift ? SHIFT_FUNCTION : ''}
${storeFunction(problem)}

${entryPoint(WORKGROUP)} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + lane;
  let pixel = index / p.cout4;
  let oc4 = index % p.cout4;
  if (pixel >= p.pixels) { return; }
  let origin = corner(pixel);
  var acc = vec4f(0);
  var w_row = 0u;
  ${grouped ? GROUPED_START : ''}
  ${shift ? shiftedTaps(x) : allTaps(grouped ? groupedTap(x) : tap(x), grouped ? 'rows' : '4u * p.cin4')}
  store(pixel, oc4, acc);
}`,
  });
}

const allTaps = (each: string, rows: string): string => /* wgsl */ `for (var kt = 0; kt < p.kernel_t; kt++) {
  for (var kh = 0; kh < p.kernel_h; kh++) {
  for (var kw = 0; kw < p.kernel_w; kw++) {
    let a = address(origin, vec3i(kt, kh, kw));
    if (a >= 0) {
      ${each}
    }
    w_row += ${rows};
  }}}`;

const shiftedTaps = (x: Element): string => /* wgsl */ `for (var c = 0u; c < p.cin4; c++) {
    let a = address(origin, vec3i(tap_of(c), 0, 0));
    if (a >= 0) {
      ${products(x)}
    }
  }`;

const products = (x: Element): string => /* wgsl */ `let v = ${x.widen('x[u32(a) + c]')};
        let w = (w_row + 4u * c) * p.cout4 + oc4;
        acc += v.x * weights[w];
        acc += v.y * weights[w + p.cout4];
        acc += v.z * weights[w + 2u * p.cout4];
        acc += v.w * weights[w + 3u * p.cout4];`;

const tap = (x: Element): string => /* wgsl */ `for (var c = 0u; c < p.cin4; c++) {
        ${products(x)}
      }`;

// The last vec4 may have components past the last channel: their weights are zero, their group only has to exist.
const GROUPED_START = /* wgsl */ `
  let channels = p.cin / p.groups;
  let rows = (channels + 3u) / 4u * 4u;
  let group = min((4u * oc4 + vec4u(0, 1, 2, 3)) / (p.cout / p.groups), vec4u(p.groups - 1u));
  let first = group * channels;`.trim();

const groupedTap = (x: Element): string =>
  /* wgsl */ `
      for (var c = 0u; c < channels; c++) {
        let at = first + c;
        let v = vec4f(
          ${repeat(4, (i) => `${x.widen(`x[u32(a) + at[${i}] / 4u][at[${i}] % 4u]`, 1)},`, '\n          ')}
        );
        acc += v * weights[(w_row + c) * p.cout4 + oc4];
      }`.trim();

/**
 * @file Kernels over tensors that fill their memory without gaps (parameters, their gradients and momentum), vec4 by vec4.
 * A workgroup takes a run of `threads · perThread` vec4, its threads side by side, so that both kinds of adapter read it in
 * order; what holds for the whole tensor is loaded once per thread.
 */

import { pixelsOf, type View } from './view.ts';
import { divideUp, entryPoint, foldGrid } from './wgsl.ts';

const THREADS = 64;
const PER_THREAD = 8;

/** vec4 of a tensor without gaps. */
export const denseCount = (view: View): number => pixelsOf(view) * view.stride;

export const denseGrid = (count: number): ReturnType<typeof foldGrid> =>
  foldGrid(divideUp(count, THREADS * PER_THREAD));

/** WGSL of an entry point; `each` knows `i`, and `p.count` must be the number of vec4. */
export function denseMain({ setup = '', each }: { readonly setup?: string; readonly each: string }): string {
  return /* wgsl */ `
${entryPoint(THREADS)} {
  let first = (workgroup.x + workgroup.z * grid.x) * ${THREADS * PER_THREAD}u + lane;
  let end = min(first + ${THREADS * PER_THREAD}u, p.count);
  ${setup}
  for (var i = first; i < end; i += ${THREADS}u) {
    ${each}
  }
}`;
}

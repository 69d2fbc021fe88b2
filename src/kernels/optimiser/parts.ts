/**
 * @file Kernels that go through many tensors in one dispatch. Tensors lie one behind the other in a binding, with gaps between them
 * that belong to none; a table says, for each workgroup, which vec4 are its own (`PART` at most, of one tensor), and a factor that
 * the tensor has.
 */

import { constant, entryPoint } from '../shared/wgsl.ts';

/** Threads of a workgroup, side by side. */
export const PART_THREADS = 64;
/** vec4 of a workgroup at most. */
export const PART = PART_THREADS * 64;

/** The table: first vec4, one past the last, the bits of the factor, 0. */
export const partsBinding = constant('table', 'array<vec4u>');

/** WGSL of an entry point over `foldGrid` of the parts: `each` knows `i`, `setup` `part`, the table's row; `p.parts` must be the number of rows. */
export function partsMain({
  setup = '',
  each,
  finish = '',
}: {
  readonly setup?: string;
  readonly each: string;
  readonly finish?: string;
}): string {
  return /* wgsl */ `
${entryPoint(PART_THREADS)} {
  let number = workgroup.x + workgroup.z * grid.x;
  if (number >= p.parts) { return; }
  let part = table[number];
  ${setup}
  for (var i = part.x + lane; i < part.y; i += ${PART_THREADS}u) {
    ${each}
  }
  ${finish}
}`;
}

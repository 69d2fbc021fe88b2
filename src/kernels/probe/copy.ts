/**
 * @file Peak probe: how many bytes a kernel can move. y = x, `perThread` vec4f for each thread, neighbouring threads at
 * neighbouring addresses. Pooling and elementwise kernels are measured against the best of several shapes.
 */

import type { Kernel } from '../../core/kernel.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat, storage, struct } from '../shared/wgsl.ts';

export interface ProbeCopyTile {
  readonly workgroupSize: number;
  /** vec4f that each thread moves. */
  readonly perThread: number;
}

const Params = struct('ProbeCopy', { count: 'u32' });

/** @param count vec4f to copy */
export function probeCopy(count: number, { workgroupSize, perThread }: ProbeCopyTile): Kernel {
  return kernel({
    name: `probe_copy ${workgroupSize}×${perThread}`,
    params: Params,
    values: { count },
    storage: [storage('x'), storage('y')],
    workgroups: foldGrid(divideUp(count, workgroupSize * perThread)),
    body: /* wgsl */ `
${entryPoint(workgroupSize)} {
  let first = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize * perThread}u + lane;
  ${repeat(perThread, (i) => `let i${i} = first + ${i * workgroupSize}u; if (i${i} < p.count) { y[i${i}] = x[i${i}]; }`, '\n  ')}
}`,
  });
}

/**
 * @file The second stage of the gradient by the weights: adds up the parts' sums (weight_gradient.ts) and leaves out
 * the rows that fill Cin up to a multiple of 4. In the order of the parts, so that every run gives the same bits.
 *
 * One thread per vec4 of dW, along the channels: each part is read in long runs. Four loads at a time are independent of each
 * other. Bound by memory.
 */

import type { Kernel } from '../../core/kernel.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';

const Params = struct('WeightGradientSum', {
  rows: 'u32',
  cin: 'u32',
  cin_padded: 'u32',
  cout4: 'u32',
  parts: 'u32',
  part_size: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
});

interface WeightGradientSumProblem {
  /** kt × kh × kw × (Cin of a group) × Cout, as a view whose pixels are the rows. */
  readonly dw: View;
  /** Input channels of a group. */
  readonly cin: number;
  readonly parts: number;
}

/** Bindings: sums, dw. */
export function conv3dWeightGradientSum({ dw, cin, parts }: WeightGradientSumProblem, workgroupSize = 64): Kernel {
  const rows = pixelsOf(dw);
  const cout4 = vec4s(dw.shape[4]);
  const padded = 4 * vec4s(cin);
  return kernel({
    name: 'conv3d_weight_gradient sum',
    params: Params,
    values: {
      rows,
      cin,
      cin_padded: padded,
      cout4,
      parts,
      part_size: (rows / cin) * padded * cout4,
      y_base: dw.base,
      y_stride: dw.stride,
    },
    storage: [storage('sums'), storage('dw')],
    workgroups: foldGrid(divideUp(rows * cout4, workgroupSize)),
    body: /* wgsl */ `
${entryPoint(workgroupSize, 'thread')} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + thread;
  let row = index / p.cout4;
  if (row >= p.rows) { return; }
  let oc4 = index % p.cout4;
  var at = (row / p.cin * p.cin_padded + row % p.cin) * p.cout4 + oc4;
  var sum = vec4f(0);
  var part = 0u;
  for (; part + 4u <= p.parts; part += 4u) {
    let a = sums[at];
    let b = sums[at + p.part_size];
    let c = sums[at + 2u * p.part_size];
    let d = sums[at + 3u * p.part_size];
    sum += (a + b) + (c + d);
    at += 4u * p.part_size;
  }
  for (; part < p.parts; part++) {
    sum += sums[at];
    at += p.part_size;
  }
  dw[p.y_base + row * p.y_stride + oc4] = sum;
}`,
  });
}

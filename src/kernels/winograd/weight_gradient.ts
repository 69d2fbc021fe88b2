/**
 * @file Winograd for the gradient by a convolution's weights, the last of four stages. As a convolution is
 * Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A for each tile, its gradient by the window g is
 *
 *   dg = Gᵀ [ Σ over tiles of (Bᵀ d B) ⊙ (A dy Aᵀ) ] G
 *
 *   x   ──(1) Bᵀ d B──▶  V [batch][sample, tile, frame][Cin]   ┐
 *                                                              ├─(3) Σ over tiles and frames, per batch and tap over time:
 *   dy  ──(2) A dy Aᵀ─▶  D [batch][sample, tile, frame][Cout]  ┘     S [batch][part][tap][Cin][Cout]
 *
 *   dW  ◀──(4) Gᵀ s G──  S summed over the parts
 *
 * With F(4×4), 36 products for each 4 × 4 pixels of dy instead of 144. (1) and (2): transforms.ts; (3): the kernels for
 * the gradient by the weights (conv3d_backward/weight_gradient.ts), on V and D as batches of activations whose columns are the frames,
 * so that the taps over time are the columns of a window; (4) is this one.
 *
 * One thread per tap over time, row of S and output channel, threads along the output channels. No barriers; bound by loads.
 */

import type { Kernel } from '../../core/kernel.ts';
import type { Triple } from '../conv3d/problem.ts';
import { type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, type LoopBound, repeat, storage, struct } from '../shared/wgsl.ts';
import { rowTransform, winogradLabel } from './code.ts';
import { axisMatrices, transpose, type WinogradTile } from './math.ts';

interface WinogradWeightGradientProblem {
  /** kt × kh × kw × Cin × Cout, as a view whose pixels are the rows. */
  readonly dw: View;
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly cin: number;
  /** Of each batch's sums. */
  readonly parts: number;
}

/** Strides and bases in scalars. */
const Params = struct('WinogradWeightGradient', {
  count: 'u32',
  lanes: 'u32',
  columns: 'u32',
  cin: 'u32',
  parts: 'u32',
  part_size: 'u32',
  kernel_h: 'u32',
  kernel_w: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
  tile_rows: 'u32',
});

/** Bindings: sums, dw, both as `array<f32>`. */
export function conv3dWinogradWeightGradient(
  { dw, kernel: window, stride, cin, parts }: WinogradWeightGradientProblem,
  tile: WinogradTile,
  loop: LoopBound,
  workgroupSize = 64,
): Kernel {
  const step = stride[1];
  const lanes = 4 * vec4s(cin * step * step);
  const columns = 4 * vec4s(dw.shape[4]);
  const matrices = axisMatrices(tile, ({ filter }) => transpose(filter));
  const [rows, width] = [matrices[1][0]!.length, matrices[2][0]!.length];
  // A row of S, summed over the parts.
  const sumRow = `${repeat(width, (w) => `var m${w} = 0.0;`, ' ')}
    for (var part = 0u; part < p.parts; part++) {
      let at = index + part * p.part_size + r * ${width}u * batch;
      ${repeat(width, (w) => `m${w} += sums[at + ${w}u * batch];`, '\n      ')}
    }`;
  const { code, result } = rowTransform(matrices, loop, (_, w) => `m${w}`, sumRow);
  const stores = result[0]!.flatMap((row, h) =>
    row.map((value, w) => `store(row, ${h * step}u + phase_h, ${w * step}u + phase_w, column, ${value});`),
  );
  return kernel({
    name: `conv3d_winograd weight gradient ${winogradLabel(tile)}${step > 1 ? ` stride ${step}` : ''}`,
    params: Params,
    values: {
      count: window[0] * lanes * columns,
      lanes,
      columns,
      cin,
      parts,
      part_size: window[0] * lanes * columns,
      kernel_h: window[1],
      kernel_w: window[2],
      y_base: 4 * dw.base,
      y_stride: 4 * dw.stride,
      tile_rows: rows,
    },
    storage: [storage('sums', 'array<f32>'), storage('dw', 'array<f32>')],
    workgroups: foldGrid(divideUp(window[0] * lanes * columns, workgroupSize)),
    body: /* wgsl */ `
// Taps past the end of the window, which a phase of a stride may have, are left out.
fn store(row: vec2u, h: u32, w: u32, column: u32, value: f32) {
  if (h >= p.kernel_h || w >= p.kernel_w) { return; }
  let tap = (row.x * p.kernel_h + h) * p.kernel_w + w;
  dw[p.y_base + (tap * p.cin + row.y) * p.y_stride + column] = value;
}

${entryPoint(workgroupSize, 'thread')} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + thread;
  let column = index % p.columns;
  let lane = index / p.columns % p.lanes;
  let phase = lane / p.cin;
  if (index >= p.count || phase >= ${step * step}u) { return; }
  let phase_h = phase / ${step}u;
  let phase_w = phase % ${step}u;
  // Tap over time and input channel.
  let row = vec2u(index / p.columns / p.lanes, lane % p.cin);
  let batch = p.parts * p.part_size;
  ${code}
  ${stores.join('\n  ')}
}`,
  });
}

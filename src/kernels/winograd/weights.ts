/**
 * @file Winograd convolution: the weights' transform G g Gᵀ on the device: in every run for weights that are being trained, once
 * for all others that are large, which the host would take seconds for.
 *
 *   state      [kt][kh][kw][Cin] rows of Cout channels (up to a multiple of 4)
 *   transform  [batch][tap over time][phase × Cin, up to a multiple of 4] of Cout (up to a multiple of 4), as
 *              `winogradWeights` makes it on the host
 *
 * Where the weights are flipped for the gradient by the input (conv3d/flip_weights.ts), they are read so: taps backwards, rows along the
 * state's channels.
 *
 * One thread per tap over time, row and output channel, threads along the output channels: the window's taps are read once and
 * all batches written. On scalars, as the other transforms (transforms.ts). No barriers; bound by the stores: F(4×4)
 * writes 4 times what it reads.
 */

import type { Kernel } from '../../core/kernel.ts';
import type { Triple } from '../conv3d/problem.ts';
import { vec4s } from '../shared/view.ts';
import { constant, divideUp, entryPoint, foldGrid, kernel, type LoopBound, storage, struct } from '../shared/wgsl.ts';
import { flatten, rowTransform, storeBatches, winogradLabel } from './code.ts';
import { axisMatrices, type WinogradTile, winogradBatches } from './math.ts';

export interface WinogradWeightsProblem {
  /** Of the convolution that the weights are transformed for. */
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly cin: number;
  readonly cout: number;
  /** The state holds the weights of the convolution whose gradient by its input this one is: Cout → Cin. */
  readonly flipped: boolean;
}

interface Layout {
  readonly batches: number;
  /** Over time inside the product. */
  readonly taps: number;
  readonly lanes: number;
  readonly columns: number;
}

function layoutOf({ kernel, stride, cin, cout }: WinogradWeightsProblem, tile: WinogradTile): Layout {
  return {
    batches: winogradBatches(tile),
    taps: tile.t === 1 ? kernel[0] : 1,
    lanes: 4 * vec4s(cin * stride[1] ** 2),
    columns: 4 * vec4s(cout),
  };
}

/** Bytes of the transformed weights. */
export function winogradWeightsBytes(problem: WinogradWeightsProblem, tile: WinogradTile): number {
  const { batches, taps, lanes, columns } = layoutOf(problem, tile);
  return 4 * batches * taps * lanes * columns;
}

/** Strides of the state in scalars, negative along taps that are read backwards. */
const Params = struct('WinogradWeights', {
  count: 'u32',
  taps: 'u32',
  lanes: 'u32',
  columns: 'u32',
  cin: 'u32',
  cout: 'u32',
  kernel_h: 'i32',
  kernel_w: 'i32',
  base: 'i32',
  tap_t: 'i32',
  tap_h: 'i32',
  tap_w: 'i32',
  row: 'i32',
  column: 'i32',
  tile_rows: 'u32',
  batches: 'u32',
});

interface WinogradWeightsOptions {
  readonly loop: LoopBound;
  /** Panels of so many vec4 (`packPanels`) instead of rows of all output channels. */
  readonly panels?: number | undefined;
}

/** Bindings: weights (a state) and packed, both as `array<f32>`. */
export function conv3dWinogradWeights(
  problem: WinogradWeightsProblem,
  tile: WinogradTile,
  { loop, panels }: WinogradWeightsOptions,
  workgroupSize = 64,
): Kernel {
  const { kernel: window, stride, cin, cout, flipped } = problem;
  const { batches, taps, lanes, columns } = layoutOf(problem, tile);
  const step = stride[1];
  const matrices = axisMatrices(tile, ({ filter }) => filter);
  const { code, result } = rowTransform(
    matrices,
    loop,
    (t, w) => `load(at + ${t} * p.tap_t, ${step} * i32(r) + phase_h, ${step * w} + phase_w, inside)`,
  );
  // A row of the state, and how far apart its taps are.
  const width = 4 * vec4s(flipped ? cin : cout);
  const tapW = (flipped ? cout : cin) * width;
  const sign = flipped ? -1 : 1;
  return kernel({
    name: `conv3d_winograd weights ${panels === undefined ? '' : 'panels '}${winogradLabel(tile)}${step > 1 ? ` stride ${step}` : ''}`,
    params: Params,
    values: {
      count: taps * lanes * columns,
      taps,
      lanes,
      columns,
      cin,
      cout,
      kernel_h: window[1],
      kernel_w: window[2],
      base: flipped ? (window[0] * window[1] * window[2] - 1) * tapW : 0,
      tap_t: sign * window[1] * window[2] * tapW,
      tap_h: sign * window[2] * tapW,
      tap_w: sign * tapW,
      row: flipped ? 1 : width,
      column: flipped ? width : 1,
      tile_rows: matrices[1][0]!.length,
      batches,
    },
    storage: [constant('weights', 'array<f32>'), storage('packed', 'array<f32>')],
    workgroups: foldGrid(divideUp(taps * lanes * columns, workgroupSize)),
    body: /* wgsl */ `
// A tap past the end of the window, which a phase of a stride may have, is zero.
fn load(at: i32, h: i32, w: i32, inside: bool) -> f32 {
  let there = inside && h < p.kernel_h && w < p.kernel_w;
  return select(0.0, weights[select(0, at + h * p.tap_h + w * p.tap_w, there)], there);
}

${entryPoint(workgroupSize, 'thread')} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + thread;
  if (index >= p.count) { return; }
  let column = index % p.columns;
  let lane = index / p.columns % p.lanes;
  let tap = index / p.columns / p.lanes;
  let phase = i32(lane / p.cin);
  let phase_h = phase / ${step};
  let phase_w = phase % ${step};
  let inside = phase < ${step * step} && column < p.cout;
  let at = p.base + i32(tap) * p.tap_t + i32(lane % p.cin) * p.row + i32(column) * p.column;
  ${code}
  ${panels === undefined ? 'let to = index;' : PANEL_ADDRESS(panels)}
  ${storeBatches(flatten(result), loop, (b) => `packed[to + ${b} * p.count]`)}
}`,
  });
}

const PANEL_ADDRESS = (panels: number): string => /* wgsl */ `let panel = column / ${4 * panels}u * ${4 * panels}u;
  let width = min(${4 * panels}u, p.columns - panel);
  let to = panel * p.taps * p.lanes + (tap * p.lanes + lane) * width + column - panel;`;

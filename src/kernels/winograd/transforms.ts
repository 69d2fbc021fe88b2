/**
 * @file Winograd convolution, stages 1 and 3 of 3: the transforms around the matrix products (winograd/processor/gemm.ts,
 * tiled.ts). For 3×3 windows over H and W (and 3 over T), stride 1, any padding.
 *
 *   x  ──(1) Bᵀ d B──▶  V [batch][sample, tile, frame][Cin]
 *                       │ (2) a matrix product per batch, over Cin and the taps over time
 *   y  ◀──(3) Aᵀ u A──  U [batch][sample, tile, frame][Cout]
 *
 *        F(4×4): 6 × 6 inputs for 4 × 4 outputs,            36 products instead of 144 per channel pair and tap over time
 *      ┌─ ─┬─ ─ ─ ─ ─┬─ ─┐
 *      ├───┏━━━━━━━━━┓───┤     neighbouring tiles share 2 rows or columns of inputs
 *          ┃ 4×4     ┃
 *      ├───┗━━━━━━━━━┛───┤
 *      └─ ─┴─ ─ ─ ─ ─┴─ ─┘
 *
 * One thread per tile and *scalar* channel, threads along the channels: everything is in registers, memory is read and written
 * in order. Threads on vec4 run no faster on a software adapter, and take it ten times as long to compile. No barriers; bound
 * by memory: V and U together are (6/4)² = 2.25 times x and y for F(4×4), 4 times for F(2×2).
 */

import type { Kernel } from '../../core/kernel.ts';
import { type Conv3dProblem, conv3dValues, outputBindings, type Triple } from '../conv3d/problem.ts';
import { epilogue, epilogueFunctions } from '../pointwise/activation.ts';
import { activation, elementOf } from '../shared/element.ts';
import { type View, vec4s } from '../shared/view.ts';
import {
  constant,
  divideUp,
  entryPoint,
  foldGrid,
  kernel,
  type LoopBound,
  repeat,
  storage,
  struct,
} from '../shared/wgsl.ts';
import { flatten, rowTransform, winogradLabel } from './code.ts';
import { type AxisMatrices, axisMatrices, transpose, type WinogradTile, winogradLayoutOf } from './math.ts';

/** Strides and bases of x in scalars. */
const InputParams = struct('WinogradInput', {
  rows: 'u32',
  lanes: 'u32',
  x_base: 'u32',
  x_stride: 'u32',
  x_t: 'i32',
  x_h: 'i32',
  x_w: 'i32',
  frames: 'u32',
  tiles_h: 'u32',
  tiles_w: 'u32',
  pad_t: 'i32',
  pad_h: 'i32',
  pad_w: 'i32',
  cin: 'u32',
  batches: 'u32',
  tile_rows: 'u32',
});

/** Stage 1. Bindings: x, v, as scalars. */
export function conv3dWinogradInput(
  problem: Conv3dProblem,
  tile: WinogradTile,
  loop: LoopBound,
  workgroupSize = 128,
): Kernel {
  const step = problem.stride[1];
  const { inputRows: rows, inputFrames: frames, tilesH, tilesW, cin4 } = winogradLayoutOf(problem, tile);
  return tileTransform({
    name: `conv3d_winograd input ${winogradLabel(tile)}${step > 1 ? ` stride ${step}` : ''}`,
    x: problem.x,
    padding: problem.padding,
    step,
    tile,
    matrices: axisMatrices(tile, ({ input }) => input),
    loop,
    layout: { rows, frames, tilesH, tilesW, lanes: 4 * cin4 },
    workgroupSize,
  });
}

/**
 * A dy Aᵀ, which the gradient by the weights multiplies with the transformed input (weight_gradient.ts): tiles
 * of dy as they lie side by side, each made as large as a tile of the input.
 *
 * Bindings: dy, d, both as `array<f32>`. Of `tile`, the taps over time must stay in the product.
 */
export function conv3dWinogradOutputGradient(
  dy: View,
  tile: WinogradTile,
  loop: LoopBound,
  workgroupSize = 128,
): Kernel {
  const [samples, frames, height, width, channels] = dy.shape;
  const [tilesH, tilesW] = [Math.ceil(height / tile.hw), Math.ceil(width / tile.hw)];
  return tileTransform({
    name: `conv3d_winograd output gradient ${winogradLabel(tile)}`,
    x: dy,
    padding: [0, 0, 0],
    step: 1,
    tile,
    matrices: axisMatrices(tile, ({ output }) => transpose(output)),
    loop,
    layout: { rows: samples * frames * tilesH * tilesW, frames, tilesH, tilesW, lanes: 4 * vec4s(channels) },
    workgroupSize,
  });
}

interface TileTransform {
  readonly name: string;
  readonly x: View;
  readonly padding: Triple;
  /** Phases per axis, see winogradApplies. */
  readonly step: number;
  readonly tile: WinogradTile;
  /** Along T, H, W: values of the transformed tile by values of x. */
  readonly matrices: AxisMatrices;
  readonly loop: LoopBound;
  readonly layout: {
    readonly rows: number;
    readonly frames: number;
    readonly tilesH: number;
    readonly tilesW: number;
    readonly lanes: number;
  };
  readonly workgroupSize: number;
}

/** Tiles of x, times a matrix along each axis: [batch][sample, tile, frame][channels]. */
function tileTransform({ name, x, padding, step, tile, matrices, loop, layout, workgroupSize }: TileTransform): Kernel {
  const [frames, rows] = [matrices[0]?.[0]?.length ?? 1, matrices[1][0]!.length];
  const batches = matrices.reduce((product, matrix) => product * (matrix?.length ?? 1), 1);
  const { code, result } = rowTransform(
    matrices,
    loop,
    (t, w) => `load(row_${t}, w + ${step * w}, channel)`,
    repeat(frames, (t) => `let row_${t} = row_start(sample, t + ${t}, h + ${step} * i32(r));`, ' '),
  );
  return kernel({
    name,
    params: InputParams,
    values: {
      rows: layout.rows,
      lanes: layout.lanes,
      x_base: 4 * x.base,
      x_stride: 4 * x.stride,
      x_t: x.shape[1],
      x_h: x.shape[2],
      x_w: x.shape[3],
      frames: layout.frames,
      tiles_h: layout.tilesH,
      tiles_w: layout.tilesW,
      pad_t: padding[0],
      pad_h: padding[1],
      pad_w: padding[2],
      cin: x.shape[4],
      batches,
      tile_rows: rows,
    },
    storage: [activation('x', x, 'scalar'), storage('v', 'array<f32>')],
    workgroups: foldGrid(divideUp(layout.rows * layout.lanes, workgroupSize)),
    body: /* wgsl */ `
// The first pixel of a row, or −1 in the padding.
fn row_start(sample: u32, frame: i32, row: i32) -> i32 {
  let inside = frame >= 0 && frame < p.x_t && row >= 0 && row < p.x_h;
  return select(-1, ((i32(sample) * p.x_t + frame) * p.x_h + row) * p.x_w, inside);
}

fn load(row: i32, column: i32, c: u32) -> f32 {
  let inside = row >= 0 && column >= 0 && column < p.x_w;
  let pixel = u32(max(row, 0) + clamp(column, 0, p.x_w - 1));
  return select(0.0, ${elementOf(x).widen('x[p.x_base + pixel * p.x_stride + c]', 1)}, inside);
}

${entryPoint(workgroupSize, 'thread')} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + thread;
  let row = index / p.lanes;
  let c = index % p.lanes;
  if (row >= p.rows) { return; }
  let frame = row % p.frames;
  let tile = row / p.frames;
  let sample = tile / (p.tiles_w * p.tiles_h);
  let t = i32(frame) * ${tile.t} - p.pad_t;
  ${step > 1 ? PHASES(step) : WITHOUT_PHASES}
  let h = i32(tile / p.tiles_w % p.tiles_h) * ${step * tile.hw} - p.pad_h + phase_h;
  let w = i32(tile % p.tiles_w) * ${step * tile.hw} - p.pad_w + phase_w;
  ${code}
  let batch = p.rows * p.lanes;
  // As a loop: written out, the stores are half of the text and of the time to compile it.
  var values = array<f32, ${batches}>(${flatten(result).join(', ')});
  for (var b = 0u; b < p.batches; b++) { v[index + b * batch] = values[b]; }
}`,
  });
}

// Padding lanes of x hold zero, and so do those of V.
const WITHOUT_PHASES = /* wgsl */ `let channel = c;
  let phase_h = 0;
  let phase_w = 0;`;

/** Lanes are phases × channels; those past the last phase read rows far outside, hence zero. */
const PHASES = (step: number): string => /* wgsl */ `let channel = c % p.cin;
  let phase = i32(c / p.cin);
  let phase_h = select(phase / ${step}, -p.x_h * 1024, phase >= ${step * step});
  let phase_w = phase % ${step};`;

const OutputParams = struct('WinogradOutput', {
  rows: 'u32',
  lanes: 'u32',
  relu: 'i32',
  frames: 'u32',
  tiles_h: 'u32',
  tiles_w: 'u32',
  y_t: 'u32',
  y_h: 'u32',
  y_w: 'u32',
  y0_base: 'u32',
  y0_stride: 'u32',
  y0_end: 'u32',
  y1_base: 'u32',
  y1_stride: 'u32',
  y1_end: 'u32',
  y2_base: 'u32',
  y2_stride: 'u32',
  tile_rows: 'u32',
});

/** Stage 3, with the epilogue: bias, activation, the choice of the output. Bindings: u, bias, the outputs, all as scalars. */
export function conv3dWinogradOutput(
  problem: Conv3dProblem,
  tile: WinogradTile,
  loop: LoopBound,
  workgroupSize = 128,
): Kernel {
  const { outputs, outputBinding } = problem;
  const layout = winogradLayoutOf(problem, tile);
  const matrices = axisMatrices(tile, ({ output }) => output);
  const [rows, columns] = [matrices[1][0]!.length, matrices[2][0]!.length];
  const lanes = 4 * layout.cout4;
  const values = conv3dValues(problem);
  const end = epilogue(problem.activation, 1);
  const { code, result } = rowTransform(
    matrices,
    loop,
    (t, w) => `u[index + (${t * rows * columns + w}u + ${columns}u * r) * batch]`,
  );
  const stores = result.flatMap((plane, i) =>
    plane.flatMap((row, j) => row.map((value, k) => `store(pixel, origin, vec3u(${i}, ${j}, ${k}), c, ${value} + b);`)),
  );
  const write = (i: number): string => {
    const first = i === 0 ? '' : ` - p.y${i - 1}_end`;
    return `y${outputBinding?.[i] ?? i}[p.y${i}_base + to * p.y${i}_stride + c${first}] = ${elementOf(outputs[i]!).narrow('v', 1)};`;
  };
  return kernel({
    name: `conv3d_winograd output ${winogradLabel(tile)}`,
    params: OutputParams,
    values: {
      rows: layout.outputRows,
      lanes,
      relu: values.relu,
      frames: layout.outputFrames,
      tiles_h: layout.tilesH,
      tiles_w: layout.tilesW,
      y_t: values.y_t,
      y_h: values.y_h,
      y_w: values.y_w,
      y0_base: 4 * values.y0_base,
      y0_stride: 4 * values.y0_stride,
      y0_end: 4 * values.y0_end,
      y1_base: 4 * values.y1_base,
      y1_stride: 4 * values.y1_stride,
      y1_end: 4 * values.y1_end,
      y2_base: 4 * values.y2_base,
      y2_stride: 4 * values.y2_stride,
      tile_rows: rows,
    },
    storage: [storage('u', 'array<f32>'), constant('bias', 'array<f32>'), ...outputBindings(problem, 'scalar')],
    workgroups: foldGrid(divideUp(layout.outputRows * lanes, workgroupSize)),
    body: /* wgsl */ `${epilogueFunctions(end, 1)}
fn store(pixel: u32, origin: vec3u, offset: vec3u, c: u32, value: f32) {
  if (any(origin + offset >= vec3u(p.y_t, p.y_h, p.y_w))) { return; }
  let to = pixel + (offset.x * p.y_h + offset.y) * p.y_w + offset.z;
  let v = ${end.stored('value', 'c')};
  ${repeat(outputs.length, (i) => (i < outputs.length - 1 ? `if (c < p.y${i}_end) { ${write(i)} } else ` : `{ ${write(i)} }`), '')}
}

${entryPoint(workgroupSize, 'thread')} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + thread;
  let row = index / p.lanes;
  let c = index % p.lanes;
  if (row >= p.rows) { return; }
  let tile = row / p.frames;
  let sample = tile / (p.tiles_w * p.tiles_h);
  let origin = vec3u(row % p.frames, tile / p.tiles_w % p.tiles_h, tile % p.tiles_w) * vec3u(${tile.t}, ${tile.hw}, ${tile.hw});
  let pixel = ((sample * p.y_t + origin.x) * p.y_h + origin.y) * p.y_w + origin.z;
  let batch = p.rows * p.lanes;
  ${code}
  let b = bias[c];
  ${stores.join('\n  ')}
}`,
  });
}

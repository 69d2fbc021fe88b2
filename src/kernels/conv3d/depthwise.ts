/**
 * @file Depthwise 3D convolution: every channel has a window of its own, y[pixel][c] = Σ over taps of x[pixel · stride + tap −
 * padding][c] · w[tap][c]. There is no matrix product in it: 27 multiply-adds of 3×3×3 for a value that is read and one that is
 * written, so what counts is to load each value few times.
 *
 *   thread      4 channels of `rows`×`columns` neighbouring outputs, in `span` frames one after the other (depthwise_walk.ts)
 *   workgroup   64 threads side by side over channels and columns: x; rows: y; sample and span: z
 *
 *     3×3×3 of stride 1, 1×2 outputs
 *     x x x x   12 loads of a frame for 2 outputs of 3 frames: 6 an output, where a window has 27
 *     └─y─┘
 *       └─y─┘
 *
 * The weights, [taps][C up to a multiple of 4] as they lie in a file, are those of a thread's channels for all that it computes, and stay
 * in registers. Columns outside of x count as zero. Bound by memory; no barriers, no workgroup memory.
 */

import type { Kernel } from '../../core/kernel.ts';
import { elementOf } from '../shared/element.ts';
import { vec4s, viewBytes } from '../shared/view.ts';
import { divideUp, entryPoint, kernel, repeat, struct } from '../shared/wgsl.ts';
import { streamWork, type Work } from '../shared/work.ts';
import {
  DEPTHWISE_FIELDS,
  type DepthwiseOptions,
  type DepthwiseTile,
  depthwiseGrid,
  depthwiseWalk,
  framesUnder,
  rowsUnder,
  tapAt,
} from './depthwise_walk.ts';
import { type Conv3dProblem, conv3dBindings, conv3dValues, storeFunction } from './problem.ts';

const Params = struct('Conv3dDepthwise', DEPTHWISE_FIELDS);

const THREADS = 64;

/** Columns of x under a tile. */
const columnsUnder = ({ kernel: [, , width], stride: [, , step] }: Conv3dProblem, columns: number): number =>
  (columns - 1) * step + width;

const threadsOf = ({ outputs }: Conv3dProblem, { columns }: DepthwiseTile): number => {
  const [, , , width, channels] = outputs[0]!.shape;
  return divideUp(width, columns) * vec4s(channels);
};

/** Each value of x under a tile, and the weights once for each thread. */
export function conv3dDepthwiseWork(problem: Conv3dProblem, tile: DepthwiseTile): Work {
  const { x, outputs, kernel: window } = problem;
  const { span, rows, frames } = depthwiseGrid(problem, tile);
  const loads = framesUnder(problem, span) * rowsUnder(problem, tile.rows) * columnsUnder(problem, tile.columns);
  const items = divideUp(threadsOf(problem, tile), THREADS) * THREADS * rows * frames;
  const taps = window[0] * window[1] * window[2];
  const sums = tile.rows * tile.columns * (problem.stride[0] === 1 ? window[0] : 1);
  return {
    ...streamWork(items, viewBytes(x) + viewBytes(outputs[0]!), 4 * items * (loads + taps), 'strip'),
    registers: 4 * (taps + sums + columnsUnder(problem, tile.columns)),
  };
}

/** Bindings: x, weights, bias, y. */
export function conv3dDepthwise(problem: Conv3dProblem, tile: DepthwiseTile, options: DepthwiseOptions = {}): Kernel {
  const { x, kernel: window, stride } = problem;
  const { columns } = tile;
  const { span, spans, rows, frames } = depthwiseGrid(problem, tile);
  const units = threadsOf(problem, tile);
  const under = columnsUnder(problem, columns);
  const loaded = (i: number): string =>
    `let v${i} = select(vec4f(0), ${elementOf(x).widen(`x[line + at${i}]`)}, there && real${i});`;
  return kernel({
    name: `conv3d_depthwise ${window.join('×')}/${stride.join('×')} ${tile.rows}×${columns}`,
    params: Params,
    values: { ...conv3dValues(problem), units, spans, span },
    storage: conv3dBindings(problem),
    workgroups: [divideUp(units, THREADS), rows, frames],
    body: /* wgsl */ `
${storeFunction(problem)}

${entryPoint(THREADS)} {
  let thread = workgroup.x * ${THREADS}u + lane;
  if (thread >= p.units) { return; }
  let c = thread % p.cout4;
  let column = i32(thread / p.cout4) * ${columns};
  let row = i32(workgroup.y) * ${tile.rows};
  let left = column * ${stride[2]} - p.pad_w;
  ${repeat(under, (i) => `let at${i} = u32(clamp(left + ${i}, 0, p.x_w - 1)) * p.x_stride + c; let real${i} = left + ${i} >= 0 && left + ${i} < p.x_w;`, '\n  ')}
  ${repeat(window[0] * window[1] * window[2], (tap) => `let w${tap} = weights[${tapAt(problem, tap, options)}u * p.cout4 + c];`, '\n  ')}
  ${depthwiseWalk(problem, tile, {
    load: repeat(under, loaded, '\n        '),
    value: (j, w) => `v${j * stride[2] + w}`,
    stored: (j) => `column + ${j} < i32(p.y_w)`,
  })}
}`,
  });
}

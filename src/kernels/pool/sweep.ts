/**
 * @file 3×3×3 max pooling with stride 1 (the pooling branch of an Inception module), sweeping along time, for processors.
 *
 * One thread owns `columns` neighbouring output columns of one row, 4 channels each, and walks over the frames: it takes the
 * 3×3 maximum of each frame once and combines the last three. A window of 27 loads becomes 3·(columns + 2)/columns loads per
 * output: 9 for one column, 6 for two. `span` output frames per thread; a shorter span gives more threads, each of which
 * reads two frames more than it writes. Loops end at uniforms, so that drivers do not unroll them: they take seconds for long shaders.
 *
 *     frame t−1   frame t   frame t+1        y[t] = max(a, b, c);  then a ← b, b ← c, c ← next frame
 *        a           b          c
 *
 * Positions outside are moved to the nearest one inside, which the window contains anyway: the maximum stays that of the
 * real inputs, without a test. Maxima are those of integers in the order of the values, which keep NaN (shared/float_bits.ts). No barriers.
 */

import type { Kernel } from '../../core/kernel.ts';
import { activation, elementOf } from '../shared/element.ts';
import { ORDER_FUNCTIONS } from '../shared/float_bits.ts';
import { vec4s, viewBytes } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat, struct } from '../shared/wgsl.ts';
import { streamWork, type Work } from '../shared/work.ts';
import { WINDOW_FIELDS, windowValues } from './pool_window.ts';
import type { Pool3dProblem } from './pool3d.ts';

const Params = struct('Pool3dSweep', { threads: 'u32', groups: 'u32', spans: 'u32', span: 'i32', ...WINDOW_FIELDS });

interface Pool3dSweepTile {
  readonly columns: number;
  /** Output frames per thread. */
  readonly span: number;
}

/** Over all frames, which loads least. */
const TILE: Pool3dSweepTile = { columns: 2, span: Number.MAX_SAFE_INTEGER };
const THREADS = 64;

/** Stride 1, 3×3×3, maximum, and every window reaches into the input. */
export function pool3dSweepFits({ x, y, kernel: window, stride, padding, mode }: Pool3dProblem): boolean {
  const reaches = (i: number) =>
    padding[i]! >= 0 && padding[i]! < 3 && y.shape[i + 1]! - padding[i]! <= x.shape[i + 1]!;
  return mode === 'max' && window.every((k) => k === 3) && stride.every((s) => s === 1) && [0, 1, 2].every(reaches);
}

const threadsOf = ({ y }: Pool3dProblem, { columns, span }: Pool3dSweepTile): number => {
  const [samples, frames, rows, width, channels] = y.shape;
  return samples * divideUp(frames, span) * rows * divideUp(width, columns) * vec4s(channels);
};

/** Three rows of each frame, and of two frames more than it writes, for each thread's columns and one on either side. */
export function pool3dSweepWork(problem: Pool3dProblem, tile = TILE): Work {
  const { x, y } = problem;
  const threads = threadsOf(problem, tile);
  const loads = threads * (Math.min(tile.span, y.shape[1]) + 2) * 3 * (tile.columns + 2);
  return streamWork(threads, viewBytes(x) + viewBytes(y), 4 * loads, 'window');
}

export function pool3dSweep(problem: Pool3dProblem, { columns, span } = TILE): Kernel {
  const { x, y } = problem;
  const [, frames, , width] = y.shape;
  const [groups, spans] = [divideUp(width, columns), divideUp(frames, span)];
  const threads = threadsOf(problem, { columns, span });
  return kernel({
    name: `pool3d max sweep ${columns}`,
    params: Params,
    values: { threads, groups, spans, span: Math.min(span, frames), ...windowValues(x, y, problem) },
    storage: [activation('x', x), activation('y', y)],
    workgroups: foldGrid(divideUp(threads, THREADS)),
    body: /* wgsl */ `
${ORDER_FUNCTIONS}

${entryPoint(THREADS)} {
  let thread = (workgroup.x + workgroup.z * grid.x) * ${THREADS}u + lane;
  if (thread >= p.threads) { return; }
  let c = thread % p.c4;
  let first = i32(thread / p.c4 % p.groups) * ${columns};
  let row = i32(thread / (p.c4 * p.groups)) % p.y_h;
  let rest = thread / (p.c4 * p.groups * u32(p.y_h));
  let begin = i32(rest % p.spans) * p.span;
  let sample = i32(rest / p.spans);
  let end = min(begin + p.span, p.y_t);
  ${repeat(columns + 2, (i) => `let x${i} = u32(clamp(first - p.pad_w + ${i}, 0, p.x_w - 1)) * p.x_stride;`, '\n  ')}
  ${repeat(columns, (j) => `var a${j} = LOWEST; var b${j} = LOWEST; var c${j} = LOWEST;`, '\n  ')}
  // Two frames early, to fill a and b.
  for (var t = begin - 2; t < end; t++) {
    ${repeat(columns, (j) => `a${j} = b${j}; b${j} = c${j}; c${j} = LOWEST;`, '\n    ')}
    let frame = (sample * p.x_t + clamp(t + 2 - p.pad_t, 0, p.x_t - 1)) * p.x_h;
    for (var r = 0; r < p.kernel_h; r++) {
      let at = p.x_base + u32((frame + clamp(row + r - p.pad_h, 0, p.x_h - 1)) * p.x_w) * p.x_stride + c;
      ${repeat(columns + 2, (i) => `let v${i} = order_of(${elementOf(x).widen(`x[at + x${i}]`)});`, '\n      ')}
      ${repeat(columns, (j) => `c${j} = max(c${j}, max(v${j}, max(v${j + 1}, v${j + 2})));`, '\n      ')}
    }
    if (t >= begin) {
      let to = p.y_base + u32(((sample * p.y_t + t) * p.y_h + row) * p.y_w + first) * p.y_stride + c;
      ${repeat(columns, (j) => `let y${j} = value_of(max(a${j}, max(b${j}, c${j}))); if (first + ${j} < p.y_w) { y[to + ${j}u * p.y_stride] = ${elementOf(y).narrow(`y${j}`)}; }`, '\n      ')}
    }
  }
}`,
  });
}

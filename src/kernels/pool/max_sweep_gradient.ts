/**
 * @file The gradient of 3×3×3 max pooling with stride 1 and one position of padding around (the pooling branch of an Inception
 * module), sweeping. The first maximum of a window in the order of frames, rows, columns is found axis by axis: the first frame
 * whose 3×3 maximum is the largest, and in it the first position (of NaN the last of both). So the gradient comes back axis by axis too, 4 loads for the
 * 27 + 27 of a plain gather (max_gradient.ts):
 *
 *   choice   per position: the place of the maximum of the 3×3 around it (0 … 8), and the frame that its window's maximum is in
 *            (0 … 2), a byte per channel ─▶ choices; x is read as in sweep.ts
 *   frames   one thread per pixel walks over the frames: dy[t] is added to the frame it came from ─▶ planes
 *   rows     one thread owns `columns` neighbouring columns and walks over the rows: planes → dx
 *
 *      dy[t−1]  dy[t]  dy[t+1]          A value met on the way goes to the position before, its own, or the one after: three
 *           ╲     │     ╱               running sums, stored once nothing can come any more. Nothing is read twice along the
 *            planes[t]                  way, nothing is written twice: no atomics.
 *
 * A window's choices never lie in the padding. No barriers.
 */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { movesOn, ORDER_FUNCTIONS } from '../shared/float_bits.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat, storage, struct } from '../shared/wgsl.ts';
import { PACK, type PoolWindow, UNPACK, WINDOW_FIELDS, windowValues } from './pool_window.ts';

interface MaxPool3dSweep {
  /** Neighbouring columns per thread. */
  readonly columns: number;
  /** Frames, or rows, that a thread walks over; a shorter walk gives more threads and reads two positions more each. */
  readonly span: number;
  readonly workgroupSize: number;
}

export const maxPool3dSweep = ({ software }: Pick<DeviceProfile, 'software'>): MaxPool3dSweep =>
  software ? { columns: 2, span: 1 << 30, workgroupSize: 16 } : { columns: 1, span: 4, workgroupSize: 64 };

/** 3×3×3, stride 1, one position of padding on each side. */
export function maxPool3dSweepFits(x: View, y: View, { kernel: window, stride, padding }: PoolWindow): boolean {
  const sizes = [1, 2, 3].every((axis) => x.shape[axis] === y.shape[axis]);
  return sizes && window.every((k) => k === 3) && stride.every((s) => s === 1) && padding.every((p) => p === 1);
}

/** Bytes of the choices, and of the planes. */
export const sweepBytes = (y: View): [choices: number, planes: number] => {
  const count = pixelsOf(y) * vec4s(y.shape[4]);
  return [count * 4, count * 16];
};

const Params = struct('MaxPool3dSweep', {
  ...WINDOW_FIELDS,
  threads: 'u32',
  groups: 'u32',
  spans: 'u32',
  span: 'i32',
});

/** Values of a walk over `length` positions by `lines` × `groups` threads per vec4 of channels. */
function walk(x: View, y: View, sweep: MaxPool3dSweep, lines: number, groups: number, length: number) {
  const spans = divideUp(length, sweep.span);
  const threads = lines * groups * spans * vec4s(x.shape[4]);
  const window = { kernel: [3, 3, 3], stride: [1, 1, 1], padding: [1, 1, 1] } as const;
  return {
    values: { ...windowValues(x, y, window), threads, groups, spans, span: Math.min(sweep.span, length) },
    workgroups: foldGrid(divideUp(threads, sweep.workgroupSize)),
  };
}

/** WGSL of an entry point; `body` knows `c`, `group`, `begin`, `end` (of the walk over `length`) and `line`. */
const walkMain = ({ workgroupSize }: MaxPool3dSweep, length: string, body: string): string => /* wgsl */ `
${entryPoint(workgroupSize)} {
  let thread = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + lane;
  if (thread >= p.threads) { return; }
  let c = thread % p.c4;
  let group = i32(thread / p.c4 % p.groups);
  let rest = thread / (p.c4 * p.groups);
  let begin = i32(rest % p.spans) * p.span;
  let end = min(begin + p.span, ${length});
  let line = i32(rest / p.spans);
  ${body}
}`;

/** Bindings: x, choices. */
export function maxPool3dSweepChoice(x: View, y: View, sweep: MaxPool3dSweep): Kernel {
  const { columns } = sweep;
  const [samples, frames, height, width] = x.shape;
  const lines = (line: (j: number) => string, count = columns): string => repeat(count, line, '\n    ');
  return kernel({
    name: `max_pool3d sweep choice ${columns}`,
    params: Params,
    ...walk(x, y, sweep, samples * height, divideUp(width, columns), frames),
    storage: [storage('x'), storage('choices', 'array<u32>')],
    body: /* wgsl */ `
${ORDER_FUNCTIONS}
${PACK}
${walkMain(
  sweep,
  'p.x_t',
  /* wgsl */ `let first = group * ${columns};
  let row = line % p.x_h;
  let sample = line / p.x_h;
  ${lines((i) => `let x${i} = u32(clamp(first + ${i - 1}, 0, p.x_w - 1)) * p.x_stride;`, columns + 2)}
  // Maxima of three frames, and the places of the last two.
  ${lines((j) => `var a${j} = LOWEST; var b${j} = LOWEST; var c${j} = LOWEST; var k${j} = 0u; var l${j} = 0u;`)}
  // Of the three rows around, those inside. Columns and frames outside are as low as can be, and nothing moves on to them.
  let first_row = i32(row == 0);
  let end_row = select(3, 2, row == p.x_h - 1);
  // Two frames early, to fill a and b.
  for (var t = begin - 2; t < end; t++) {
    ${lines((j) => `a${j} = b${j}; b${j} = c${j}; c${j} = LOWEST; k${j} = l${j};`)}
    let source = t + 1;
    if (source >= 0 && source < p.x_t) {
      ${lines((j) => `var place${j} = vec4u(u32(first_row * 3${j === 0 ? ' + i32(first == 0)' : ''}));`)}
      for (var r = first_row; r < end_row; r++) {
        let at = p.x_base + u32(((sample * p.x_t + source) * p.x_h + row + r - 1) * p.x_w) * p.x_stride + c;
        let v0 = select(order_of(x[at + x0]), LOWEST, first == 0);
        let v1 = order_of(x[at + x1]);
        ${lines((i) => `let v${i + 2} = select(order_of(x[at + x${i + 2}]), LOWEST, first + ${i + 1} >= p.x_w);`, columns)}
        let tap = 3u * u32(r);
        ${lines((j) => repeat(3, (k) => `place${j} = select(place${j}, vec4u(tap + ${k}u), ${movesOn(`v${j + k}`, `c${j}`)}); c${j} = max(c${j}, v${j + k});`, ' '))}
      }
      ${lines((j) => `l${j} = packed(place${j});`)}
    }
    if (t >= begin) {
      let to = u32(((sample * p.x_t + t) * p.x_h + row) * p.x_w + first) * p.c4 + c;
      ${lines(
        (j) => `{
        let second = ${movesOn(`b${j}`, `a${j}`)} | vec4<bool>(t == 0);
        let later = select(select(vec4u(0), vec4u(16), second), vec4u(32), ${movesOn(`c${j}`, `max(a${j}, b${j})`)});
        if (first + ${j} < p.x_w) { choices[to + ${j}u * p.c4] = k${j} | packed(later); }
      }`,
      )}
    }
  }`,
)}`,
  });
}

/** Bindings: choices, dy, planes. */
export function maxPool3dSweepFrames(x: View, dy: View, sweep: MaxPool3dSweep): Kernel {
  const [samples, frames, height, width] = x.shape;
  return kernel({
    name: 'max_pool3d sweep frames',
    params: Params,
    ...walk(x, dy, sweep, samples, height * width, frames),
    storage: [storage('choices', 'array<u32>'), storage('dy'), storage('planes')],
    body: /* wgsl */ `
${UNPACK}
${walkMain(
  sweep,
  'p.x_t',
  /* wgsl */ `let area = p.x_h * p.x_w;
  // What has come to the frame before, and to this one.
  var before = vec4f(0);
  var here = vec4f(0);
  for (var t = begin - 1; t <= end; t++) {
    var value = vec4f(0);
    var frame = vec4u(3);
    if (t >= 0 && t < p.x_t) {
      let pixel = u32((line * p.x_t + t) * area + group);
      value = dy[p.y_base + pixel * p.y_stride + c];
      frame = unpacked(choices[pixel * p.c4 + c]) >> vec4u(4);
    }
    before += select(vec4f(0), value, frame == vec4u(0));
    if (t > begin) { planes[u32((line * p.x_t + t - 1) * area + group) * p.c4 + c] = before; }
    before = here + select(vec4f(0), value, frame == vec4u(1));
    here = select(vec4f(0), value, frame == vec4u(2));
  }`,
)}`,
  });
}

/** Bindings: choices, planes, dx. */
export function maxPool3dSweepRows(dx: View, dy: View, sweep: MaxPool3dSweep): Kernel {
  const { columns } = sweep;
  const [samples, frames, height, width] = dx.shape;
  const lines = (line: (j: number) => string, count = columns): string => repeat(count, line, '\n    ');
  const taken = (j: number, tapRow: number): string =>
    repeat(3, (i) => `select(vec4f(0), v${j + i}, k${j + i} == vec4u(${tapRow * 3 + 2 - i}))`, ' + ');
  return kernel({
    name: `max_pool3d sweep rows ${columns}`,
    params: Params,
    ...walk(dx, dy, sweep, samples * frames, divideUp(width, columns), height),
    storage: [storage('choices', 'array<u32>'), storage('planes'), storage('dx')],
    body: /* wgsl */ `
${UNPACK}
${walkMain(
  sweep,
  'p.x_h',
  /* wgsl */ `let first = group * ${columns};
  // Columns before the first and past the last give nothing: their places match none.
  ${lines((i) => `let w${i} = u32(clamp(first + ${i - 1}, 0, p.x_w - 1)) * p.c4; let o${i} = select(16u, 0u, first + ${i - 1} >= 0 && first + ${i - 1} < p.x_w);`, columns + 2)}
  ${lines((j) => `var before${j} = vec4f(0); var here${j} = vec4f(0);`)}
  for (var h = begin - 1; h <= end; h++) {
    ${lines((i) => `var v${i} = vec4f(0); var k${i} = vec4u(16);`, columns + 2)}
    if (h >= 0 && h < p.x_h) {
      let at = u32((line * p.x_h + h) * p.x_w) * p.c4 + c;
      ${lines((i) => `v${i} = planes[at + w${i}]; k${i} = (unpacked(choices[at + w${i}]) & vec4u(15)) | vec4u(o${i});`, columns + 2)}
    }
    ${lines((j) => `before${j} += ${taken(j, 0)};`)}
    if (h > begin) {
      let to = p.x_base + u32((line * p.x_h + h - 1) * p.x_w + first) * p.x_stride + c;
      ${lines((j) => `if (first + ${j} < p.x_w) { dx[to + ${j}u * p.x_stride] = before${j}; }`)}
    }
    ${lines((j) => `before${j} = here${j} + ${taken(j, 1)};`)}
    ${lines((j) => `here${j} = ${taken(j, 2)};`)}
  }`,
)}`,
  });
}

/**
 * @file 3D pooling for GPUs: any small window, with everything that is the same for all outputs known when the shader is compiled.
 *
 *   thread      `columns` neighbouring outputs of a row, 4 channels each, in `span` frames one after the other
 *   workgroup   64 threads side by side over channels and columns of one row: x; the row: y; sample and span: z
 *
 * What a window loads costs no more than a few instructions beside the load: rows, frames and samples are the same for the workgroup,
 * so their addresses are scalars; columns are computed once; the loads of a plane do not wait for each other. Along the columns a
 * load serves all windows that it lies in, along time what a frame gives is kept for the outputs that follow:
 *
 *     3×3×3 of stride 1, 2 columns          frames    t−1      t      t+1          y[t] = a + b + c;  a ← b, b ← c, c ← next frame
 *     x x x x   12 loads of a frame         planes     a       b       c
 *     └─y─┘     for 2 outputs
 *       └─y─┘
 *
 * Maxima: NaN has to win (shared/float_bits.ts), and the order that makes it so costs four instructions a value. Three extremes of the
 * bits do without, of which GPUs have the three-operand forms: the largest as signed integers is the answer, a NaN of positive sign
 * included, if any value is positive; the smallest as unsigned ones if all are negative; the largest of those is a negative NaN if
 * there is one. f16 is compared in the upper halves of words, and not converted.
 *
 * Positions outside of the input are moved to the nearest one inside, which the window contains anyway, for maxima; averages leave them
 * out. No barriers.
 */

import type { Kernel } from '../../core/kernel.ts';
import { activation, elementOf } from '../shared/element.ts';
import { type View, vec4s, viewBytes } from '../shared/view.ts';
import { divideUp, entryPoint, kernel, repeat, struct } from '../shared/wgsl.ts';
import { streamWork, type Work } from '../shared/work.ts';
import { gridFits, WINDOW_FIELDS, windowValues } from './pool_window.ts';
import type { Pool3dProblem } from './pool3d.ts';

const Params = struct('Pool3dStrip', { threads: 'u32', spans: 'u32', span: 'i32', ...WINDOW_FIELDS });

export interface Pool3dStripTile {
  /** Neighbouring output columns of a thread. */
  readonly columns: number;
  /** Output frames of a thread. */
  readonly span: number;
}

const THREADS = 64;
/** Loads of a row that are written out, and rows of a window. */
const MOST_COLUMNS = 16;
const MOST_ROWS = 16;

/** Whether every window reaches into the input, and a plane of it is small, and rows and frames can be the grid's. */
export function pool3dStripFits({ x, y, kernel: window, stride, padding }: Pool3dProblem): boolean {
  const reaches = (i: number): boolean =>
    padding[i]! < window[i]! && (y.shape[i + 1]! - 1) * stride[i]! - padding[i]! < x.shape[i + 1]!;
  return gridFits(y) && [0, 1, 2].every(reaches) && window[1] <= MOST_ROWS && window[2] <= MOST_COLUMNS;
}

/** Columns of x under neighbouring outputs. */
const inputColumns = ({ kernel: [, , width], stride: [, , step] }: Pool3dProblem, columns: number): number =>
  (columns - 1) * step + width;

/** What a frame gives is kept for the outputs after it: planes of the input that an output of the thread shares with the one before. */
const keptPlanes = ({ kernel: [frames], stride: [step] }: Pool3dProblem, { span }: Pool3dStripTile): number =>
  span > 1 ? Math.max(frames - step, 0) : 0;

function extents(problem: Pool3dProblem, tile: Pool3dStripTile) {
  const [samples, frames, rows, width, channels] = problem.y.shape;
  // Where no frame is kept there is nothing to walk for.
  const span = keptPlanes(problem, tile) === 0 ? 1 : Math.min(tile.span, frames);
  const spans = divideUp(frames, span);
  const threads = divideUp(width, tile.columns) * vec4s(channels);
  return { threads, span, spans, workgroups: [divideUp(threads, THREADS), rows, samples * spans] as const };
}

/** The planes of a span, each of the rows of the window and the columns under the strip. */
export function pool3dStripWork(problem: Pool3dProblem, tile: Pool3dStripTile): Work {
  const { x, y, kernel: window } = problem;
  const { workgroups, span } = extents(problem, tile);
  const kept = keptPlanes(problem, tile);
  const planes = span * (window[0] - kept) + kept;
  const loads = planes * window[1] * inputColumns(problem, tile.columns);
  const items = workgroups[0] * workgroups[1] * workgroups[2] * THREADS;
  return streamWork(items, viewBytes(x) + viewBytes(y), 4 * items * loads, 'strip');
}

/** Bindings: x, y. */
export function pool3dStrip(problem: Pool3dProblem, tile: Pool3dStripTile): Kernel {
  const { x, y, kernel: window, stride, mode } = problem;
  const { columns } = tile;
  const [frames, rows, width] = window;
  const { threads, span, spans, workgroups } = extents(problem, tile);
  const under = inputColumns(problem, columns);
  const kept = keptPlanes(problem, tile);
  // Planes that are new with each output, and how many outputs early a thread begins, so that those that it keeps are there.
  const fresh = frames - kept;
  const early = divideUp(kept, stride[0]);
  const cut = mode === 'average' && isCut(problem);
  const each = (line: (j: number) => string, indent: string): string => repeat(columns, line, `\n${indent}`);
  const joined = (parts: readonly string[]): string => parts.reduce((all, part) => `joined(${all}, ${part})`);
  const list = (count: number, item: (i: number) => string): string[] =>
    Array.from({ length: count }, (_, i) => item(i));
  /** WGSL that declares the reductions of a new plane under each output, from what lies under all of them. */
  const plane = (k: number): string => /* wgsl */ `${repeat(under, (i) => `var s${k}_${i} = EMPTY;`, ' ')}
    let frame${k} = front + ${kept + k};
    let source${k} = (sample * p.x_t + clamp(frame${k}, 0, p.x_t - 1)) * p.x_h;
    for (var r = 0; r < ${rows}; r++) {
      let line = p.x_base + u32((source${k} + clamp(top + r, 0, p.x_h - 1)) * p.x_w) * p.x_stride;
      ${cut ? `let real = is_inside(frame${k}, p.x_t) && is_inside(top + r, p.x_h);` : ''}
      ${repeat(under, (i) => `s${k}_${i} = taken(s${k}_${i}, ${cut ? `select(vec4f(0), loaded(line + at${i}), real && real${i})` : `loaded(line + at${i})`});`, '\n      ')}
    }
    ${each((j) => `let plane${kept + k}_${j} = ${joined(list(width, (i) => `s${k}_${j * stride[2] + i}`))};`, '    ')}`;
  const count = (j: number): string =>
    cut
      ? `inside(front, ${frames}, p.x_t) * inside(top, ${rows}, p.x_h) * inside(left + ${j * stride[2]}, ${width}, p.x_w)`
      : `${frames * rows * width}`;
  const pooled = (j: number): string => {
    const all = joined(list(kept + fresh, (k) => `plane${k}_${j}`));
    if (mode === 'max') return `largest(${all})`;
    return `narrow(${all} / f32(${problem.includePadding ? frames * rows * width : count(j)}))`;
  };
  return kernel({
    name: `pool3d ${mode} strip ${window.join('×')}/${stride.join('×')} ${columns}`,
    params: Params,
    values: { threads, spans, span, ...windowValues(x, y, problem) },
    storage: [activation('x', x), activation('y', y)],
    workgroups,
    body: /* wgsl */ `
${mode === 'max' ? maximum(x, y) : average(x, y)}
${cut ? TESTS : ''}
${entryPoint(THREADS)} {
  let thread = workgroup.x * ${THREADS}u + lane;
  if (thread >= p.threads) { return; }
  let c = thread % p.c4;
  let first = i32(thread / p.c4) * ${columns};
  let row = i32(workgroup.y);
  let sample = i32(workgroup.z / p.spans);
  let begin = i32(workgroup.z % p.spans) * p.span;
  ${early > 0 ? 'let end = min(begin + p.span, p.y_t);' : ''}
  let left = first * ${stride[2]} - p.pad_w;
  let top = row * ${stride[1]} - p.pad_h;
  ${repeat(under, (i) => `let at${i} = u32(clamp(left + ${i}, 0, p.x_w - 1)) * p.x_stride + c;${cut ? ` let real${i} = is_inside(left + ${i}, p.x_w);` : ''}`, '\n  ')}
  ${repeat(kept, (k) => each((j) => `var plane${k}_${j} = EMPTY;`, '  '), '\n  ')}
  var to = p.y_base + u32(((sample * p.y_t + begin) * p.y_h + row) * p.y_w + first) * p.y_stride + c;
  ${early > 0 ? `for (var frame = begin - ${early}; frame < end; frame++) {` : '{\n    let frame = begin;'}
    let front = frame * ${stride[0]} - p.pad_t;
    ${repeat(fresh, plane, '\n    ')}
    ${early > 0 ? 'if (frame >= begin) {' : '{'}
      ${each((j) => `if (first + ${j} < p.y_w) { y[to + ${j}u * p.y_stride] = ${pooled(j)}; }`, '      ')}
      ${early > 0 ? 'to += u32(p.y_h * p.y_w) * p.y_stride;' : ''}
    }
    ${repeat(kept, (k) => each((j) => `plane${k}_${j} = plane${k + fresh}_${j};`, '    '), '\n    ')}
  }
}`,
  });
}

/** Whether some window has positions outside of the input. */
const isCut = ({ x, y, kernel: window, stride, padding }: Pool3dProblem): boolean =>
  [0, 1, 2].some(
    (i) => padding[i]! > 0 || (y.shape[i + 1]! - 1) * stride[i]! - padding[i]! + window[i]! > x.shape[i + 1]!,
  );

const TESTS = /* wgsl */ `
fn is_inside(at: i32, size: i32) -> bool { return at >= 0 && at < size; }

// Of the positions from the first on, how many are inside.
fn inside(first: i32, count: i32, size: i32) -> i32 { return min(first + count, size) - max(first, 0); }
`;

/** WGSL: sums. */
const average = (x: View, y: View): string => /* wgsl */ `
const EMPTY = vec4f(0);

fn loaded(i: u32) -> vec4f { return ${elementOf(x).widen('x[i]')}; }
fn taken(sum: vec4f, value: vec4f) -> vec4f { return sum + value; }
fn joined(a: vec4f, b: vec4f) -> vec4f { return a + b; }
fn narrow(value: vec4f) -> ${elementOf(y).vec4} { return ${elementOf(y).narrow('value')}; }`;

/**
 * WGSL: extremes of bits. Those of f16 lie in the upper halves of words; what is in the lower ones, the value before, decides between
 * equal ones and is taken off at the end.
 */
function maximum(x: View, y: View): string {
  const half = x.half === true;
  const words = 'vec2u((bits.x >> 16u) | (bits.y & 0xffff0000u), (bits.z >> 16u) | (bits.w & 0xffff0000u))';
  const value = half ? `bitcast<vec4h>(${words})` : 'bitcast<vec4f>(bits)';
  const stored = half === (y.half === true) ? value : half ? `vec4f(${value})` : elementOf(y).narrow('value');
  return /* wgsl */ `
struct Extremes { high: vec4i, low: vec4u, top: vec4u }

const EMPTY = Extremes(vec4i(i32(-0x80000000)), vec4u(0xffffffffu), vec4u(0));

fn loaded(i: u32) -> vec4u {
  ${half ? 'let pairs = bitcast<vec2u>(x[i]);\n  return vec4u(pairs.x << 16u, pairs.x, pairs.y << 16u, pairs.y);' : 'return bitcast<vec4u>(x[i]);'}
}

fn taken(a: Extremes, bits: vec4u) -> Extremes {
  return Extremes(max(a.high, bitcast<vec4i>(bits)), min(a.low, bits), max(a.top, bits));
}

fn joined(a: Extremes, b: Extremes) -> Extremes {
  return Extremes(max(a.high, b.high), min(a.low, b.low), max(a.top, b.top));
}

fn largest(a: Extremes) -> ${elementOf(y).vec4} {
  let numbers = select(a.low, bitcast<vec4u>(a.high), a.high >= vec4i(0));
  let bits = select(numbers, a.top, ${half ? '(a.top & vec4u(0xffff0000u)) > vec4u(0xfc000000u)' : 'a.top > vec4u(0xff800000u)'});
  ${stored.includes('value') ? `let value = ${value};` : ''}
  return ${stored};
}`;
}

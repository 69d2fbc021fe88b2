/**
 * @file What the kernels of depthwise convolutions share: a thread's outputs, `rows`×`columns` of a frame, and its way through time.
 *
 * A row of the input that is loaded serves all rows of outputs whose windows it lies in, and a frame all frames of outputs, by adding to
 * the sums of each, as many as the window has frames:
 *
 *     3×3×3 of stride 1    frame t adds to    y[t+1] += w[0]·x     y[t] += w[1]·x     y[t−1] += w[2]·x, which is done then
 *
 * A stride of time shares nothing that way: there, the frames of each window are walked anew. Rows and frames outside of the input are
 * loaded from the nearest one inside and count as zero, without a branch: behind each, a software driver would merge all sums lane by
 * lane.
 */

import { vec4s } from '../shared/view.ts';
import { divideUp, repeat } from '../shared/wgsl.ts';
import { CONV3D_FIELDS, type Conv3dProblem } from './problem.ts';

/** Outputs of a thread: of a frame, and frames one after the other. */
export interface DepthwiseTile {
  readonly rows: number;
  readonly columns: number;
  readonly span: number;
}

export interface DepthwiseOptions {
  /** The taps in reverse, as the gradient by the input has them. */
  readonly reversed?: boolean;
}

export const DEPTHWISE_FIELDS = { ...CONV3D_FIELDS, units: 'u32', spans: 'u32', span: 'i32' } as const;

const list = <T>(count: number, item: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i));

/** Rows of x under a tile of so many rows. */
export const rowsUnder = ({ kernel: [, height], stride: [, step] }: Conv3dProblem, rows: number): number =>
  (rows - 1) * step + height;

/** Frames of x that a thread walks over. */
export function framesUnder({ kernel: [frames], stride: [step] }: Conv3dProblem, span: number): number {
  return step === 1 ? span + frames - 1 : span * frames;
}

/** The grid: units (what a thread or subgroup has of columns and channels) along x, rows along y, samples and spans of frames along z. */
export function depthwiseGrid({ outputs }: Conv3dProblem, tile: Pick<DepthwiseTile, 'rows' | 'span'>) {
  const [samples, frames, rows, , channels] = outputs[0]!.shape;
  const span = Math.min(tile.span, frames);
  const spans = divideUp(frames, span);
  return { span, spans, rows: divideUp(rows, tile.rows), frames: samples * spans, c4: vec4s(channels) };
}

/** Index of the weights of a tap, given and read in one order or the other. */
export const tapAt = ({ kernel }: Conv3dProblem, tap: number, { reversed = false }: DepthwiseOptions): number =>
  reversed ? kernel[0] * kernel[1] * kernel[2] - 1 - tap : tap;

interface Walk {
  /** WGSL that declares what `value` names, of the row at `line` in x, which counts where `there`. */
  readonly load: string;
  /** WGSL of what lies under column `w` of the window of output `j`. */
  value(j: number, w: number): string;
  /** WGSL: whether output `j` is one. */
  stored(j: number): string;
}

/**
 * WGSL that knows `c` (vec4 of channels), `row` and `column` (the first output's), `w0` … (the weights of all taps).
 */
export function depthwiseWalk(problem: Conv3dProblem, tile: DepthwiseTile, { load, value, stored }: Walk): string {
  const { kernel, stride } = problem;
  const [frames, height, width] = kernel;
  const { rows, columns } = tile;
  const swept = stride[0] === 1;
  const sets = swept ? frames : 1;
  const outputs = list(rows, (r) => list(columns, (j) => ({ r, j }))).flat();
  const sum = (set: number, r: number, j: number): string => `sum${set}_${r}_${j}`;
  const each = (line: (r: number, j: number) => string, separator = ' '): string =>
    outputs.map(({ r, j }) => line(r, j)).join(separator);
  const products = (i: number, set: number, tap: number): string =>
    list(rows, (r) => ({ r, h: i - r * stride[1] }))
      .filter(({ h }) => h >= 0 && h < height)
      .flatMap(({ r, h }) =>
        list(columns, (j) =>
          list(width, (w) => `${sum(set, r, j)} += w${(tap * height + h) * width + w} * ${value(j, w)};`).join(' '),
        ),
      )
      .join('\n        ');
  /** A frame of x, whose rows add to the sums of `sets` by the taps of time that belong to them. */
  const plane = (
    frame: string,
    taps: readonly { readonly set: number; readonly tap: number }[],
  ): string => /* wgsl */ `{
      let inside = ${frame} >= 0 && ${frame} < p.x_t;
      let source = (sample * p.x_t + clamp(${frame}, 0, p.x_t - 1)) * p.x_h;
      ${repeat(
        rowsUnder(problem, rows),
        (i) => /* wgsl */ `{
        let there = inside && top + ${i} >= 0 && top + ${i} < p.x_h;
        let line = p.x_base + u32((source + clamp(top + ${i}, 0, p.x_h - 1)) * p.x_w) * p.x_stride;
        ${load}
        ${taps.map(({ set, tap }) => products(i, set, tap)).join('\n        ')}
      }`,
        '\n      ',
      )}
    }`;
  const store = /* wgsl */ `${each((r, j) => `if (row + ${r} < i32(p.y_h) && ${stored(j)}) { store_inside(to + ${r}u * p.y_w + ${j}u, c, ${sum(0, r, j)}, bias); }`, '\n      ')}
      to += p.y_h * p.y_w;`;
  const zero = (set: number): string => each((r, j) => `${sum(set, r, j)} = vec4f(0);`);
  const begin = /* wgsl */ `let sample = i32(workgroup.z / p.spans);
  let begin = i32(workgroup.z % p.spans) * p.span;
  let end = min(begin + p.span, i32(p.y_t));
  let top = row * ${stride[1]} - p.pad_h;
  let bias = bias_of(c);
  ${repeat(sets, (set) => each((r, j) => `var ${sum(set, r, j)} = vec4f(0);`), '\n  ')}
  var to = ((u32(sample) * p.y_t + u32(begin)) * p.y_h + u32(row)) * p.y_w + u32(column);`;
  if (!swept) {
    return /* wgsl */ `${begin}
  for (var t = begin; t < end; t++) {
    ${zero(0)}
    ${list(frames, (tap) => plane(`(t * ${stride[0]} - p.pad_t + ${tap})`, [{ set: 0, tap }])).join('\n    ')}
    {
      ${store}
    }
  }`;
  }
  // The first frames of x that a span sees belong to outputs before it.
  const last = frames - 1;
  return /* wgsl */ `${begin}
  for (var t = max(begin, p.pad_t) - ${last}; t < end; t++) {
    let frame = t + ${last} - p.pad_t;
    ${plane(
      'frame',
      list(frames, (tap) => ({ set: last - tap, tap })),
    )}
    if (t >= begin) {
      ${store}
    }
    ${list(last, (set) => each((r, j) => `${sum(set, r, j)} = ${sum(set + 1, r, j)};`)).join('\n    ')}
    ${zero(last)}
  }`;
}

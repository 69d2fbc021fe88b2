/**
 * @file The gradient of max pooling for GPUs, for windows of a size that is known when the shader is compiled: the two dispatches of
 * max_gradient.ts without its loops, whose turns are different for every thread and whose loads wait for each other.
 *
 *   workgroup   64 threads over channels and columns of one row: x; the row: y; sample and frame: z. What belongs to row and frame
 *               is the same for all of them, so its addresses are scalars
 *   choice      all positions of the window, those outside of the input moved inside and not looked at
 *   gather      all windows that a position can lie in, ⌈kernel / stride⌉ along each axis; their choices and gradients are loaded
 *               side by side, whether they are chosen or not
 *
 * The first of the largest values wins, or the last NaN, as there. No barriers.
 */

import type { Kernel } from '../../core/kernel.ts';
import { movesOn, ORDER_FUNCTIONS } from '../shared/float_bits.ts';
import { type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, kernel, storage, struct } from '../shared/wgsl.ts';
import { gridFits, PACK, type PoolWindow, UNPACK, WINDOW_FIELDS, windowValues } from './pool_window.ts';

const Params = struct('MaxPool3dGradient', WINDOW_FIELDS);

const THREADS = 64;
/** Positions of a window that are written out by compilers. */
const MOST_POSITIONS = 64;

/** Whether the window is small, and rows and frames of the pool's input and output can be the grid's. */
export const maxPool3dUnrolledFits = (x: View, y: View, { kernel: [t, h, w] }: PoolWindow): boolean =>
  gridFits(x) && gridFits(y) && t * h * w <= MOST_POSITIONS;

/** Along each axis, windows that a position can lie in. */
export const windowsOf = ({ kernel, stride }: PoolWindow): number[] =>
  kernel.map((extent, i) => divideUp(extent, stride[i]!));

const gridOf = ({ shape: [samples, frames, rows, columns, channels] }: View): Kernel['workgroups'] => [
  divideUp(columns * vec4s(channels), THREADS),
  rows,
  samples * frames,
];

const nameOf = (what: string, { kernel: window, stride }: PoolWindow): string =>
  `max_pool3d ${what} ${window.join('×')}/${stride.join('×')}`;

/** WGSL of an entry point over the positions of `of`: `body` knows `c`, `sample`, `frame`, `row`, `column`. */
const positionsMain = (of: 'x' | 'y', body: string): string => /* wgsl */ `
${entryPoint(THREADS)} {
  let thread = workgroup.x * ${THREADS}u + lane;
  let c = thread % p.c4;
  let column = i32(thread / p.c4);
  if (column >= p.${of}_w) { return; }
  let row = i32(workgroup.y);
  let frame = i32(workgroup.z) % p.${of}_t;
  let sample = i32(workgroup.z) / p.${of}_t;
  ${body}
}`;

/** WGSL: three nested loops of so many turns. */
const nested = ([t, h, w]: readonly number[], body: string): string => /* wgsl */ `for (var i = 0; i < ${t}; i++) {
  for (var j = 0; j < ${h}; j++) {
  for (var k = 0; k < ${w}; k++) {
    ${body}
  }}}`;

/** Bindings: x, choices. */
export function maxPool3dUnrolledChoice(x: View, y: View, window: PoolWindow): Kernel {
  const [, kh, kw] = window.kernel;
  const [st, sh, sw] = window.stride;
  return kernel({
    name: nameOf('choice', window),
    params: Params,
    values: windowValues(x, y, window),
    storage: [storage('x'), storage('choices', 'array<u32>')],
    workgroups: gridOf(y),
    body: /* wgsl */ `
${ORDER_FUNCTIONS}
${PACK}
${positionsMain(
  'y',
  /* wgsl */ `let corner = vec3i(frame * ${st} - p.pad_t, row * ${sh} - p.pad_h, column * ${sw} - p.pad_w);
  let size = vec3i(p.x_t, p.x_h, p.x_w);
  let skipped = max(-corner, vec3i(0));
  var best = LOWEST;
  // The first position inside, for windows of −∞.
  var choice = vec4u(u32((skipped.x * ${kh} + skipped.y) * ${kw} + skipped.z));
  ${nested(
    window.kernel,
    /* wgsl */ `let at = corner + vec3i(i, j, k);
    let near = clamp(at, vec3i(0), size - 1);
    let line = ((sample * p.x_t + near.x) * p.x_h + near.y) * p.x_w;
    let order = order_of(x[p.x_base + u32(line) * p.x_stride + u32(near.z) * p.x_stride + c]);
    let moves = ${movesOn('order', 'best')} & vec4<bool>(all(at == near));
    choice = select(choice, vec4u(u32((i * ${kh} + j) * ${kw} + k)), moves);
    best = select(best, order, moves);`,
  )}
  let to = u32(((sample * p.y_t + frame) * p.y_h + row) * p.y_w + column);
  choices[to * p.c4 + c] = packed(choice);`,
)}`,
  });
}

/** Bindings: choices, dy, dx. */
export function maxPool3dUnrolledGather(dx: View, dy: View, window: PoolWindow): Kernel {
  const [kt, kh, kw] = window.kernel;
  const [st, sh, sw] = window.stride;
  return kernel({
    name: nameOf('gather', window),
    params: Params,
    values: windowValues(dx, dy, window),
    storage: [storage('choices', 'array<u32>'), storage('dy'), storage('dx')],
    workgroups: gridOf(dx),
    body: `${UNPACK}${positionsMain(
      'x',
      /* wgsl */ `let place = vec3i(frame + p.pad_t, row + p.pad_h, column + p.pad_w);
  let size = vec3i(p.y_t, p.y_h, p.y_w);
  // The first window that could hold the position, and which of its positions this is; windows after it are a stride further.
  let first = (max(place - vec3i(${kt}, ${kh}, ${kw}) + 1, vec3i(0)) + vec3i(${st - 1}, ${sh - 1}, ${sw - 1})) / vec3i(${st}, ${sh}, ${sw});
  var sum = vec4f(0);
  ${nested(
    windowsOf(window),
    /* wgsl */ `let at = first + vec3i(i, j, k);
    let near = clamp(at, vec3i(0), size - 1);
    let tap = place - at * vec3i(${st}, ${sh}, ${sw});
    let real = all(at == near) && all(tap >= vec3i(0));
    let window = u32(((sample * p.y_t + near.x) * p.y_h + near.y) * p.y_w) + u32(near.z);
    let choice = unpacked(choices[window * p.c4 + c]);
    let chosen = choice == vec4u(select(256u, u32((tap.x * ${kh} + tap.y) * ${kw} + tap.z), real));
    sum += select(vec4f(0), dy[p.y_base + window * p.y_stride + c], chosen);`,
  )}
  let to = u32(((sample * p.x_t + frame) * p.x_h + row) * p.x_w + column);
  dx[p.x_base + to * p.x_stride + c] = sum;`,
    )}`,
  });
}

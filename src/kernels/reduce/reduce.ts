/**
 * @file Sum, mean or maximum over any axes, which stay with an extent of 1. A cell of the result is a vec4 of channels, or one value
 * where the channels are reduced as well; its terms are added up by one thread, in order, or by a workgroup: each thread a fixed set of
 * them, then a tree. The same bits in every run.
 *
 * Maxima are those of integers in the same order, so that NaN wins (shared/float_bits.ts).
 */

import type { Kernel } from '../../core/kernel.ts';
import type { Broadcast } from '../shared/broadcast.ts';
import { activation, elementOf } from '../shared/element.ts';
import { movesOn, ORDER_FUNCTIONS } from '../shared/float_bits.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';

export type Reduction = 'sum' | 'mean' | 'max';

interface ReduceProblem {
  readonly op: Reduction;
  readonly x: View;
  readonly y: View;
  /** How y lies in x: of x's axes, which steps of y's pixels belong to them, 0 for those that are reduced. */
  readonly axes: Broadcast;
}

const WORKGROUP = 64;

/** Axes of x that are kept or reduced, with the distance between neighbours in pixels of x. */
function axesOf({ sizes, steps }: Broadcast, kept: boolean): { readonly size: number; readonly step: number }[] {
  const list: { size: number; step: number }[] = [];
  let step = 1;
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    if ((steps[0]![axis] !== 0) === kept) list.unshift({ size: sizes[axis]!, step });
    step *= sizes[axis]!;
  }
  return list;
}

interface Shader {
  readonly cells: number;
  readonly terms: number;
  readonly values: Record<string, number>;
  /** WGSL of `kept_pixel(cell)` and `reduced_pixel(term)`, parts of a pixel's number in x. */
  readonly functions: string;
  /** Channels are reduced. */
  readonly channels: boolean;
}

function shaderOf({ x, axes }: Pick<ReduceProblem, 'x' | 'axes'>): Shader {
  const channels = axes.splat[0]!;
  const [kept, reduced] = [axesOf(axes, true), axesOf(axes, false)];
  const c4 = vec4s(x.shape[4]);
  const count = (list: readonly { size: number }[]): number => list.reduce((product, { size }) => product * size, 1);
  const numbered = (name: string, list: readonly { size: number; step: number }[]) =>
    Object.fromEntries(
      list.flatMap(({ size, step }, i) => [
        [`${name}_size${i}`, size],
        [`${name}_step${i}`, step],
      ]),
    );
  const located = (name: string, list: readonly unknown[]): string => {
    const steps = list.map(
      (_, i) => `at += rest % p.${name}_size${i} * p.${name}_step${i}; rest /= p.${name}_size${i};`,
    );
    return `fn ${name}_pixel(index: u32) -> u32 {\n  var rest = index; var at = 0u;\n  ${steps.reverse().join('\n  ')}\n  return at;\n}`;
  };
  const cells = count(kept) * (channels ? 1 : c4);
  const terms = count(reduced) * (channels ? c4 : 1);
  return {
    cells,
    terms,
    channels,
    values: {
      cells,
      terms,
      c4,
      channels: x.shape[4],
      x_base: x.base,
      x_stride: x.stride,
      ...numbered('kept', kept),
      ...numbered('reduced', reduced),
    },
    functions: `${located('kept', kept)}\n\n${located('reduced', reduced)}`,
  };
}

/** WGSL: for cell and term, where in x the term lies, as `c` and `pixel`, which lanes are channels. */
const place = (channels: boolean, cell: string, term: string): string =>
  channels
    ? `let c = ${term} % p.c4; let pixel = kept_pixel(${cell}) + reduced_pixel(${term} / p.c4);`
    : `let c = ${cell} % p.c4; let pixel = kept_pixel(${cell} / p.c4) + reduced_pixel(${term});`;
const REAL = '(4u * c + vec4u(0, 1, 2, 3) < vec4u(p.channels))';

/** Terms that are worth a workgroup. */
const MANY = 128;

/** Whether a workgroup shares the terms of a cell: on GPUs, where there are many. */
export const sharesTerms = (problem: ReduceProblem, software: boolean): boolean =>
  !software && shaderOf(problem).terms >= MANY;

/** Bindings: x, y. */
export function reduce(problem: ReduceProblem, shared = false): Kernel {
  const { op, x, y } = problem;
  const shader = shaderOf(problem);
  const { channels, cells } = shader;
  const values = {
    ...shader.values,
    y_base: y.base,
    y_stride: y.stride,
    factor: op === 'mean' ? pixelsOf(y) / pixelsOf(x) / (channels ? x.shape[4] : 1) : 1,
  };
  const isMax = op === 'max';
  const type = isMax ? 'vec4i' : 'vec4f';
  const neutral = isMax ? 'LOWEST' : 'vec4f(0)';
  const loaded = elementOf(x).widen('x[p.x_base + pixel * p.x_stride + c]');
  const value = isMax ? `order_of(${loaded})` : loaded;
  const merged = (a: string, b: string): string => (isMax ? `max(${a}, ${b})` : `${a} + ${b}`);
  const across = isMax
    ? 'value_of(vec4i(max(max(total.x, total.y), max(total.z, total.w))))'
    : 'vec4f(dot(total, vec4f(1)))';
  const found = channels
    ? `select(vec4f(0), ${across}, vec4<bool>(true, false, false, false))`
    : isMax
      ? 'value_of(total)'
      : 'total';
  const tree = /* wgsl */ `
  totals[lane] = total;
  workgroupBarrier();
  for (var step = ${WORKGROUP / 2}u; step > 0u; step /= 2u) {
    if (lane < step) { totals[lane] = ${merged('totals[lane]', 'totals[lane + step]')}; }
    workgroupBarrier();
  }
  if (lane > 0u) { return; }
  total = totals[0];`;
  const group = 'workgroup.x + workgroup.z * grid.x';
  return kernel({
    name: `reduce ${op}`,
    params: paramsOf(values),
    values,
    storage: [activation('x', x), storage('y')],
    workgroups: foldGrid(shared ? cells : divideUp(cells, WORKGROUP)),
    body: /* wgsl */ `
${isMax ? ORDER_FUNCTIONS : ''}
${shader.functions}
${shared ? `\nvar<workgroup> totals: array<${type}, ${WORKGROUP}>;\n` : ''}
${entryPoint(WORKGROUP)} {
  let cell = ${shared ? group : `(${group}) * ${WORKGROUP}u + lane`};
  if (cell >= p.cells) { return; }
  var total = ${neutral};
  for (var term = ${shared ? 'lane' : '0u'}; term < p.terms; term += ${shared ? WORKGROUP : 1}u) {
    ${place(channels, 'cell', 'term')}
    let value = ${channels ? `select(${neutral}, ${value}, ${REAL})` : value};
    total = ${merged('total', 'value')};
  }${shared ? tree : ''}
  ${channels ? 'let at = cell * p.y_stride;' : 'let at = cell / p.c4 * p.y_stride + cell % p.c4;'}
  y[p.y_base + at] = ${found}${isMax ? '' : ' * p.factor'};
}`,
  });
}

interface MaxGradientProblem {
  readonly x: View;
  readonly dy: View;
  readonly dx: View;
  readonly axes: Broadcast;
}

/**
 * dx of a maximum: dy where the first of the largest values is, 0 elsewhere; where there is NaN, where the last of those is, as in
 * pooling. One thread per cell, which walks over its terms twice. Bindings: x, dy, dx.
 */
export function maxGradient({ x, dy, dx, axes }: MaxGradientProblem): Kernel {
  const { values: own, functions, channels, cells } = shaderOf({ x, axes });
  const values = {
    ...own,
    dy_base: dy.base,
    dy_stride: dy.stride,
    dx_base: dx.base,
    dx_stride: dx.stride,
  };
  const order = 'order_of(x[p.x_base + pixel * p.x_stride + c])';
  return kernel({
    name: 'max_gradient',
    params: paramsOf(values),
    values,
    storage: [storage('x'), storage('dy'), storage('dx')],
    workgroups: foldGrid(divideUp(cells, WORKGROUP)),
    body: /* wgsl */ `
${ORDER_FUNCTIONS}
${functions}

${entryPoint(WORKGROUP)} {
  let cell = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + lane;
  if (cell >= p.cells) { return; }
  var best = LOWEST;
  // Numbers of the terms, of each lane.
  var chosen = vec4u(0);
  for (var term = 0u; term < p.terms; term++) {
    ${place(channels, 'cell', 'term')}
    let order = ${channels ? `select(LOWEST, ${order}, ${REAL})` : order};
    let moves = ${movesOn('order', 'best')};
    best = select(best, order, moves);
    chosen = select(chosen, vec4u(term), moves);
  }
${
  channels
    ? /* wgsl */ `  // Of four lanes with the largest value of each, the first in order.
  let largest = max(max(best.x, best.y), max(best.z, best.w));
  let numbers = select(vec4u(0xffffffffu), 4u * chosen + vec4u(0, 1, 2, 3), best == vec4i(largest));
  let first = min(min(numbers.x, numbers.y), min(numbers.z, numbers.w));
  let gradient = vec4f(dy[p.dy_base + cell * p.dy_stride].x);`
    : '  let gradient = dy[p.dy_base + cell / p.c4 * p.dy_stride + cell % p.c4];'
}
  for (var term = 0u; term < p.terms; term++) {
    ${place(channels, 'cell', 'term')}
    let here = ${channels ? '4u * term + vec4u(0, 1, 2, 3) == vec4u(first)' : 'chosen == vec4u(term)'};
    dx[p.dx_base + pixel * p.dx_stride + c] = select(vec4f(0), gradient, here);
  }
}`,
  });
}

const paramsOf = (values: Readonly<Record<string, number>>) =>
  struct('Reduce', Object.fromEntries(Object.keys(values).map((name) => [name, name === 'factor' ? 'f32' : 'u32'])));

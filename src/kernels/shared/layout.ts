/**
 * @file Where the elements of a value lie in memory, whatever its rank: a base and a stride per axis. Transposes, slices, reshapes,
 * broadcasts, zeros around and shifts are other layouts of the same memory. Kernels that read vec4 after vec4 want a `View`, the
 * case in which pixels follow each other at one distance; `viewOf` says whether a layout is one.
 */

import { type Shape, sizeOf } from '../../core/tensor.ts';
import { type View, vec4s } from './view.ts';

export interface Axis {
  readonly size: number;
  /** From one element to the next, in values; 0 where they are all the same one. */
  readonly stride: number;
  /** Which indices lie in memory, from the first to the one after the last; what is outside is zero. All where left out. */
  readonly inside?: readonly [from: number, to: number];
}

export interface Layout {
  /** Outermost first; channels, as a rule, last. */
  readonly axes: readonly Axis[];
  /** Where all indices are 0, in values from the start of the binding; that may lie before what is read. */
  readonly base: number;
  /** The lanes from the last channel on to a multiple of 4 hold zero. */
  readonly padded: boolean;
  /** Values of 16 bits; of 32 where left out. */
  readonly half?: boolean;
}

const shapeOf = ({ axes }: Pick<Layout, 'axes'>): number[] => axes.map(({ size }) => size);

/** The layout of a tensor of this shape under a view of its pixels. */
export function layoutOf({ base, stride, half }: View, shape: Shape): Layout {
  const axes: Axis[] = [];
  let step = 4 * stride;
  for (const [i, size] of [...shape].reverse().entries()) {
    axes.unshift({ size, stride: i === 0 ? 1 : step });
    if (i > 0) step *= size;
  }
  return { axes, base: 4 * base, padded: true, ...(half ? { half } : {}) };
}

/**
 * The layout as kernels of vec4 see it, or undefined where it is none of theirs: channels that do not lie side by side, begin
 * within a vec4 or have other values than zero behind them, or pixels at more than one distance.
 */
export function viewOf(layout: Layout): View | undefined {
  const { axes, base, padded, half } = layout;
  const channels = axes.at(-1) ?? { size: 1, stride: 1 };
  const pixels = axes.slice(0, -1).filter(({ size }) => size !== 1);
  if (axes.some(({ inside }) => inside) || !padded || base % 4 !== 0) return undefined;
  if (channels.stride !== 1 && channels.size !== 1) return undefined;
  const distance = pixels.at(-1)?.stride ?? 4 * vec4s(channels.size);
  if (!isRun(pixels) || distance % 4 !== 0 || distance === 0) return undefined;
  return { shape: viewShape(shapeOf(layout)), stride: distance / 4, base: base / 4, ...(half ? { half } : {}) };
}

/**
 * N T H W C of a tensor of any rank: the last extent is C, the others fill N, T, H, W from the front, and what is left over counts
 * as columns: pixels lie one after the other, whatever their axes are called.
 */
export function viewShape(shape: Shape): View['shape'] {
  const extents = shape.slice(0, -1);
  return [extents[0] ?? 1, extents[1] ?? 1, extents[2] ?? 1, sizeOf(extents.slice(3)), shape.at(-1) ?? 1];
}

/** Axes in another order: axis i of the result is axis `order[i]`. */
export function transposed(layout: Layout, order: readonly number[]): Layout {
  const last = order.length - 1;
  return {
    ...layout,
    axes: order.map((axis) => layout.axes[axis]!),
    padded: order[last] === last && layout.padded,
  };
}

/** `size` elements of an axis, from `offset` on. What lies outside of it is zero: before it, behind it, or all of it. */
export function cut(layout: Layout, at: number, offset: number, size: number): Layout {
  const axis = layout.axes[at]!;
  const [from, to] = axis.inside ?? [0, axis.size];
  const inside = [
    Math.min(Math.max(from - offset, 0), size),
    Math.min(Math.max(to - offset, 0), size),
  ] as const satisfies Axis['inside'];
  const whole = inside[0] === 0 && inside[1] === size;
  const cutAxis: Axis = { size, stride: axis.stride, ...(whole ? {} : { inside }) };
  const isLast = at === layout.axes.length - 1;
  return {
    ...layout,
    axes: layout.axes.map((other, i) => (i === at ? cutAxis : other)),
    base: layout.base + offset * axis.stride,
    padded: isLast ? size % 4 === 0 || (layout.padded && offset + size === axis.size) : layout.padded,
  };
}

/** The same values for new outer axes, and along axes of size 1. Axes match from the last one on, as in NumPy. */
export function broadcast(layout: Layout, shape: Shape): Layout {
  const outer = shape.length - layout.axes.length;
  const axes = shape.map((size, i): Axis => {
    const axis = layout.axes[i - outer];
    if (axis?.size === size) return axis;
    // One element that is not there is not there many times.
    return { size, stride: 0, ...(axis?.inside ? { inside: [0, 0] as const } : {}) };
  });
  return { ...layout, axes, padded: layout.padded && shape.at(-1) === layout.axes.at(-1)?.size };
}

/**
 * The same elements in the same order under another shape; undefined where no strides can say so and they have to be copied.
 * Axes are walked from the outermost: as few as have the same product on both sides belong together, and lie in memory as one.
 */
export function reshaped(layout: Layout, shape: Shape): Layout | undefined {
  // Axes of size 1 are nowhere, unless their one element is.
  if (layout.axes.some(({ size, inside }) => size === 1 && inside)) return undefined;
  const old = layout.axes.filter(({ size }) => size !== 1);
  const axes: Axis[] = [];
  let [at, next] = [0, 0];
  while (next < shape.length) {
    if (shape[next] === 1) {
      axes.push({ size: 1, stride: 1 });
      next++;
      continue;
    }
    const [firstOld, firstNew] = [at, next];
    let [held, wanted] = [old[at++]!.size, shape[next++]!];
    while (held !== wanted) {
      if (held < wanted) held *= old[at++]!.size;
      else wanted *= shape[next++]!;
    }
    const [group, sizes] = [old.slice(firstOld, at), shape.slice(firstNew, next)];
    if (group.length === 1 && sizes.length === 1) {
      axes.push(group[0]!);
      continue;
    }
    if (!isRun(group)) return undefined;
    let stride = group.at(-1)!.stride;
    const split = [...sizes].reverse().map((size): Axis => {
      const axis = { size, stride };
      stride *= size;
      return axis;
    });
    axes.push(...split.reverse());
  }
  const [before, after] = [layout.axes.at(-1)?.size ?? 1, shape.at(-1) ?? 1];
  return { ...layout, axes, padded: after % 4 === 0 || (layout.padded && before === after && sameLast(layout, axes)) };
}

/** Whether axes lie in memory as one. */
const isRun = (axes: readonly Axis[]): boolean =>
  axes.every(({ stride, inside }, i) => {
    const inner = axes[i + 1];
    return !inside && (inner === undefined || stride === inner.stride * inner.size);
  });

const sameLast = (layout: Layout, axes: readonly Axis[]): boolean =>
  axes.at(-1)!.size === 1 || axes.at(-1)!.stride === layout.axes.at(-1)!.stride;

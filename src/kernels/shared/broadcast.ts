/**
 * @file Broadcasting by numpy's rules: shapes are aligned at their ends, and an axis of extent 1, or one that is missing, is repeated.
 * Kernels number the pixels of the result; this says which pixel of an operand each of them reads.
 *
 * Neighbouring axes along which every operand does the same count as one, so that few divisions are left: 2×16×7×7×C with
 * 2×1×1×1×C has two axes, 2 and 784, whatever the operands' ranks are.
 */

import type { Shape } from '../../core/tensor.ts';

export interface Broadcast {
  /** Extents of the result's axes but for the channels, outermost first; neighbours that belong together are one. */
  readonly sizes: readonly number[];
  /** For each operand how many of its pixels lie between neighbours along each of these axes; 0 where it is repeated. */
  readonly steps: readonly (readonly number[])[];
  /** For each operand whether its one channel is repeated. */
  readonly splat: readonly boolean[];
}

/** The shape of the result; undefined where the operands do not fit together. */
export function broadcastShape(shapes: readonly Shape[]): number[] | undefined {
  const rank = Math.max(...shapes.map(({ length }) => length));
  const result = Array.from({ length: rank }, (_, axis) => {
    const extents = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1).filter((extent) => extent !== 1);
    return extents.every((extent) => extent === extents[0]) ? (extents[0] ?? 1) : -1;
  });
  return result.includes(-1) ? undefined : result;
}

/** @param operands Shapes that fit into that of the result */
export function broadcastOf(result: Shape, operands: readonly Shape[]): Broadcast {
  const groups: { size: number; kept: readonly boolean[] }[] = [];
  for (const [axis, size] of result.slice(0, -1).entries()) {
    if (size === 1) continue;
    const kept = operands.map((shape) => (shape[axis - result.length + shape.length] ?? 1) !== 1);
    const last = groups.at(-1);
    if (last?.kept.every((value, i) => value === kept[i])) last.size *= size;
    else groups.push({ size, kept });
  }
  const steps = operands.map((_, operand) => {
    let step = 1;
    return groups
      .toReversed()
      .map(({ size, kept }) => {
        if (!kept[operand]) return 0;
        step *= size;
        return step / size;
      })
      .reverse();
  });
  const splat = operands.map((shape) => (shape.at(-1) ?? 1) !== (result.at(-1) ?? 1));
  return { sizes: groups.map(({ size }) => size), steps, splat };
}

/** WGSL of the coordinates `axis0` … of `pixel`, an expression, along axes of the extents `p.size0` …. */
export function axesOf(pixel: string, count: number): string {
  const lines = Array.from({ length: count }, (_, i) => {
    if (i === 0) return `let axis0 = rest0;`;
    return `let axis${i} = rest${i} % p.size${i}; let rest${i - 1} = rest${i} / p.size${i};`;
  });
  return [`let rest${count - 1} = ${pixel};`, ...lines.toReversed()].join(' ');
}

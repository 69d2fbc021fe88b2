/**
 * @file Copies a value of any layout (shared/layout.ts) into memory of its own: transposes, broadcasts, reshapes that no strides can
 * say, for kernels that read vec4 after vec4. A thread makes one vec4 of y: it takes the number of each of its elements apart, axis
 * by axis of x, and fetches them one by one. Bound by memory; x is read in y's order, so a transpose of the channels reads one value
 * of each cache line at a time.
 */

import type { Kernel } from '../../core/kernel.ts';
import { elementOf } from '../shared/element.ts';
import type { Axis, Layout } from '../shared/layout.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat, storage, struct } from '../shared/wgsl.ts';

interface CopyLayoutProblem {
  readonly x: Layout;
  /** The same elements in the same order, under any shape. */
  readonly y: View;
}

/** As few axes as there can be: neighbours that lie in memory as one are one. */
function mergedAxes({ axes }: Layout): Axis[] {
  const found: Axis[] = [];
  for (const axis of axes) {
    const outer = found.at(-1);
    if (axis.size === 1 && !axis.inside) continue;
    if (outer && !outer.inside && !axis.inside && outer.stride === axis.stride * axis.size) {
      found[found.length - 1] = { size: outer.size * axis.size, stride: axis.stride };
    } else found.push(axis);
  }
  return found;
}

const AXIS = ['size', 'stride', 'from', 'to'] as const;

/** Bindings: x and y, x as scalars. */
export function copyLayout({ x, y }: CopyLayoutProblem, workgroupSize = 64): Kernel {
  const axes = mergedAxes(x);
  const numbers = axes.flatMap(({ size, stride, inside = [0, size] }, i) =>
    [size, stride, ...inside].map((value, k) => [`${AXIS[k]}${i}`, value] as const),
  );
  const Params = struct('CopyLayout', {
    pixels: 'u32',
    channels: 'i32',
    x_base: 'i32',
    y_base: 'u32',
    y_stride: 'u32',
    ...Object.fromEntries(numbers.map(([field]) => [field, 'i32' as const])),
  });
  const [from, to] = [elementOf(x), elementOf(y)];
  const step = (axis: number): string => /* wgsl */ `  i = rest % p.size${axis};
  rest /= p.size${axis};
  at += i * p.stride${axis};
  inside = inside && i >= p.from${axis} && i < p.to${axis};`;
  return kernel({
    name: 'copy_layout',
    params: Params,
    values: {
      pixels: pixelsOf(y),
      channels: y.shape[4],
      x_base: x.base,
      y_base: y.base,
      y_stride: y.stride,
      ...Object.fromEntries(numbers),
    },
    storage: [storage('x', `array<${from.scalar}>`), storage('y', `array<${to.vec4}>`)],
    workgroups: foldGrid(divideUp(pixelsOf(y) * vec4s(y.shape[4]), workgroupSize)),
    body: /* wgsl */ `
fn element(number: i32) -> f32 {
  var rest = number;
  var at = p.x_base;
  var inside = true;
  var i = 0;
${repeat(axes.length, (i) => step(axes.length - 1 - i))}
  if (!inside) { return 0.0; }
  return ${from.widen('x[at]', 1)};
}

${entryPoint(workgroupSize)} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + lane;
  let c4 = (u32(p.channels) + 3u) / 4u;
  let pixel = index / c4;
  if (pixel >= p.pixels) { return; }
  let first = 4 * i32(index % c4);
  var value = vec4f(0);
  for (var j = 0; j < min(4, p.channels - first); j++) { value[j] = element(i32(pixel) * p.channels + first + j); }
  y[p.y_base + pixel * p.y_stride + index % c4] = ${to.narrow('value')};
}`,
  });
}

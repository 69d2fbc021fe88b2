/**
 * @file What affine, relu and add share: y = f(inputs), vec4 by vec4. One thread per vec4 of y, along the channels first;
 * every operand is a view with a stride and a base of its own. Bound by memory.
 */

import type { Binding, Kernel } from '../core/kernel.ts';
import { pixelsOf, type View, vec4s } from './view.ts';
import { divideUp, foldGrid, kernel, repeat, storage, struct } from './wgsl.ts';

const Params = struct('Elementwise', {
  pixels: 'u32',
  c4: 'u32',
  floor: 'f32',
  y_base: 'u32',
  y_stride: 'u32',
  in0_base: 'u32',
  in0_stride: 'u32',
  in1_base: 'u32',
  in1_stride: 'u32',
});

/** Below every float32: a floor that lets all values pass. */
const NO_FLOOR = -3.4028234663852886e38;

interface Elementwise {
  readonly name: string;
  /** One or two. Inputs that lie in one buffer name one binding: WebGPU allows no two writable bindings of a range. */
  readonly inputs: readonly { readonly binding: string; readonly view: View }[];
  /** Per-channel vectors. */
  readonly constants?: readonly Binding[];
  readonly y: View;
  readonly relu: boolean;
  /**
   * WGSL for a vec4 of y, from `in0` and `in1` (the inputs' values) and `c` (the channel, in vec4). It must give 0 in the
   * padding lanes, where the inputs hold 0.
   */
  readonly expression: string;
  readonly workgroupSize: number;
}

export function elementwise(source: Elementwise): Kernel {
  const { y, workgroupSize } = source;
  const c4 = vec4s(y.shape[4]);
  const { inputs } = source;
  const [in0, in1] = [inputs[0]!.view, inputs.at(-1)!.view];
  const bindings = [...new Set(inputs.map(({ binding }) => binding))];
  return kernel({
    name: source.name,
    params: Params,
    values: {
      pixels: pixelsOf(y),
      c4,
      floor: source.relu ? 0 : NO_FLOOR,
      y_base: y.base,
      y_stride: y.stride,
      in0_base: in0.base,
      in0_stride: in0.stride,
      in1_base: in1.base,
      in1_stride: in1.stride,
    },
    storage: [...bindings.map((name) => storage(name)), ...(source.constants ?? []), storage('y')],
    workgroups: foldGrid(divideUp(pixelsOf(y) * c4, workgroupSize)),
    body: /* wgsl */ `
@compute @workgroup_size(${workgroupSize})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + lane;
  let pixel = index / p.c4;
  let c = index % p.c4;
  if (pixel >= p.pixels) { return; }
  ${repeat(inputs.length, (i) => `let in${i} = ${inputs[i]!.binding}[p.in${i}_base + pixel * p.in${i}_stride + c];`, '\n  ')}
  y[p.y_base + pixel * p.y_stride + c] = max(${source.expression}, vec4f(p.floor));
}`,
  });
}

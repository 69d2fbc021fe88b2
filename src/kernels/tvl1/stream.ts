/**
 * @file Flow as the flow stream's input: clipped to ±20 px and divided by 20, resized and cropped like the frames. One thread
 * per output pixel, which becomes (u, v, 0, 0).
 *
 * The resize is the one of preprocess.ts: bilinear, half-pixel centres, clamped at the edges. Displacements are multiplied by
 * the ratio of the sizes first, so that they count pixels of the resized picture. `quantise` rounds to the 256 levels that
 * pipelines get which store flow as 8-bit pictures: round(128 + 255/40·x) clamped to a byte, then back to −1 … 1.
 */

import type { Kernel } from '../../core/kernel.ts';
import { bounded } from '../shared/float_bits.ts';
import { pixelsOf, type View } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';

export interface FlowStreamProblem {
  /** Frames × height × width × 2 of f32, dense. */
  readonly flow: { readonly height: number; readonly width: number };
  /** N×T×H×W×2; H×W is the size of the crop. */
  readonly y: View;
  /** Size of the whole picture after the resize. */
  readonly resized: { readonly height: number; readonly width: number };
  /** Top left corner of the crop in the resized picture. */
  readonly crop: { readonly top: number; readonly left: number };
  /** Pixels at which a displacement is clipped. */
  readonly bound: number;
  readonly quantise: boolean;
  /** Multiply displacements by the ratio of the sizes. */
  readonly rescale: boolean;
}

const Params = struct('FlowStream', {
  pixels: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
  y_h: 'u32',
  y_w: 'u32',
  height: 'u32',
  width: 'u32',
  top: 'u32',
  left: 'u32',
  ratio_h: 'f32',
  ratio_w: 'f32',
  scale_u: 'f32',
  scale_v: 'f32',
  bound: 'f32',
  quantise: 'u32',
});

const WORKGROUP = 64;

/** Bindings: flow (`vec2f`), y. */
export function flowStream(problem: FlowStreamProblem): Kernel {
  const { flow, y, resized, crop } = problem;
  return kernel({
    name: 'flow_stream',
    params: Params,
    values: {
      pixels: pixelsOf(y),
      y_base: y.base,
      y_stride: y.stride,
      y_h: y.shape[2],
      y_w: y.shape[3],
      height: flow.height,
      width: flow.width,
      top: crop.top,
      left: crop.left,
      ratio_h: flow.height / resized.height,
      ratio_w: flow.width / resized.width,
      scale_u: problem.rescale ? resized.width / flow.width : 1,
      scale_v: problem.rescale ? resized.height / flow.height : 1,
      bound: problem.bound,
      quantise: Number(problem.quantise),
    },
    storage: [storage('flow', 'array<vec2f>'), storage('y')],
    workgroups: foldGrid(divideUp(pixelsOf(y), WORKGROUP)),
    body: /* wgsl */ `
fn clipped(row: u32, column: u32) -> vec2f {
  let displacement = flow[row * p.width + column] * vec2f(p.scale_u, p.scale_v);
  return ${bounded('displacement', '-p.bound', 'p.bound', 2)};
}

${entryPoint(WORKGROUP)} {
  let pixel = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + lane;
  if (pixel >= p.pixels) { return; }
  let at = vec2u(pixel / p.y_w % p.y_h + p.top, pixel % p.y_w + p.left);
  let frame_row = pixel / (p.y_w * p.y_h) * p.height;
  let source = max((vec2f(at) + 0.5) * vec2f(p.ratio_h, p.ratio_w) - 0.5, vec2f(0));
  let last = vec2u(p.height, p.width) - 1u;
  let near = min(vec2u(source), last);
  let far = min(near + 1u, last);
  let weight = source - vec2f(near);
  let above = mix(clipped(frame_row + near.x, near.y), clipped(frame_row + near.x, far.y), weight.y);
  let below = mix(clipped(frame_row + far.x, near.y), clipped(frame_row + far.x, far.y), weight.y);
  var value = mix(above, below, weight.x) / p.bound;
  if (p.quantise != 0u) {
    let level = floor(128.5 + 127.5 * value);
    value = ${bounded('level', '0', '255', 2)} * (2.0 / 255.0) - 1.0;
  }
  y[p.y_base + pixel * p.y_stride] = vec4f(value, 0.0, 0.0);
}`,
  });
}

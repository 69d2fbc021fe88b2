/**
 * @file Flow as the flow stream's input: clipped to ±20 px and divided by 20, resized and cropped like the frames. One thread
 * per output pixel, which becomes (u, v, 0, 0).
 *
 * The resize is that of clip/resized_crop.ts. Displacements are multiplied by
 * the ratio of the sizes first, so that they count pixels of the resized picture. `quantise` rounds to the 256 levels that
 * pipelines get which store flow as 8-bit pictures: round(128 + 255/40·x) clamped to a byte, then back to −1 … 1.
 */

import type { Kernel } from '../../core/kernel.ts';
import { CROP_FIELDS, cropValues, type ResizedCrop, SOURCE_OF_PIXEL } from '../clip/resized_crop.ts';
import { bounded } from '../shared/float_bits.ts';
import { pixelsOf } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';

interface FlowStreamProblem extends ResizedCrop {
  /** Frames × height × width × 2 of f32, dense. */
  readonly flow: { readonly height: number; readonly width: number };
  /** Pixels at which a displacement is clipped. */
  readonly bound: number;
  readonly quantise: boolean;
  /** Multiply displacements by the ratio of the sizes. */
  readonly rescale: boolean;
}

const Params = struct('FlowStream', {
  ...CROP_FIELDS,
  scale_u: 'f32',
  scale_v: 'f32',
  bound: 'f32',
  quantise: 'u32',
});

const WORKGROUP = 64;

/** Bindings: flow (`vec2f`), y. */
export function flowStream(problem: FlowStreamProblem): Kernel {
  const { flow, y, resized } = problem;
  return kernel({
    name: 'flow_stream',
    params: Params,
    values: {
      ...cropValues(problem, flow),
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
  ${SOURCE_OF_PIXEL}
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

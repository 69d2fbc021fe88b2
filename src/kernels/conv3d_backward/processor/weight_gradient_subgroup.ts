/**
 * @file The gradient by a convolution's weights for adapters whose subgroups are narrow (software adapters: 4 or 8 lanes).
 *
 * M, N, K and the layout of the sums: see conv3d_backward/weight_gradient.ts. One workgroup is one subgroup of L lanes and computes
 * 4·L·vectors rows × 4·L channels over one part of the output's rows of pixels.
 *
 *             4L channels               Per output pixel:
 *            l0  l1 … l7                  one load of dy, each lane its own 4 output channels,
 *   4L     ┌────┬────┬────┐               `vectors` loads of x, each lane a *different* row: the pixel under its own tap and
 *   rows,  │ ↓  │ ↓  │ ↓  │               its own 4 input channels, so 3 input channels fill all lanes as well as 300;
 *   `vec-  │ accumulators │               each lane's vec4 of x is broadcast to all lanes and multiplied: 4 sums of every
 *   tors`  └────┴────┴────┘               lane for each broadcast.
 *   times
 *
 * Loads are what costs on a software adapter (see conv3d/processor/subgroup.ts). `pixels` output pixels at a time are multiplied
 * together, so that a sum is read and written once for all of them. Rows of pixels are walked one by one: what a lane's tap
 * makes of the frame and the row is decided once per row.
 *
 * With few output channels half of the lanes or more would have none. Then each quad of lanes takes a pixel of its own, and
 * its own parts of the sums:
 *
 *             16 channels   16 channels
 *            l0 l1 l2 l3   l4 l5 l6 l7
 *   16     ┌──┬──┬──┬──┐ ┌──┬──┬──┬──┐
 *   rows   │  pixel w  │ │ pixel w+1 │
 *          └──┴──┴──┴──┘ └──┴──┴──┴──┘
 */

import type { Kernel } from '../../../core/kernel.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat, storage } from '../../shared/wgsl.ts';
import {
  type Conv3dWeightGradientProblem,
  SUM_FUNCTION,
  WeightGradientParams,
  weightGradientParts,
  weightGradientValues,
} from '../weight_gradient.ts';

export interface WeightGradientSubgroupTile {
  /** Lanes of a subgroup on this adapter; fixed, 4 to 16. */
  readonly lanes: number;
  /** vec4 of x that each lane loads per pixel. */
  readonly vectors: number;
  /** Pixels (of each quad, if they have their own) that are multiplied together. */
  readonly pixels: number;
  /** Each quad of lanes has pixels of its own. */
  readonly quads: boolean;
}

/** Bindings: x, dy, sums. One group. */
export function conv3dWeightGradientSubgroup(
  problem: Conv3dWeightGradientProblem,
  tile: WeightGradientSubgroupTile,
): Kernel {
  const { lanes, vectors, pixels, quads } = tile;
  const width = quads ? 4 : lanes;
  const perStep = pixels * (lanes / width);
  const values = weightGradientValues(problem, problem.dy.shape[3]);
  const rowTiles = divideUp(values.rows4, width * vectors);
  const broadcast = quads ? 'quadBroadcast' : 'subgroupBroadcast';
  const sums = vectors * width * 4;
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const row = (m: number): string => /* wgsl */ `let row${m} = min(first_row + ${m * width}u + slot, p.rows4 - 1u);
  let tap${m} = row${m} / p.cin4;
  let at${m} = vec3i(vec3u(tap${m} / (size.z * size.y), tap${m} / size.z % size.y, tap${m} % size.z)) - pad;
  let c${m} = p.x_base + batch * p.x_batch + row${m} % p.cin4;`;
  const inputRow = (m: number): string => /* wgsl */ `let t${m} = frame * p.stride_t + at${m}.x;
    let h${m} = h * p.stride_h + at${m}.y;
    let inside${m} = t${m} >= 0 && t${m} < p.x_t && h${m} >= 0 && h${m} < p.x_h;
    let line${m} = u32(((sample * p.x_t + t${m}) * p.x_h + h${m}) * p.x_w) * p.x_stride + c${m};`;
  const load = (m: number, q: number): string => /* wgsl */ `let w${m}_${q} = column${q} * p.stride_w + at${m}.z;
        let ok${m}_${q} = inside${m} && w${m}_${q} >= 0 && w${m}_${q} < p.x_w;
        let v${m}_${q} = select(vec4f(0), x[select(0u, line${m} + u32(w${m}_${q}) * p.x_stride, ok${m}_${q})], ok${m}_${q});`;
  const product = (m: number, r: number): string => {
    const first = 4 * (m * width + r);
    const b = (q: number) => `b${r}_${q}`;
    const lets = repeat(pixels, (q) => `let ${b(q)} = ${broadcast}(v${m}_${q}, ${r}u);`, ' ');
    const adds = repeat(4, (i) => repeat(pixels, (q) => `acc${first + i} += ${b(q)}[${i}] * d${q};`, ' '), ' ');
    return `${lets} ${adds}`;
  };
  return kernel({
    name: `conv3d_weight_gradient subgroup ${quads ? 'quads ' : ''}${4 * width * vectors}×${4 * width}×${pixels}`,
    params: WeightGradientParams,
    values,
    storage: [storage('x'), storage('dy'), storage('sums')],
    workgroups: foldGrid(rowTiles * weightGradientParts(problem), divideUp(values.cout4, width)),
    enable: 'enable subgroups;',
    body: /* wgsl */ `
${SUM_FUNCTION}

${entryPoint(lanes, 'lane', 'subgroup_invocation_id')} {
  let index = workgroup.x + workgroup.z * grid.x;
  let row_tiles = (p.rows4 + ${width * vectors - 1}u) / ${width * vectors}u;
  let sum = index / row_tiles;
  if (sum >= p.parts * p.batches) { return; }
  let batch = sum / p.parts;
  let part = sum % p.parts;
  let first_row = index % row_tiles * ${width * vectors}u;
  let slot = lane % ${width}u;
  let quad = lane / ${width}u;
  let oc4 = workgroup.y * ${width}u + slot;
  // Lanes past the last channel or row read the last one's and store nothing.
  let d_column = p.y0_base + batch * p.y_batch + min(oc4, p.cout4 - 1u);
  let size = vec3u(u32(p.kernel_t), u32(p.kernel_h), u32(p.kernel_w));
  let pad = vec3i(p.pad_t, p.pad_h, p.pad_w);
  ${lines(vectors, row)}
  ${lines(sums, (i) => `var acc${i} = vec4f(0);`)}
  let rows = p.pixels / p.y_w;
  let end = min((part + 1u) * p.per_part, rows);
  for (var y_row = part * p.per_part; y_row < end; y_row++) {
    let h = i32(y_row % p.y_h);
    let frames = y_row / p.y_h;
    let frame = i32(frames % p.y_t);
    let sample = i32(frames / p.y_t);
    let d_row = d_column + y_row * p.y_w * p.y0_stride;
    ${lines(vectors, inputRow, 4)}
    for (var w = 0u; w < p.y_w; w += ${perStep}u) {
      ${lines(
        pixels,
        (q) => `let column${q} = i32(w + ${q === 0 ? '' : `${q * (lanes / width)}u + `}quad);
      let d${q} = select(vec4f(0), dy[d_row + min(u32(column${q}), p.y_w - 1u) * p.y0_stride], u32(column${q}) < p.y_w);`,
        6,
      )}
      ${lines(
        vectors,
        (m) => `{
        ${lines(pixels, (q) => load(m, q), 8)}
        ${lines(width, (r) => product(m, r), 8)}
      }`,
        6,
      )}
    }
  }
  // A loop over an array, used nowhere else: written out, the stores are most of the text and of the time to compile it.
  var totals = array<vec4f, ${sums}>(${repeat(sums, (i) => `acc${i}`, ', ')});
  if (oc4 >= p.cout4) { return; }
  let to = (sum * ${lanes / width}u + quad) * 4u * p.rows4;
  let count = min(4u * (p.rows4 - first_row), ${sums}u);
  for (var i = 0u; i < count; i++) { add_sum((to + 4u * first_row + i) * p.cout4 + oc4, totals[i]); }
}`,
  });
}

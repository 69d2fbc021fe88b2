/**
 * @file 3D convolution for GPUs with matrix units: implicit GEMM on subgroup matrices.
 *
 * M, N, K and the layouts: see conv3d.ts; who loads what, and how K and the workgroups are numbered: see staging.ts;
 * what a subgroup matrix is: see shared/subgroup_matrix.ts. One workgroup computes bm pixels × bn output channels and walks K in steps
 * of bk. Its subgroups form a grid of `rows` × `columns`; each owns a block of result matrices, which stay in registers. Here
 * 2 × 2 subgroups, numbered 0 to 3, have 2 × 2 matrices each:
 *
 *                  bn channels             Per step of K:
 *             ┌───────┬───────┐              1. barrier; the tiles in registers go to workgroup memory; barrier
 *          bk │    weights    │              2. the next tiles are loaded into registers, while
 *       bk    └───────┴───────┘              3. every subgroup multiplies, bk/K times: a column of left matrices, of x, by
 *     ┌─────┐ ┌───┬───┬───┬───┐                 a row of right matrices, of the weights, each by each
 *     │     │ │ 0 │ 0 │ 1 │ 1 │ ◀ strip 0
 *     │     │ ├───┼───┼───┼───┤            In the end, strip by strip (rows × M pixels, of each subgroup one row of matrices):
 *     │     │ │ 0 │ 0 │ 1 │ 1 │ ◀ strip 1    1. barrier; every subgroup stores its matrices to workgroup memory; barrier
 *  bm │  x  │ ├───┼───┼───┼───┤              2. all threads add the bias and write pixels, a vec4 of channels each
 *     │     │ │ 2 │ 2 │ 3 │ 3 │ ◀ strip 0
 *     │     │ ├───┼───┼───┼───┤
 *     │     │ │ 2 │ 2 │ 3 │ 3 │ ◀ strip 1
 *     └─────┘ └───┴───┴───┴───┘
 *
 * Everything goes through workgroup memory. Of x the rows are scattered, with zeros in the padding. Weights could be loaded
 * from where they lie, but a matrix load knows nothing of the ends of K and N. Nor does a store: a matrix has no place where
 * an element could be tested.
 *
 * The barriers are outside of everything that only some subgroups do. The first one of a step waits until the last step's
 * matrices are loaded, the second until the tiles are there; those of a strip do the same for the results. Beside tiles of f32
 * the results take no memory of their own; beside tiles of f16 they do, since WGSL has no memory of two types.
 *
 * Which subgroup is which: WGSL promises no order of lanes, and the size may lie anywhere between the adapter's bounds. So the
 * subgroups draw numbers from a counter in workgroup memory. The threads are enough for `rows` × `columns` subgroups
 * of the largest size; where they turn out smaller there are more of them, and those with higher numbers only stage and
 * write. Results do not depend on who draws which number.
 *
 * Rows of tiles are 16 bytes longer than the tile, so that they start in different banks and still where Vulkan wants them.
 *
 * Preconditions: one group, subgroups, the shape among the device's, threads and tiles that divide evenly: `conv3dMatrixFits`.
 * `half`: weights come as f16, x is converted when it is staged unless it is f16, products and sums are f32 (see element.ts).
 */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { element } from '../shared/element.ts';
import type { MatrixDialect, MatrixShape } from '../shared/subgroup_matrix.ts';
import { constant, entryPoint, foldGrid, kernel, repeat } from '../shared/wgsl.ts';
import { BranchedParams, branchedValues, convolutionBranches, outputTiles } from './branches.ts';
import { type Conv3dProblem, conv3dBindings, storeFunction } from './problem.ts';
import { bandedTile, divides, stagingCode, stagingFunctions, stagingOf } from './staging.ts';

/** 64×64×32 on 2×2 subgroups of 16×16×16 in f16 (128 lanes, 18 KB); 64×64×16 of 8×8×8 in f32 (128 lanes, 9 KB). */
export interface Conv3dMatrixTile extends MatrixShape {
  /** Pixels of a workgroup, a multiple of rows × M. */
  readonly bm: number;
  /** Output channels of a workgroup, a multiple of columns × N. */
  readonly bn: number;
  /** Step of K, a multiple of the matrices' K. */
  readonly bk: number;
  /** Subgroups along the pixels and along the channels. */
  readonly rows: number;
  readonly columns: number;
  /** Weights and tiles in 16 bits; for devices with `shader-f16`. */
  readonly half?: boolean;
}

/** What the shader has to know of the device. */
interface MatrixDevice {
  /** The largest size of a subgroup: workgroups must be multiples of it. */
  readonly lanes: number;
  readonly dialect: MatrixDialect;
}

interface Layout {
  readonly threads: number;
  /** Components of a row of either tile. */
  readonly xRow: number;
  readonly wRow: number;
  /** Components of the tile of x, after which that of the weights begins, and of both. */
  readonly xTile: number;
  readonly tiles: number;
  /** f32 of a row of a strip of results, and of the strip. */
  readonly stripRow: number;
  readonly strip: number;
  /** Matrices of a subgroup, along the pixels and along the channels. */
  readonly tm: number;
  readonly tn: number;
  /** Workgroup memory. */
  readonly bytes: number;
}

/**
 * Words of the variable whose first one is the counter that subgroups draw their numbers from. As many as keep the tiles at a
 * multiple of 16 bytes where a driver lays variables one after the other.
 */
const COUNTER = 4;

/** Undefined where the tile does not divide evenly among its threads and matrices. */
function layoutOf(tile: Conv3dMatrixTile, lanes: number): Layout | undefined {
  const { bm, bn, bk, rows, columns, M, N, K, half } = tile;
  const threads = rows * columns * lanes;
  const [tm, tn] = [bm / rows / M, bn / columns / N];
  if (!divides([bk / 4, bn / 4, bk / K, tm, tn, ...Object.values(stagingOf({ bm, bn, bk, threads }))]))
    return undefined;
  const bytes = element(half).bytes / 4;
  const [xRow, wRow, stripRow] = [bk + 16 / bytes, bn + 16 / bytes, bn + 4];
  const [xTile, strip] = [bm * xRow, rows * M * stripRow];
  const tiles = xTile + bk * wRow;
  const memory = half ? bytes * tiles + 4 * strip : 4 * Math.max(tiles, strip);
  return { threads, xRow, wRow, xTile, tiles, stripRow, strip, tm, tn, bytes: 4 * COUNTER + memory };
}

/** Whether the device has such matrices, and the tile's threads and workgroup memory are within what it offers. */
export function conv3dMatrixFits(profile: DeviceProfile, tile: Conv3dMatrixTile): boolean {
  const { M, N, K, half = false } = tile;
  const layout = layoutOf(tile, profile.subgroupMaxSize);
  return (
    layout !== undefined &&
    (profile.shaderF16 || !half) &&
    layout.threads <= profile.maxInvocationsPerWorkgroup &&
    layout.bytes <= profile.maxWorkgroupStorage &&
    (profile.subgroupMatrix?.configs ?? []).some(
      (config) =>
        config.componentType === element(half).scalar &&
        config.resultComponentType === 'f32' &&
        config.M === M &&
        config.N === N &&
        config.K === K,
    )
  );
}

/** Says a tile in the names of kernels and candidates: that of the workgroup, then that of a matrix. */
export const matrixTileLabel = ({ bm, bn, bk, M, N, K }: Conv3dMatrixTile, separator = ' '): string =>
  `${bm}×${bn}×${bk}${separator}${M}×${N}×${K}`;

/** @throws RangeError when the tile does not divide evenly among its threads and matrices. */
export function conv3dMatrix(problem: Conv3dProblem, tile: Conv3dMatrixTile, device: MatrixDevice): Kernel {
  const { bm, bn, bk, rows, columns, M, N, K, half = false } = tile;
  const layout = layoutOf(tile, device.lanes);
  if (!layout) {
    throw new RangeError(
      `Tile ${matrixTileLabel(tile)} does not divide evenly among ${rows}×${columns} subgroups of ${device.lanes}.`,
    );
  }
  const { threads, xRow, wRow, xTile, tiles, stripRow, strip, tm, tn } = layout;
  const staged = { bm, bn, bk, threads };
  const { xLoads, xStride, wLoads, wStride } = stagingOf(staged);
  const tileOf = element(half);
  const branch = convolutionBranches(problem, tileOf);
  const staging = stagingCode(staged, branch);
  const target = half ? 'results' : 'tiles';
  const matrices = device.dialect({ M, N, K, component: tileOf.scalar, source: 'tiles', target });
  const [bk4, bn4] = [bk / 4, bn / 4];
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const left = (i: number): string => matrices.load('Left', `x_from + ${i * M * xRow}u + k`, xRow);
  const right = (j: number): string => matrices.load('Right', `w_from + k * ${wRow}u + ${j * N}u`, wRow);
  const product = (i: number, j: number): string =>
    `sum${i}_${j} = ${matrices.multiplyAdd(`left${i}`, 'right', `sum${i}_${j}`)};`;
  const storeStrip = (i: number): string => `workgroupBarrier();
  if (multiplies) {
    ${lines(tn, (j) => `${matrices.store(`strip_from + ${j * N}u`, `sum${i}_${j}`, stripRow)};`, 4)}
  }
  workgroupBarrier();
  store_strip(thread, first_pixel + ${i * M}u, first_oc4);`;
  return kernel({
    name: `conv3d_matrix ${half ? 'half ' : ''}${matrixTileLabel(tile, '/')}`,
    params: BranchedParams,
    values: branchedValues(problem),
    storage: conv3dBindings(problem, constant('weights', `array<${tileOf.vec4}>`)),
    workgroups: foldGrid(outputTiles(problem, tile)),
    enable: matrices.enable,
    body: /* wgsl */ `
${branch.functions}
${storeFunction(problem, branch.endWithin)}
${stagingFunctions(tileOf, problem.x, branch)}

var<workgroup> drawn: array<atomic<u32>, ${COUNTER}>;
var<workgroup> tiles: array<${tileOf.scalar}, ${half ? tiles : Math.max(tiles, strip)}>;
${half ? `var<workgroup> results: array<f32, ${strip}>;` : ''}
${matrices.declarations}

fn stage(at: u32, value: ${tileOf.vec4}) {
  ${lines(4, (i) => `tiles[at + ${i}u] = value[${i}];`)}
}

fn store_strip(thread: u32, first_pixel: u32, first_oc4: u32) {
  for (var i = thread; i < ${rows * M * bn4}u; i += ${threads}u) {
    let row = i / ${bn4}u;
    let column = i % ${bn4}u;
    let at = row * ${stripRow}u + 4u * column;
    let value = vec4f(${repeat(4, (c) => `${target}[at + ${c}u]`, ', ')});
    store(first_pixel + row / ${M}u * ${tm * M}u + row % ${M}u, first_oc4 + column, value);
  }
}

${entryPoint(threads, 'thread')} {${bandedTile(tile, branch)}

  // One lane of each subgroup counts it, and the first lane, which is that one, says how many came before.
  let number = subgroupBroadcastFirst(atomicAdd(&drawn[0], select(0u, 1u, subgroupElect())));
  let multiplies = number < ${rows * columns}u;
  let row = number / ${columns}u;
  let column = number % ${columns}u;
  let x_from = row * ${tm * M * xRow}u;
  let w_from = ${xTile}u + column * ${tn * N}u;
  let strip_from = row * ${M * stripRow}u + column * ${tn * N}u;

  let quads = u32(p.kernel_t * p.kernel_h * p.kernel_w) * ${branch.pick('p.cin4', 'p.b_cin4')};
  let steps = (quads + ${bk4 - 1}u) / ${bk4}u;
${staging.start}
  let x_slot = thread / ${bk4}u * ${xRow}u + thread % ${bk4}u * 4u;
  let w_slot = ${xTile}u + thread / ${bn4}u * ${wRow}u + thread % ${bn4}u * 4u;

  ${lines(tm, (i) => repeat(tn, (j) => `var sum${i}_${j}: Result;`, ' '))}
  for (var step = 0u; step < steps; step++) {
    workgroupBarrier();
    ${lines(xLoads, (i) => `stage(x_slot + ${i * xStride * xRow}u, x_next${i});`, 4)}
    ${lines(wLoads, (i) => `stage(w_slot + ${i * wStride * wRow}u, w_next${i});`, 4)}
    workgroupBarrier();
    if (step + 1u < steps) {
      ${staging.next}
    }
    if (multiplies) {
      for (var k = 0u; k < ${bk}u; k += ${K}u) {
        ${lines(tm, (i) => `let left${i} = ${left(i)};`, 8)}
        ${lines(tn, (j) => `{ let right = ${right(j)}; ${repeat(tm, (i) => product(i, j), ' ')} }`, 8)}
      }
    }
  }
  ${lines(tm, storeStrip)}
}`,
  });
}

/**
 * @file The matrix product of the kernels for GPUs with matrix units (conv3d/matrix.ts, …): from rows of K in registers by way of
 * workgroup memory into matrices that stay in registers, and from those to memory.
 *
 * A workgroup computes bm rows × bn columns and walks K in steps of bk. Its subgroups form a grid of `rows` × `columns`; each owns a
 * block of result matrices. Here 2 × 2 subgroups, numbered 0 to 3, have 2 × 2 matrices each:
 *
 *                  bn columns              Per step of K:
 *             ┌───────┬───────┐              1. barrier; the tiles in registers go to workgroup memory; barrier
 *          bk │     right     │              2. the next tiles are loaded into registers, while
 *       bk    └───────┴───────┘              3. every subgroup multiplies, bk/K times: a column of left matrices by a row of
 *     ┌─────┐ ┌───┬───┬───┬───┐                 right matrices, each by each
 *     │     │ │ 0 │ 0 │ 1 │ 1 │
 *     │     │ ├───┼───┼───┼───┤            In the end, matrix by matrix of each subgroup's block:
 *     │     │ │ 0 │ 0 │ 1 │ 1 │              1. barrier; every subgroup stores one to workgroup memory; barrier
 *  bm │left │ ├───┼───┼───┼───┤              2. all threads write what is there, four columns of a row at a time
 *     │     │ │ 2 │ 2 │ 3 │ 3 │
 *     │     │ ├───┼───┼───┼───┤
 *     │     │ │ 2 │ 2 │ 3 │ 3 │
 *     └─────┘ └───┴───┴───┴───┘
 *
 * Everything goes through workgroup memory. Rows of the left side are scattered, with zeros in the padding. The right side could be
 * loaded from where it lies, but a matrix load knows nothing of the ends of K and N. Nor does a store: a matrix has no place where
 * an element could be tested.
 *
 * Layout of the tiles (see subgroup_matrix.ts): M rows, or N columns, of bk components are a piece. Left comes as vec4 along K and is
 * stored as it is. Right comes as vec4 along N, so a thread holds four rows of K of one and turns the 4×4 in registers. The index of a
 * store is made of the thread's number and constants only: Dawn then sees that it lies within the array, does not clamp it, and
 * four components become one store of 8 or 16 bytes. Rows are 16 bytes longer than bk, so that they start in different banks.
 *
 * The barriers are outside of everything that only some subgroups do. The first one of a step waits until the last step's
 * matrices are loaded, the second until the tiles are there; those at the end do the same for the results.
 *
 * Which subgroup is which: WGSL promises no order of lanes. So the subgroups draw numbers from a counter in workgroup memory. Where
 * their size is not known but by the adapter's bounds, the threads are enough for `rows` × `columns` subgroups of the largest size;
 * if they turn out smaller there are more of them, and those with higher numbers only stage and write. Results do not depend on who
 * draws which number.
 */

import type { DeviceProfile } from '../../core/kernel.ts';
import { element } from './element.ts';
import { MATRIX_DIALECTS, type MatrixDialect, type MatrixShape } from './subgroup_matrix.ts';
import { choosesLanes, SUBGROUP_SIZE_DIRECTIVES, subgroupSize } from './subgroup_size.ts';
import { divides } from './tile_product.ts';
import { repeat } from './wgsl.ts';

/** 64×64×32 on 2×2 subgroups of 16×16×16 in f16; 64×64×16 of 8×8×8 in f32. */
export interface MatrixTile extends MatrixShape {
  /** Rows of a workgroup, a multiple of rows × M. */
  readonly bm: number;
  /** Columns of a workgroup, a multiple of columns × N. */
  readonly bn: number;
  /** Step of K, a multiple of the matrices' K. */
  readonly bk: number;
  /** Subgroups along the rows and along the columns. */
  readonly rows: number;
  readonly columns: number;
  /** Tiles in 16 bits; for devices with `shader-f16`. */
  readonly half?: boolean;
  /** Lanes that subgroups should have, where shaders can say so and it is a choice. */
  readonly lanes?: number;
}

/** What the shader has to know of the device. */
export interface MatrixDevice {
  /** Of a subgroup, or where it is not known the most that there may be. */
  readonly lanes: number;
  /** Whether subgroups have that many: always, or because the shader asks for it (`pin`). */
  readonly exact: boolean;
  /** The shader has to ask for subgroups of `lanes` lanes. */
  readonly pin: boolean;
  readonly dialect: MatrixDialect;
}

/** For a device with subgroup matrices. */
export function matrixDevice(profile: DeviceProfile, { lanes: wanted = 0 }: Pick<MatrixTile, 'lanes'>): MatrixDevice {
  const { subgroupMinSize: min, subgroupMaxSize: max, subgroupMatrix } = profile;
  const pin = choosesLanes(profile, wanted);
  const dialect = MATRIX_DIALECTS[subgroupMatrix!.dialect];
  return { lanes: pin ? wanted : max, exact: pin || min === max, pin, dialect };
}

interface Layout {
  readonly threads: number;
  /** Components of a row of either tile, and of a result. */
  readonly row: number;
  readonly resultRow: number;
  /** Matrices of a subgroup along the rows and along the columns. */
  readonly tm: number;
  readonly tn: number;
  /** vec4 of the left side that a thread stages, `xStride` rows apart. */
  readonly xLoads: number;
  readonly xStride: number;
  /** Blocks of 4×4 of the right side that a thread stages, `wStride` blocks of K apart. 1 where there are not enough for all. */
  readonly wBlocks: number;
  readonly wStride: number;
  /** Workgroup memory. */
  readonly bytes: number;
}

/** Words of the variable whose first one is the counter. As many as keep what follows at a multiple of 16 bytes. */
const COUNTER = 4;

/** Undefined where the tile does not divide evenly among its threads and matrices. */
function layoutOf(tile: MatrixTile, lanes: number): Layout | undefined {
  const { bm, bn, bk, rows, columns, M, N, K, half } = tile;
  const threads = rows * columns * lanes;
  const [tm, tn] = [bm / rows / M, bn / columns / N];
  const [bk4, bn4] = [bk / 4, bn / 4];
  const [xStride, wStride] = [threads / bk4, threads / bn4];
  const [xLoads, wBlocks] = [bm / xStride, Math.max(1, bk4 / wStride)];
  if (!divides([bk4, bn4, bk / K, tm, tn, N / 4, xStride, xLoads, wStride, wBlocks])) return undefined;
  // Either the rows that are staged at once are whole pieces, or pieces are staged in whole turns.
  if (xStride % M !== 0 && M % xStride !== 0) return undefined;
  const scalar = element(half).bytes / 4;
  const [row, resultRow] = [bk + 16 / scalar, N + 4];
  const bytes = 4 * COUNTER + scalar * row * (bm + bn) + 4 * rows * columns * M * resultRow;
  return { threads, row, resultRow, tm, tn, xLoads, xStride, wBlocks, wStride, bytes };
}

/** Says a tile in the names of kernels and candidates: that of the workgroup, then that of a matrix. */
export const matrixTileLabel = ({ bm, bn, bk, M, N, K }: MatrixTile, separator = ' '): string =>
  `${bm}×${bn}×${bk}${separator}${M}×${N}×${K}`;

/** Whether the device has such matrices, and the tile's threads and workgroup memory are within what it offers. */
export function matrixTileFits(profile: DeviceProfile, tile: MatrixTile): boolean {
  const { subgroupMatrix } = profile;
  const { M, N, K, half = false } = tile;
  const offered = (subgroupMatrix?.configs ?? []).some(
    (config) =>
      config.componentType === element(half).scalar &&
      config.resultComponentType === 'f32' &&
      config.M === M &&
      config.N === N &&
      config.K === K,
  );
  if (!offered || (half && !profile.shaderF16)) return false;
  const layout = layoutOf(tile, matrixDevice(profile, tile).lanes);
  return (
    layout !== undefined &&
    layout.threads <= profile.maxInvocationsPerWorkgroup &&
    layout.bytes <= profile.maxWorkgroupStorage
  );
}

/** The parts of a kernel. Where code is put in, `thread` is the number of the thread, an argument of the entry point. */
interface MatrixProduct extends Pick<Layout, 'threads' | 'xLoads' | 'xStride' | 'wBlocks' | 'wStride'> {
  readonly enable: string;
  /** Of the entry point, before `@compute`. */
  readonly attributes: string;
  readonly declarations: string;
  /** Declares the sums and what of them this subgroup has. */
  readonly start: string;
  /** Barriers and all: `x_next<i>` and `w_next<4 b + r>` (row r of block b) go to the tiles. */
  readonly stage: string;
  /** Adds the products of a step. */
  readonly multiply: string;
  /**
   * Writes the sums.
   * @param store A statement, of WGSL expressions: row and vec4 of columns within the workgroup's, a vec4f.
   */
  finish(store: (row: string, column4: string, value: string) => string): string;
}

/** @throws RangeError when the tile does not divide evenly among its threads and matrices. */
export function matrixProduct(tile: MatrixTile, device: MatrixDevice): MatrixProduct {
  const { bm, bn, bk, rows, columns, M, N, K, half = false } = tile;
  const layout = layoutOf(tile, device.lanes);
  if (!layout) {
    throw new RangeError(
      `Tile ${matrixTileLabel(tile)} does not divide evenly among ${rows}×${columns} subgroups of ${device.lanes}.`,
    );
  }
  const { threads, row, resultRow, tm, tn, xLoads, xStride, wBlocks, wStride } = layout;
  const [bk4, bn4] = [bk / 4, bn / 4];
  const { scalar } = element(half);
  const tiles = { left: 'x_tile', right: 'w_tile', results: 'results' };
  const matrices = device.dialect({ M, N, K, component: scalar, ...tiles });
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const guarded = (body: string): string => (device.exact ? body : `if (multiplies) {\n    ${body}\n  }`);
  const stageX = (i: number): string =>
    repeat(
      4,
      (c) =>
        `x_tile[x_row / ${M}u + ${Math.floor((i * xStride) / M)}u][(x_row % ${M}u + ${(i * xStride) % M}u) * ${row}u + x_quad + ${c}u] = x_next${i}[${c}];`,
      ' ',
    );
  // Column c of the block, and its rows.
  const stageW = (block: number): string =>
    lines(4, (c) =>
      repeat(
        4,
        (r) =>
          `w_tile[w_column4 / ${N / 4}u][(w_column4 % ${N / 4}u * 4u + ${c}u) * ${row}u + w_quad4 + ${4 * block * wStride + r}u] = w_next${4 * block + r}[${c}];`,
        ' ',
      ),
    );
  const stagesAll = threads <= bk4 * bn4;
  const left = (i: number, k: number): string => matrices.load('Left', `row * ${tm}u + ${i}u`, k, row);
  const right = (j: number, k: number): string => matrices.load('Right', `column * ${tn}u + ${j}u`, k, row);
  const product = (i: number, j: number): string =>
    `sum${i}_${j} = ${matrices.multiplyAdd(`left${i}`, 'right', `sum${i}_${j}`)};`;
  const round = (k: number): string => `{
    ${lines(tm, (i) => `let left${i} = ${left(i, k)};`, 4)}
    ${lines(tn, (j) => `{ let right = ${right(j, k)}; ${repeat(tm, (i) => product(i, j), ' ')} }`, 4)}
  }`;
  // vec4 of a result, and of those that lie in workgroup memory at a time.
  const quads = M * (N / 4);
  const stored = rows * columns * quads;
  const finishOne = (i: number, j: number, store: Parameters<MatrixProduct['finish']>[0]): string => {
    const write = (turn: number): string => {
      const [at, left] = [`(thread + ${turn * threads}u)`, stored - turn * threads];
      const [piece, rest] = [`${at} / ${quads}u`, `${at} % ${quads}u`];
      const [r, c4] = [`${rest} / ${N / 4}u`, `${rest} % ${N / 4}u`];
      const value = repeat(4, (c) => `results[${piece}][${r} * ${resultRow}u + ${c4} * 4u + ${c}u]`, ', ');
      const statement = store(
        `${piece} / ${columns}u * ${tm * M}u + ${i * M}u + ${r}`,
        `${piece} % ${columns}u * ${(tn * N) / 4}u + ${(j * N) / 4}u + ${c4}`,
        `vec4f(${value})`,
      );
      return left < threads ? `if (thread < ${left}u) { ${statement} }` : statement;
    };
    return `workgroupBarrier();
  ${guarded(`${matrices.store('number', `sum${i}_${j}`, resultRow)};`)}
  workgroupBarrier();
  ${lines(Math.ceil(stored / threads), write)}`;
  };
  return {
    ...{ threads, xLoads, xStride, wBlocks, wStride },
    enable: [matrices.enable, device.pin ? SUBGROUP_SIZE_DIRECTIVES : ''].filter(Boolean).join('\n'),
    attributes: device.pin ? `${subgroupSize(device.lanes)} ` : '',
    declarations: /* wgsl */ `
var<workgroup> drawn: array<atomic<u32>, ${COUNTER}>;
var<workgroup> x_tile: array<array<${scalar}, ${M * row}>, ${bm / M}>;
var<workgroup> w_tile: array<array<${scalar}, ${N * row}>, ${bn / N}>;
var<workgroup> results: array<array<f32, ${M * resultRow}>, ${rows * columns}>;
${matrices.declarations}`,
    start: /* wgsl */ `
  // One lane of each subgroup counts it, and the first lane, which is that one, says how many came before.
  let number = subgroupBroadcastFirst(atomicAdd(&drawn[0], select(0u, 1u, subgroupElect())));
  ${device.exact ? '' : `let multiplies = number < ${rows * columns}u;`}
  let row = number / ${columns}u;
  let column = number % ${columns}u;
  let x_row = thread / ${bk4}u;
  let x_quad = thread % ${bk4}u * 4u;
  let w_column4 = thread % ${bn4}u;
  let w_quad4 = thread / ${bn4}u * 4u;
  ${lines(tm, (i) => repeat(tn, (j) => `var sum${i}_${j}: Result;`, ' '))}`,
    stage: /* wgsl */ `workgroupBarrier();
    ${lines(xLoads, stageX, 4)}
    ${stagesAll ? '' : `if (thread < ${bk4 * bn4}u) {`}
    ${lines(wBlocks, stageW, 4)}
    ${stagesAll ? '' : '}'}
    workgroupBarrier();`,
    multiply: guarded(lines(bk / K, (k) => round(k * K), 4)),
    finish: (store) => lines(tm, (i) => lines(tn, (j) => finishOne(i, j, store))),
  };
}

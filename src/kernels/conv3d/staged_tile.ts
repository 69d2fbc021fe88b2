/**
 * @file How the implicit-GEMM kernels of conv3d/tiled.ts and split_k.ts fill the tiles of shared/tile_product.ts; the products of
 * Winograd (winograd/tiled.ts) have their weights staged likewise.
 *
 * A thread stages blocks of 4 pixels × 4 channels of x, as 4 vec4 along the channels which it turns in registers, and vec4 of 4 output
 * channels of the weights. It has the same pixels and the same column of weights in every step. bk/4 neighbouring threads read one
 * pixel's channels side by side.
 *
 * K is walked as one run over taps × channels, not tap by tap: a step may end one tap and begin the next, so the 3 channels of a
 * network's first layer fill a step of 16 with 4 taps instead of leaving it three quarters empty. A thread knows its tap and computes
 * addresses only when the tap changes (window.ts).
 */

import { type Element, elementOf } from '../shared/element.ts';
import { storeTurned, type Tile, tileLayout } from '../shared/tile_product.ts';
import { repeat } from '../shared/wgsl.ts';
import { type BranchCode, convolutionBranches } from './branches.ts';
import { type Conv3dProblem, SHIFT_FUNCTION } from './problem.ts';
import { zeroUnless } from './staging.ts';
import { windowFunctions } from './window.ts';

/** What a shader stages; statements of `thread`, with `first_pixel`, what `branch.begin` defines and `quads`, the vec4 of K. */
interface StagedCode {
  readonly functions: string;
  /** Where the thread stands: at the first step. */
  readonly start: string;
  /** See TileProduct. */
  readonly load: string;
  readonly advance: string;
  readonly store: string;
}

/** Blocks of 4 pixels × 4 channels, and vec4 of weights, that a thread stages per step; whole numbers where the tile can be had. */
export function stagedLoads(tile: Tile): { readonly blocks: number; readonly weights: number } {
  const { threads } = tileLayout(tile);
  return { blocks: (tile.bm * tile.bk) / 16 / threads, weights: (tile.bk * tile.bn) / 4 / threads };
}

/** The row of M, within the workgroup's, of vec4 i of those that a thread stages: rows of blocks of 4 × 4. */
export function stagedRow(tile: Tile, i: number): string {
  const [bk4, { threads }] = [tile.bk / 4, tileLayout(tile)];
  return `4u * (thread / ${bk4}u) + ${4 * Math.floor(i / 4) * (threads / bk4) + (i % 4)}u`;
}

/**
 * What a thread stages of the weights, rows of K by vec4 of output channels. Tails read the last row or channel again.
 * @param quads vec4 of K; `first`: what comes before the thread's first row, `… + `; `base`: where the rows begin, `… + `
 */
export function stagedWeights(
  tile: Tile,
  branch: BranchCode,
  { quads, first = '', base = '' }: { readonly quads: string; readonly first?: string; readonly base?: string },
): Omit<StagedCode, 'functions'> {
  const { threads } = tileLayout(tile);
  const { weights } = stagedLoads(tile);
  const bn4 = tile.bn / 4;
  const lines = (line: (i: number) => string): string => repeat(weights, line, '\n    ');
  return {
    start: /* wgsl */ `let w_column = ${base}${branch.column(`min(first_oc4 + thread % ${bn4}u, ${branch.end} - 1u)`)};
  let w_last = (4u * ${quads} - 1u) * ${branch.row} + w_column;
  var w_at = (${first}thread / ${bn4}u) * ${branch.row} + w_column;`,
    load: lines(
      (i) => `let w_value${i} = ${branch.weight(`min(w_at + ${(i * threads) / bn4}u * ${branch.row}, w_last)`)};`,
    ),
    advance: `w_at += ${tile.bk}u * ${branch.row};`,
    store: lines((i) => `right_tile[thread + ${i * threads}u] = w_value${i};`),
  };
}

/**
 * @param element Of the tiles
 * @param begin The first step, a variable; 0 where left out
 */
export function stagedTile(problem: Conv3dProblem, tile: Tile, element: Element, begin?: string): StagedCode {
  const branch = convolutionBranches(problem, element);
  const cin4 = branch.pick('p.cin4', 'p.b_cin4');
  const { bk } = tile;
  const { threads, leftRow } = tileLayout(tile);
  const { blocks } = stagedLoads(tile);
  const bk4 = bk / 4;
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const { shift } = problem;
  // With a shift the tap follows from the channels, and K is those of one tap.
  const next = shift
    ? `let next = tap_of(c);
    if (next != at.x) {
      at.x = next;`
    : `if (c >= ${cin4}) {
      while (c >= ${cin4}) {
        c -= ${cin4};
        at = next_tap(at);
      }`;
  const first = (size: number): string => (begin === undefined ? '' : `${begin} * ${size}u + `);
  const stored = elementOf(problem.x);
  const staged = stagedWeights(tile, branch, { quads: 'quads', first: first(bk) });
  const block = (b: number): string =>
    storeTurned(
      tile,
      `left_slot + ${(b * threads) / bk4}u`,
      (i) => `staged(x_value${4 * b + i}, source${4 * b + i})`,
      element,
    );
  return {
    functions: /* wgsl */ `${branch.functions}${shift ? SHIFT_FUNCTION : ''}
${windowFunctions(problem.kernel, branch.pickWithin)}

fn staged(value: ${stored.vec4}, source: i32) -> ${element.vec4} {
  ${zeroUnless('source >= 0', stored, element)}
}`,
    start: /* wgsl */ `
  // What this thread stages. Tails read the last pixel, channel or row of K again: what that gives is multiplied by zero or
  // not stored.
  ${lines(4 * blocks, (i) => `let place${i} = place(min(first_pixel + ${stagedRow(tile, i)}, p.pixels - 1u));`)}
  let quad = ${first(bk4)}thread % ${bk4}u;
  ${shift ? 'var c = quad;' : `var c = quad % ${cin4};`}
  var at = ${shift ? 'vec3i(tap_of(c), 0, 0)' : `first_tap(quad / ${cin4})`};
  var here = tap(at);
  ${lines(4 * blocks, (i) => `var source${i} = source(place${i}, here);`)}
  ${staged.start}
  let left_slot = thread % ${bk4}u * ${4 * leftRow}u + thread / ${bk4}u;`,
    load: `${lines(4 * blocks, (i) => `let x_value${i} = ${branch.left(`u32(max(source${i}, 0)) + c`)};`, 4)}
    ${staged.load}`,
    advance: `${staged.advance}
    c += ${bk4}u;
    ${next}
      here = tap(at);
      ${lines(4 * blocks, (i) => `source${i} = source(place${i}, here);`, 6)}
    }`,
    store: `${lines(blocks, block, 4)}
    ${staged.store}`,
  };
}

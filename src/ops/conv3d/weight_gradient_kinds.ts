/**
 * @file The kernels for the gradient of a convolution by its weights. To add one: write it in `src/kernels/`, list it here,
 * measure it.
 */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import {
  conv3dWeightGradientSlide,
  slideSlots,
  type WeightGradientSlideTile,
} from '../../kernels/conv3d_backward/processor/weight_gradient_slide.ts';
import {
  conv3dWeightGradientSubgroup,
  type WeightGradientSubgroupTile,
} from '../../kernels/conv3d_backward/processor/weight_gradient_subgroup.ts';
import {
  type Conv3dWeightGradientProblem,
  weightGradientPartBytes,
  weightGradientRows4,
} from '../../kernels/conv3d_backward/weight_gradient.ts';
import { conv3dWeightGradientDepthwise } from '../../kernels/conv3d_backward/weight_gradient_depthwise.ts';
import { conv3dWeightGradientDirect } from '../../kernels/conv3d_backward/weight_gradient_direct.ts';
import {
  conv3dWeightGradientTiled,
  weightGradientTileFits,
} from '../../kernels/conv3d_backward/weight_gradient_tiled.ts';
import { fixedNarrowSubgroup } from '../../kernels/shared/subgroup.ts';
import { type Tile, tileLabel, tileLayout } from '../../kernels/shared/tile_product.ts';
import { pixelsOf, vec4s, viewBytes } from '../../kernels/shared/view.ts';
import { loopBound } from '../../kernels/shared/wgsl.ts';
import type { Arithmetic, Work } from '../../kernels/shared/work.ts';
import { deviceRates, workgroupsToFill } from '../device_rates.ts';
import { LAST_RESORT } from '../estimate.ts';
import type { Surcharge } from '../operator.ts';
import type { WindowGeometry } from '../sliding_window.ts';

export interface WeightGradientNode {
  readonly geometry: WindowGeometry;
  readonly groups: number;
}

/** A kernel for the parts' sums. */
export interface WeightGradientKind {
  readonly name: string;
  readonly arithmetic: Arithmetic;
  /** Of the arithmetic's rate where tiles are full. Measured on a processor; `tiled`'s are a guess. */
  readonly share: number;
  /** Rows and output channels that the tiles of all workgroups cover. */
  readonly covered: number;
  /** Workgroups of each part, and threads of a workgroup. */
  readonly workgroups: number;
  readonly threads: number;
  /** Fewest output pixels that are worth a part. */
  readonly fewest: number;
  /** Sums that the kernel writes for each part. */
  readonly sums: number;
  readonly surcharges?: readonly Surcharge[];
  kernel(problem: Conv3dWeightGradientProblem): Kernel;
}

/** How much of tiles that cover `size` is used: 1 where `tile` divides it. */
const used = (size: number, tile: number): number => size / (Math.ceil(size / tile) * tile);

/** The kinds that can compute `problem`, or parts of it. */
export function weightGradientKinds(
  problem: Conv3dWeightGradientProblem,
  profile: DeviceProfile,
): WeightGradientKind[] {
  const kinds =
    problem.groups > 1 ? depthwiseKinds(problem) : [...tiledKinds(problem, profile), ...narrowKinds(problem, profile)];
  return [...kinds, directKind(problem)];
}

/** Columns of a window whose sums a thread of the depthwise kernel holds. */
const WIDEST_DEPTHWISE = 9;

/** One thread per vec4 of channels and row of the window, where every channel has a window of its own. */
function depthwiseKinds({ x, dy, kernel, groups }: Conv3dWeightGradientProblem): WeightGradientKind[] {
  const [frames, height, width] = kernel;
  if (x.shape[4] !== groups || dy.shape[4] !== groups || width > WIDEST_DEPTHWISE) return [];
  const threads = frames * height * vec4s(groups);
  return [
    {
      name: 'depthwise',
      arithmetic: 'transform',
      share: 1,
      covered: 4 * threads * width,
      workgroups: Math.ceil(threads / 64),
      threads: 64,
      fewest: 4 * dy.shape[3],
      sums: 1,
      kernel: conv3dWeightGradientDepthwise,
    },
  ];
}

/** One thread per vec4 of rows and of output channels. */
function directKind(problem: Conv3dWeightGradientProblem): WeightGradientKind {
  const [rows4, cout4] = [weightGradientRows4(problem), vec4s(problem.dy.shape[4])];
  return {
    name: 'direct',
    arithmetic: 'plain',
    share: 1,
    covered: 16 * rows4 * cout4,
    workgroups: Math.ceil((rows4 * cout4) / 16),
    threads: 64,
    fewest: 64,
    sums: 1,
    surcharges: [LAST_RESORT],
    kernel: conv3dWeightGradientDirect,
  };
}

/** Whether it is the one for groups and for comparison. */
export const isDirect = ({ kernel }: WeightGradientKind): boolean => kernel === conv3dWeightGradientDirect;

const TILES: readonly (Tile & { readonly share: number })[] = [
  { bm: 64, bn: 64, bk: 16, tm: 8, tn: 8, share: 1 },
  { bm: 64, bn: 32, bk: 16, tm: 8, tn: 4, share: 0.8 },
];

function tiledKinds(problem: Conv3dWeightGradientProblem, profile: DeviceProfile): WeightGradientKind[] {
  const [rows, cout] = [4 * weightGradientRows4(problem), 4 * vec4s(problem.dy.shape[4])];
  return TILES.filter((tile) => weightGradientTileFits(profile, tile)).map(({ share, ...tile }) => {
    const { bm, bn, bk } = tile;
    const workgroups = Math.ceil(rows / bm) * Math.ceil(cout / bn);
    return {
      name: `tiled ${tileLabel(tile)}`,
      arithmetic: 'tiled',
      share,
      covered: workgroups * bm * bn,
      workgroups,
      threads: tileLayout(tile).threads,
      fewest: 8 * bk,
      sums: 1,
      kernel: (part) => conv3dWeightGradientTiled(part, tile, loopBound(profile)),
    };
  });
}

type Rated<T> = Omit<T, 'lanes'> & { readonly share: number };

const SLIDES: readonly Rated<WeightGradientSlideTile>[] = [
  { pixels: 2, quads: false, share: 1 },
  { pixels: 1, quads: false, share: 82 / 92 },
  { pixels: 2, quads: true, share: 77 / 92 },
  { pixels: 1, quads: true, share: 67 / 92 },
];
const SUBGROUPS: readonly Rated<WeightGradientSubgroupTile>[] = [
  { vectors: 2, pixels: 2, quads: false, share: 1 },
  { vectors: 1, pixels: 2, quads: false, share: 52 / 60 },
  { vectors: 2, pixels: 2, quads: true, share: 44 / 60 },
  { vectors: 2, pixels: 1, quads: true, share: 0.645 },
  { vectors: 1, pixels: 1, quads: true, share: 33 / 60 },
];
/** Quads that multiply two pixels together are slow without a window to move over. */
const PAIRS_WITHOUT_WINDOW = 0.5;
/** Columns of a window whose sums still fit into registers and the instruction cache: of all lanes, and of quads. */
const WIDEST_SLIDE = 4;
const WIDEST_QUAD_SLIDE = 7;

/** For subgroups of a few lanes. A quad has pixels, and sums, of its own, where there are several. */
function narrowKinds(problem: Conv3dWeightGradientProblem, profile: DeviceProfile): WeightGradientKind[] {
  const lanes = fixedNarrowSubgroup(profile);
  if (!lanes) return [];
  const { x, dy, kernel: window, stride } = problem;
  const columns = window[2];
  const [rows4, cout4] = [weightGradientRows4(problem), vec4s(dy.shape[4])];
  const width = (quads: boolean): number => (quads ? 4 : lanes);
  const possible = ({ quads }: { readonly quads: boolean }): boolean => !quads || lanes > 4;
  /** @param rows Rows of M in a slot. */
  const common = (quads: boolean, slots: number, slotsPerTile: number, rows: number) => {
    const workgroups = Math.ceil(slots / slotsPerTile) * Math.ceil(cout4 / width(quads));
    const covered = workgroups * slotsPerTile * rows * 4 * width(quads);
    return { workgroups, covered, threads: lanes, fewest: 64, sums: lanes / width(quads) };
  };
  const slides = SLIDES.filter((slide) => {
    if (stride[2] !== 1 || columns === 1 || !possible(slide)) return false;
    return slide.quads ? columns <= WIDEST_QUAD_SLIDE : columns <= WIDEST_SLIDE;
  }).map(({ share, ...slide }): WeightGradientKind => {
    const { quads, pixels } = slide;
    return {
      name: `slide ${quads ? 'quads ' : ''}${pixels}`,
      arithmetic: 'slide',
      share: share * used(x.shape[3], pixels),
      ...common(quads, slideSlots(problem), width(quads), 4 * columns),
      kernel: (part) => conv3dWeightGradientSlide(part, { lanes, ...slide }),
    };
  });
  const subgroups = SUBGROUPS.filter(possible).map(({ share, ...tile }): WeightGradientKind => {
    const { vectors, pixels, quads } = tile;
    const perStep = (pixels * lanes) / width(quads);
    const slow = quads && pixels > 1 && window.every((taps) => taps === 1);
    return {
      name: `subgroup ${quads ? 'quads ' : ''}${vectors}×${pixels}`,
      arithmetic: 'lanes',
      share: share * used(dy.shape[3], perStep) * (slow ? PAIRS_WITHOUT_WINDOW : 1),
      ...common(quads, rows4, width(quads) * vectors, 4),
      kernel: (part) => conv3dWeightGradientSubgroup(part, { lanes, ...tile }),
    };
  });
  return [...slides, ...subgroups];
}

/** The dispatch that leaves the sums of a problem's parts. */
export function kindWork(kind: WeightGradientKind, problem: Conv3dWeightGradientProblem): Work {
  const { arithmetic, share, covered, workgroups, threads } = kind;
  const { x, dy, parts, batches: { count } = { count: 1 } } = problem;
  return {
    arithmetic,
    share,
    flops: 2 * covered * pixelsOf(dy) * count,
    bytes: count * (viewBytes(x) + viewBytes(dy)) + sumsBytes(kind, problem),
    workgroups: workgroups * parts * count,
    threads,
  };
}

/** Bytes of all parts' sums. */
export const sumsBytes = ({ sums }: WeightGradientKind, problem: Conv3dWeightGradientProblem): number =>
  problem.parts * sums * (problem.batches?.count ?? 1) * weightGradientPartBytes(problem);

/** Bytes that all parts' sums may take. */
const SUMS_BUDGET = 64 * 2 ** 20;

/**
 * How many parts keep the device busy and are worth their sums' memory.
 * @param batches Problems that a dispatch computes.
 */
export function partsOf(
  kind: WeightGradientKind,
  problem: Conv3dWeightGradientProblem,
  profile: DeviceProfile,
  batches = 1,
): number {
  const enough = workgroupsToFill(deviceRates(profile), kind.threads);
  const wanted = Math.ceil(enough / (kind.workgroups * batches) / kind.sums);
  const worthwhile = Math.floor(pixelsOf(problem.dy) / kind.fewest / kind.sums);
  const budget = Math.min(SUMS_BUDGET, profile.maxStorageBinding);
  const affordable = Math.floor(budget / (weightGradientPartBytes(problem) * kind.sums * batches));
  return Math.max(1, Math.min(wanted, worthwhile, affordable));
}

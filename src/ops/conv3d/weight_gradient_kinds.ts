/**
 * @file The kernels for the gradient of a convolution by its weights, and which of them comes first on which adapter. To add
 * one: write it in `src/kernels/`, list it here, measure it.
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
import { conv3dWeightGradientDirect } from '../../kernels/conv3d_backward/weight_gradient_direct.ts';
import {
  conv3dWeightGradientTiled,
  type WeightGradientTile,
  weightGradientTileFits,
} from '../../kernels/conv3d_backward/weight_gradient_tiled.ts';
import { fixedNarrowSubgroup } from '../../kernels/shared/subgroup.ts';
import { pixelsOf, vec4s } from '../../kernels/shared/view.ts';
import type { WindowGeometry } from '../window.ts';

export interface WeightGradientNode {
  readonly geometry: WindowGeometry;
  readonly groups: number;
}

/** A kernel for the parts' sums. */
export interface WeightGradientKind {
  readonly name: string;
  /** Kinds are tried in the order of their ranks, lowest first. */
  readonly rank: number;
  /** Workgroups of each part. */
  readonly workgroups: number;
  /** Fewest output pixels that are worth a part. */
  readonly fewest: number;
  /** Sums that the kernel writes for each part. */
  readonly sums: number;
  kernel(problem: Conv3dWeightGradientProblem): Kernel;
}

/** How much of tiles that cover `size` is used: 1 where `tile` divides it. */
const used = (size: number, tile: number): number => size / (Math.ceil(size / tile) * tile);

/** Behind the kinds that suit the adapter. */
const OTHER_ADAPTER = 1000;
const LAST = 2000;

/**
 * The kinds that can compute `problem`, or parts of it. Their order follows from the GFLOP/s that they reach where their tiles
 * are full, times how much of the tiles is used. Measured on a software adapter; for GPUs a guess.
 */
export function weightGradientKinds(
  problem: Conv3dWeightGradientProblem,
  profile: DeviceProfile,
): WeightGradientKind[] {
  const cout4 = vec4s(problem.dy.shape[4]);
  const rows4 = weightGradientRows4(problem);
  const direct: WeightGradientKind = {
    name: 'direct',
    rank: LAST,
    workgroups: Math.ceil((rows4 * cout4) / 16),
    fewest: 64,
    sums: 1,
    kernel: conv3dWeightGradientDirect,
  };
  if (problem.groups > 1) return [direct];
  return [...tiledKinds(problem, profile), ...narrowKinds(problem, profile), direct].sort((a, b) => a.rank - b.rank);
}

const TILES: readonly (WeightGradientTile & { readonly rate: number })[] = [
  { bm: 64, bn: 64, bk: 16, tm: 8, tn: 8, rate: 100 },
  { bm: 64, bn: 32, bk: 16, tm: 8, tn: 4, rate: 80 },
  { bm: 32, bn: 32, bk: 16, tm: 4, tn: 4, rate: 60 },
];

function tiledKinds(problem: Conv3dWeightGradientProblem, profile: DeviceProfile): WeightGradientKind[] {
  const [rows, cout] = [4 * weightGradientRows4(problem), 4 * vec4s(problem.dy.shape[4])];
  return TILES.filter((tile) => weightGradientTileFits(profile, tile)).map((tile) => {
    const { bm, bn, bk, tm, tn, rate } = tile;
    return {
      name: `tiled ${bm}×${bn}×${bk} ${tm}×${tn}`,
      rank: (profile.software ? OTHER_ADAPTER : 0) - rate * used(rows, bm) * used(cout, bn),
      workgroups: Math.ceil(rows / bm) * Math.ceil(cout / bn),
      fewest: 16 * bk,
      sums: 1,
      kernel: (part) => conv3dWeightGradientTiled(part, tile),
    };
  });
}

type Rated<T> = Omit<T, 'lanes'> & { readonly rate: number };

/** GFLOP/s on 8 lanes of two cores. */
const SLIDES: readonly Rated<WeightGradientSlideTile>[] = [
  { pixels: 2, quads: false, rate: 92 },
  { pixels: 1, quads: false, rate: 82 },
  { pixels: 2, quads: true, rate: 77 },
  { pixels: 1, quads: true, rate: 67 },
];
const SUBGROUPS: readonly Rated<WeightGradientSubgroupTile>[] = [
  { vectors: 2, pixels: 2, quads: false, rate: 60 },
  { vectors: 1, pixels: 2, quads: false, rate: 52 },
  { vectors: 2, pixels: 2, quads: true, rate: 44 },
  { vectors: 2, pixels: 1, quads: true, rate: 39 },
  { vectors: 1, pixels: 1, quads: true, rate: 33 },
];
/** Quads that multiply two pixels together are slow without a window to move over. */
const PAIRS_WITHOUT_WINDOW = 0.5;
/** Columns of a window whose sums still fit into registers and the instruction cache: of all lanes, and of quads. */
const WIDEST_SLIDE = 4;
const WIDEST_QUAD_SLIDE = 7;

/** For subgroups of a few lanes. */
function narrowKinds(problem: Conv3dWeightGradientProblem, profile: DeviceProfile): WeightGradientKind[] {
  const lanes = fixedNarrowSubgroup(profile);
  if (!lanes) return [];
  const { x, dy, kernel: window, stride } = problem;
  const columns = window[2];
  const [rows4, cout4] = [weightGradientRows4(problem), vec4s(dy.shape[4])];
  const adapter = profile.software ? 0 : OTHER_ADAPTER;
  const width = (quads: boolean): number => (quads ? 4 : lanes);
  /** A quad has pixels of its own only where there are several. */
  const possible = ({ quads }: { readonly quads: boolean }): boolean => !quads || lanes > 4;
  const common = (quads: boolean, slots: number, slotsPerTile: number, rate: number) => ({
    rank: adapter - rate * used(slots, slotsPerTile) * used(cout4, width(quads)),
    workgroups: Math.ceil(slots / slotsPerTile) * Math.ceil(cout4 / width(quads)),
    fewest: 64,
    sums: lanes / width(quads),
  });
  const slides = SLIDES.filter((slide) => {
    if (stride[2] !== 1 || columns === 1 || !possible(slide)) return false;
    return slide.quads ? columns <= WIDEST_QUAD_SLIDE : columns <= WIDEST_SLIDE;
  }).map(({ rate, ...slide }): WeightGradientKind => {
    const { quads, pixels } = slide;
    return {
      name: `slide ${quads ? 'quads ' : ''}${pixels}`,
      ...common(quads, slideSlots(problem), width(quads), rate * used(x.shape[3], pixels)),
      kernel: (part) => conv3dWeightGradientSlide(part, { lanes, ...slide }),
    };
  });
  const subgroups = SUBGROUPS.filter(possible).map(({ rate, ...tile }): WeightGradientKind => {
    const { vectors, pixels, quads } = tile;
    const perStep = (pixels * lanes) / width(quads);
    const slow = quads && pixels > 1 && window.every((taps) => taps === 1);
    const full = rate * used(dy.shape[3], perStep) * (slow ? PAIRS_WITHOUT_WINDOW : 1);
    return {
      name: `subgroup ${quads ? 'quads ' : ''}${vectors}×${pixels}`,
      ...common(quads, rows4, width(quads) * vectors, full),
      kernel: (part) => conv3dWeightGradientSubgroup(part, { lanes, ...tile }),
    };
  });
  return [...slides, ...subgroups];
}

/** Workgroups of 64 threads that fill a GPU: eight for each of 130 multiprocessors. */
const GPU_FILLED = 1040;
/** Workgroups that keep all cores of a processor busy to the end. */
const PROCESSOR_FILLED = 64;
/** Bytes of all parts' sums. */
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
  const enough = profile.software ? PROCESSOR_FILLED : GPU_FILLED;
  const wanted = Math.ceil(enough / (kind.workgroups * batches) / kind.sums);
  const worthwhile = Math.floor(pixelsOf(problem.dy) / kind.fewest / kind.sums);
  const budget = Math.min(SUMS_BUDGET, profile.maxStorageBinding);
  const affordable = Math.floor(budget / (weightGradientPartBytes(problem) * kind.sums * batches));
  return Math.max(1, Math.min(wanted, worthwhile, affordable));
}

/** @file The solve as a flat list of dispatches over named buffers. Pure: it needs an adapter's facts and no device. */

import { type DeviceProfile, type Kernel, MAX_TEXELS } from '../core/kernel.ts';
import { loopBound } from '../kernels/shared/wgsl.ts';
import {
  type DataIn,
  type Extent,
  type Iterations,
  iterationsPerStep,
  planeOf,
  type Tvl1State,
} from '../kernels/tvl1/layout.ts';
import { tvl1Median } from '../kernels/tvl1/median.ts';
import { tvl1Output } from '../kernels/tvl1/output.ts';
import { tvl1Resize } from '../kernels/tvl1/resize.ts';
import { tvl1Smooth } from '../kernels/tvl1/smooth.ts';
import { tvl1Sweep } from '../kernels/tvl1/sweep.ts';
import { fixedThreshold, tileShape, tvl1Tile } from '../kernels/tvl1/tile.ts';
import { tvl1Upsample } from '../kernels/tvl1/upsample.ts';
import { tvl1Visibility } from '../kernels/tvl1/visibility.ts';
import { tvl1Warp } from '../kernels/tvl1/warp.ts';
import { tvl1WeightedMedian } from '../kernels/tvl1/weighted_median.ts';
import type { Tvl1Options } from './options.ts';
import type { SolverKind } from './solver_kind.ts';

/** `level0` … are the pyramid; `frames` the input, which is `level0` unless it is smoothed first. */
export type BufferName =
  | 'frames'
  | 'smooth0'
  | 'smooth1'
  | 'u'
  | 'dual_u'
  | 'dual_v'
  | 'data'
  | 'slots'
  | 'flow'
  | `level${number}`;

interface PlannedStep {
  readonly kernel: Kernel;
  readonly on: readonly BufferName[];
}

interface FlowPlan {
  readonly steps: readonly PlannedStep[];
  /** Slots that the steps use, see tvl1/layout.ts. */
  readonly slots: number;
  readonly dataIn: DataIn;
}

export function planFlow(
  profile: DeviceProfile,
  extents: readonly Extent[],
  pairs: number,
  options: Tvl1Options,
  kind: SolverKind,
): FlowPlan {
  const pitch = planeOf(extents[0]!);
  const half = pitch * 2 * pairs;
  const steps: PlannedStep[] = [];
  const dataIn = kind === 'sweep' && profile.texels && pitch * 4 * pairs <= MAX_TEXELS ? 'texels' : 'buffer';
  let slot = 0;
  const state = (extent: Extent): Tvl1State => ({ extent, pairs, pitch, half, slot });
  const add = (kernel: Kernel, ...on: BufferName[]): void => {
    steps.push({ kernel, on });
  };
  const smooth = (extent: Extent, sigma: number, from: BufferName, to: BufferName): void => {
    add(tvl1Smooth(extent, pairs + 1, 'x', sigma), from, 'smooth0');
    add(tvl1Smooth(extent, pairs + 1, 'y', sigma), 'smooth0', to);
  };
  const iterate = (extent: Extent): void => {
    const iterations: Iterations = {
      outer: options.outerIterations,
      inner: options.innerIterations,
      median: options.medianFiltering,
      tau: options.tau,
      lambda: options.lambda,
      theta: options.theta,
      epsilon2: options.epsilon ** 2,
      // Elsewhere compilers fuse multiplications with additions, and nothing here would be exact.
      exact: options.exactRounding && profile.software,
      weighted: options.edgeWeight > 0,
    };
    if (kind === 'sweep') {
      add(
        tvl1Sweep(state(extent), iterations, profile.subgroupMaxSize, dataIn),
        'u',
        'dual_u',
        'dual_v',
        'data',
        'slots',
      );
      slot++;
      return;
    }
    const count = iterationsPerStep(options.innerIterations);
    const tile = { count, shape: tileShape(profile) };
    const fixed = fixedThreshold(extent, tile);
    const step = (run: 'always' | 'unless done' | 'last'): void => {
      add(tvl1Tile(state(extent), iterations, { ...tile, run }), 'u', 'dual_u', 'dual_v', 'data', 'slots');
      slot++;
    };
    for (let outer = 0; outer < options.outerIterations; outer++) {
      if (options.medianFiltering > 1) {
        const size = options.medianFiltering as 3 | 5;
        const when = { always: outer === 0, count, fixed };
        add(tvl1Median(state(extent), size, when), 'u', 'slots');
        slot++;
      }
      for (let i = 0; i < options.innerIterations / count; i++) {
        step(options.medianFiltering === 1 && outer === 0 && i === 0 ? 'always' : 'unless done');
      }
    }
    if (count > 1) step('last');
  };

  if (options.presmoothing > 0) smooth(extents[0]!, options.presmoothing, 'frames', 'level0');
  for (let level = 1; level < extents.length; level++) {
    const from = extents[level - 1]!;
    if (options.scaleSmoothing > 0) smooth(from, options.scaleSmoothing, `level${level - 1}`, 'smooth1');
    const step = { x: 1 / options.scaleStep, y: 1 / options.scaleStep };
    const source = options.scaleSmoothing > 0 ? 'smooth1' : (`level${level - 1}` as const);
    add(tvl1Resize(from, extents[level]!, pairs + 1, step), source, `level${level}`);
  }
  for (let level = extents.length - 1; level >= 0; level--) {
    const extent = extents[level]!;
    if (level < extents.length - 1) {
      add(tvl1Upsample(state(extent), extents[level + 1]!, 1 / options.scaleStep), 'u', 'dual_u', 'dual_v', 'slots');
      slot++;
    }
    for (let warp = 0; warp < options.warps; warp++) {
      add(
        tvl1Warp(state(extent), options, { loop: loopBound(profile), dataIn }),
        `level${level}`,
        'u',
        'data',
        'slots',
      );
      iterate(extent);
    }
    if (options.weightedMedian > 1) {
      const size = options.weightedMedian as 9 | 13;
      // The dual variable starts again with the next level: until then its memory is free.
      add(tvl1Visibility(state(extent)), `level${level}`, 'u', 'dual_u', 'slots');
      add(tvl1WeightedMedian(state(extent), size, loopBound(profile)), `level${level}`, 'u', 'dual_u', 'slots');
      slot++;
    }
  }
  add(tvl1Output(state(extents[0]!)), 'u', 'slots', 'flow');
  return { steps, slots: slot + 1, dataIn };
}

/** @file TV-L1 on a batch of pairs, timed, with the bytes that its iterations moved. */

import { type PresetName, presets, solverFor, Tvl1 } from '../../src/flow/index.ts';
import { pyramidExtents } from '../../src/flow/pyramid.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { iterationsPerStep } from '../../src/kernels/tvl1/layout.ts';
import { adapterOf } from '../format.ts';
import { median } from '../measure.ts';

export interface FlowBenchRow {
  readonly preset: PresetName;
  readonly pairs: number;
  readonly width: number;
  readonly height: number;
  /** Median; upload and reading back included. */
  readonly msPerPair: number;
  readonly dispatches: number;
  /** 10⁹ bytes that the iterations read and write in a second. */
  readonly gbps: number;
  /** 10⁹ bytes that a copy reads and writes in a second, in the same run. */
  readonly copyGbps: number;
  readonly adapter: string;
}

/** Bytes that an iteration's step moves per pixel: u and dual in and out (24 bytes each way), data in (16). */
const STEP_BYTES = 64;

export interface FlowRunOptions extends Pick<FlowBenchRow, 'preset' | 'pairs' | 'width' | 'height'> {
  /** Timed solves, after one that is not. */
  readonly repeats: number;
  /** Of a copy, 10⁹ bytes in a second. */
  readonly copyGbps: number;
}

/** @param grey One frame more than there are pairs. */
export async function runFlow(gpu: Gpu, grey: Uint8Array, options: FlowRunOptions): Promise<FlowBenchRow> {
  const { repeats, ...what } = options;
  const { preset, pairs, width, height } = what;
  const tvl1 = await Tvl1.create(gpu, { width, height, pairs }, { preset });
  try {
    const times: number[] = [];
    for (let i = 0; i <= repeats; i++) {
      const start = performance.now();
      await tvl1.run(grey);
      if (i > 0) times.push(performance.now() - start);
    }
    const ms = median(times);
    return {
      ...what,
      msPerPair: ms / pairs,
      dispatches: tvl1.dispatches,
      gbps: (await movedBytes(gpu, tvl1, preset)) / ms / 1e6,
      adapter: adapterOf(gpu.profile),
    };
  } finally {
    tvl1.dispose();
  }
}

/** Bytes of the iterations of the last solve: from what the steps left in their slots. */
async function movedBytes(gpu: Gpu, tvl1: Tvl1, preset: PresetName): Promise<number> {
  const options = presets[preset];
  const { warps, scales, scaleStep, innerIterations, outerIterations, medianFiltering } = options;
  const extents = pyramidExtents(tvl1.size, scales, scaleStep).reverse();
  const count = iterationsPerStep(innerIterations);
  const sweeps = solverFor(gpu.profile) === 'sweep';
  const perWarp = sweeps
    ? 1
    : outerIterations * (innerIterations / count + Number(medianFiltering > 1)) + Number(count > 1);
  const perLevel = warps * perWarp + Number(options.weightedMedian > 1) + 1;
  let steps = 0;
  for (const slots of await tvl1.solver.history()) {
    extents.forEach((extent, level) => {
      const first = level * perLevel + 1;
      const words = slots.subarray(first, first + warps * perWarp);
      // A sweep leaves its iterations, a tile's step an error unless it had nothing to do.
      const done = sweeps
        ? words.reduce((sum, word) => sum + word, 0) / count
        : words.filter((word) => word > 0).length;
      steps += done * extent.width * extent.height;
    });
  }
  return steps * STEP_BYTES;
}

/**
 * @file Throughput of TV-L1: milliseconds per pair by number of pairs, beside the bandwidth that the adapter reaches in the
 * same run. The bytes are those that the solve has to move if every step reads and writes each of its values once.
 */

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type PresetName, presets, solverFor, Tvl1 } from '../src/flow/index.ts';
import { pyramidExtents } from '../src/flow/pyramid.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { decodeNpy } from '../src/io/npy.ts';
import { iterationsPerStep } from '../src/kernels/tvl1/layout.ts';
import { median } from './measure.ts';
import { movingFrames } from './moving_frames.ts';
import { measurePeaks } from './peaks.ts';

export interface FlowBenchOptions {
  /** Pairs in a batch; one row for each. Default 1 and 16. */
  readonly pairs?: number | readonly number[];
  readonly preset?: PresetName;
  /** Timed solves, after one that is not. Default 3. */
  readonly repeats?: number;
  /** Write the rows here. */
  readonly json?: string;
}

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

const SIZE = { width: 224, height: 224 };
/** The clip of the reference flow; moving texture where it is missing. */
const CLIP = fileURLToPath(new URL('../../shared/golden/rgb_frames_u8.npy', import.meta.url));

/** Bytes that an iteration's step moves per pixel: u and dual in and out (24 bytes each way), data in (16). */
const STEP_BYTES = 64;

export async function benchFlow(gpu: Gpu, options: FlowBenchOptions = {}): Promise<FlowBenchRow[]> {
  const { preset = 'opencv', repeats = 3, pairs = [1, 16] } = options;
  const { gbs } = await measurePeaks(gpu, 1);
  const rows: FlowBenchRow[] = [];
  for (const count of typeof pairs === 'number' ? [pairs] : pairs) {
    const grey = await greyFrames(count + 1);
    const tvl1 = await Tvl1.create(gpu, { ...SIZE, pairs: count }, { preset });
    const times: number[] = [];
    for (let i = 0; i <= repeats; i++) {
      const start = performance.now();
      await tvl1.run(grey);
      if (i > 0) times.push(performance.now() - start);
    }
    const ms = median(times);
    rows.push({
      preset,
      pairs: count,
      ...SIZE,
      msPerPair: ms / count,
      dispatches: tvl1.dispatches,
      gbps: (await movedBytes(gpu, tvl1, preset)) / ms / 1e6,
      copyGbps: gbs,
      adapter: gpu.profile.description,
    });
    tvl1.dispose();
  }
  if (options.json) await writeFile(options.json, `${JSON.stringify(rows, null, 2)}\n`);
  return rows;
}

/** Bytes of the iterations of the last solve: from what the steps left in their slots. */
async function movedBytes(gpu: Gpu, tvl1: Tvl1, preset: PresetName): Promise<number> {
  const { warps, scales, scaleStep, innerIterations, outerIterations, medianFiltering } = presets[preset];
  const extents = pyramidExtents(tvl1.size, scales, scaleStep).reverse();
  const count = iterationsPerStep(innerIterations);
  const sweeps = solverFor(gpu.profile) === 'sweep';
  const perWarp = sweeps
    ? 1
    : outerIterations * (innerIterations / count + Number(medianFiltering > 1)) + Number(count > 1);
  let steps = 0;
  for (const slots of await tvl1.solver.history()) {
    extents.forEach((extent, level) => {
      const first = level * (warps * perWarp + 1) + 1;
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

async function greyFrames(count: number): Promise<Uint8Array> {
  const { width, height } = SIZE;
  if (!existsSync(CLIP)) return movingFrames(count, height, width).data;
  const grey = new Uint8Array(count * width * height);
  const { data, shape } = decodeNpy(await readFile(CLIP), CLIP);
  for (let i = 0; i < grey.length; i++) {
    // Longer than the clip: back and forth.
    const frames = shape[0]! - 1;
    const t = Math.floor(i / (width * height));
    const frame = Math.floor(t / frames) % 2 === 0 ? t % frames : frames - (t % frames);
    const at = 3 * (frame * width * height + (i % (width * height)));
    grey[i] = (Number(data[at]) * 9798 + Number(data[at + 1]) * 19235 + Number(data[at + 2]) * 3735 + 16384) >> 15;
  }
  return grey;
}

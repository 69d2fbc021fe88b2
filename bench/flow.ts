/**
 * @file Throughput of TV-L1: milliseconds per pair by number of pairs, beside the bandwidth that the adapter reaches in the
 * same run. The bytes are those that the solve has to move if every step reads and writes each of its values once.
 */

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { PresetName } from '../src/flow/index.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { decodeNpy } from '../src/io/npy.ts';
import { movingFrames } from './moving_frames.ts';
import { measurePeaks } from './peaks.ts';
import { type FlowBenchRow, runFlow } from './runs/flow.ts';

export interface FlowBenchOptions {
  /** Pairs in a batch; one row for each. Default 1 and 16. */
  readonly pairs?: number | readonly number[];
  readonly preset?: PresetName;
  /** Timed solves, after one that is not. Default 3. */
  readonly repeats?: number;
  /** Write the rows here. */
  readonly json?: string;
}

const SIZE = { width: 224, height: 224 };
/** The clip of the reference flow; moving texture where it is missing. */
const CLIP = fileURLToPath(new URL('../../shared/golden/rgb_frames_u8.npy', import.meta.url));

export async function benchFlow(gpu: Gpu, options: FlowBenchOptions = {}): Promise<FlowBenchRow[]> {
  const { preset = 'opencv', repeats = 3, pairs = [1, 16] } = options;
  const { gbs } = await measurePeaks(gpu, 1);
  const rows: FlowBenchRow[] = [];
  for (const count of typeof pairs === 'number' ? [pairs] : pairs) {
    const grey = await greyFrames(count + 1);
    rows.push(await runFlow(gpu, grey, { preset, pairs: count, ...SIZE, repeats, copyGbps: gbs }));
  }
  if (options.json) await writeFile(options.json, `${JSON.stringify(rows, null, 2)}\n`);
  return rows;
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

/** @file `bench fvd`: how the Fréchet video distance answers to noise, blur and dropped frames, on generated clips and the shipped model. */

import { lineChart } from '../src/cli/report/line-chart.ts';
import { Random } from '../src/core/random.ts';
import type { HostTensor } from '../src/core/tensor.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { writeFileAtomic } from '../src/io/atomic.ts';
import { middleSquare } from '../src/models/frames.ts';
import { type Network, Recogniser } from '../src/models/recogniser.ts';
import { frechetDistance, rooted } from '../src/recognition/fvd/frechet.ts';
import { Moments, type Statistics } from '../src/recognition/fvd/moments.ts';
import { ACTIONS, actionClip } from '../src/train/actions/index.ts';
import { readModels } from '../src/train/run/model_files.ts';
import { SHIPPED_MODELS } from '../src/train/shipped_models.ts';
import { digits, table } from './format.ts';
import { print, progress, writeJson } from './report.ts';

export interface FvdBenchOptions {
  /** Clips of each action in a set. */
  readonly clips: number;
  readonly svg?: string;
  readonly json?: string;
}

type Clip = HostTensor<'u8'>;

/** What is done to a clip, at 0 (nothing) to 1. */
type Damage = (clip: Clip, strength: number, random: Random) => Clip;

const DAMAGES: Readonly<Record<string, Damage>> = {
  /** Normal noise of up to 64 levels. */
  noise: (clip, strength, random) =>
    changed(clip, (value) => Math.min(255, Math.max(0, Math.round(value + 64 * strength * random.normal())))),
  blur: (clip, strength) => blurred(clip, Math.round(4 * strength)),
  /** Frames are missing with a probability of up to 0.8, and the one before stays. */
  'dropped frames': (clip, strength, random) => {
    const [frames = 0] = clip.shape;
    const size = clip.data.length / frames;
    const data = clip.data.slice();
    for (let i = 1; i < frames; i++) {
      if (random.uniform() < 0.8 * strength) data.copyWithin(i * size, (i - 1) * size, i * size);
    }
    return { ...clip, data };
  },
};

const changed = (clip: Clip, change: (value: number) => number): Clip => ({ ...clip, data: clip.data.map(change) });

/** Means over squares of 2 r + 1 pixels. */
function blurred(clip: Clip, reach: number): Clip {
  const [frames = 0, height = 0, width = 0] = clip.shape;
  const once = (from: Uint8Array, extent: number, step: number, lines: readonly number[]): Uint8Array => {
    const to = new Uint8Array(from.length);
    for (const line of lines) {
      for (let i = 0; i < extent; i++) {
        let [sum, count] = [0, 0];
        for (let k = Math.max(0, i - reach); k <= Math.min(extent - 1, i + reach); k++, count++)
          sum += from[line + k * step]!;
        to[line + i * step] = Math.round(sum / count);
      }
    }
    return to;
  };
  const rows: number[] = [];
  const columns: number[] = [];
  for (let t = 0; t < frames; t++) {
    for (let c = 0; c < 3; c++) {
      for (let y = 0; y < height; y++) rows.push((t * height + y) * width * 3 + c);
      for (let x = 0; x < width; x++) columns.push((t * height * width + x) * 3 + c);
    }
  }
  const data = once(once(clip.data, width, 3, rows), height, width * 3, columns);
  return { ...clip, data };
}

export interface DamageCurve {
  readonly name: string;
  readonly points: readonly (readonly [strength: number, distance: number])[];
}

/**
 * Distances of damaged clips from others of the same actions.
 * @param clips Of each action in a set.
 * @param strengths From 0 to 1.
 */
export async function damageCurves(
  gpu: Gpu,
  network: Network,
  clips: number,
  strengths: readonly number[],
): Promise<DamageCurve[]> {
  const recogniser = new Recogniser(gpu, network);
  const { frames, size, shortSide } = network.spec;
  const region = middleSquare(shortSide, shortSide, size);
  const set = async (firstSeed: number, damage: (clip: Clip, random: Random) => Clip): Promise<Statistics> => {
    const moments = new Moments();
    for (const action of ACTIONS) {
      for (let i = 0; i < clips; i++) {
        const seed = firstSeed + i;
        const clip = damage(actionClip({ action, seed, frames, size: shortSide }), new Random(seed, action));
        moments.add(await recogniser.logits(clip, undefined, { region }), `${action} ${seed}`);
      }
    }
    return moments.statistics('The set');
  };
  try {
    const real = rooted(await set(0, (clip) => clip));
    const clean = frechetDistance(real, await set(clips, (clip) => clip)).distance;
    const curves: DamageCurve[] = [];
    for (const [name, damage] of Object.entries(DAMAGES)) {
      const points: [number, number][] = [[0, clean]];
      for (const strength of strengths.filter((each) => each > 0)) {
        progress(`${name} ${strength} …`);
        const damaged = await set(clips, (clip, random) => damage(clip, strength, random));
        points.push([strength, frechetDistance(real, damaged).distance]);
      }
      curves.push({ name, points });
    }
    return curves;
  } finally {
    recogniser.dispose();
  }
}

export async function benchFvd(gpu: Gpu, { clips, svg, json }: FvdBenchOptions): Promise<void> {
  const { rgb } = await readModels(SHIPPED_MODELS);
  const strengths = [0, 0.25, 0.5, 0.75, 1];
  const curves = await damageCurves(gpu, rgb!, clips, strengths);
  progress('');
  const rows = curves.map(({ name, points }) => [name, ...points.map(([, distance]) => digits(distance))]);
  print(table(['FVD', ...strengths.map(String)], rows));
  await writeJson(json, { adapter: gpu.profile.description, clips: clips * ACTIONS.length, curves });
  if (svg === undefined) return;
  const note = `${clips * ACTIONS.length} generated clips in a set, ${rgb!.spec.classes} logits of the shipped model`;
  const across = 'strength: noise of 64 levels, squares of 9 pixels, 80 % of the frames at 1';
  await writeFileAtomic(svg, lineChart({ title: 'FVD of damaged videos', note, across, lines: curves }));
}

/** @file Whole runs: I3D in all classes, TV-L1 in its presets, a training step. */

import type { Accuracy } from '../../src/core/kernel.ts';
import { compareFlow, type PresetName, presets, Tvl1 } from '../../src/flow/index.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { clipTitle } from '../i3d.ts';
import { movedPair, movingFrames } from '../moving_frames.ts';
import { runFlow } from '../runs/flow.ts';
import { runModel } from '../runs/model.ts';
import { runTraining, stepTitle } from '../runs/train.ts';
import type { TrainingShape } from '../training.ts';
import { type ClipSizes, clipOf } from './candidate_stages.ts';
import type { Layer } from './outcome.ts';
import type { Stage } from './runner.ts';

/** Compiling and all runs of one model may take so long. Milliseconds. */
const PATIENCE = { hardware: 120_000, software: 600_000 };
const REPEATS = { hardware: 9, software: 3 };
const PROFILES = { hardware: 5, software: 1 };

/** The strictest class and the fastest one on both clips first. */
const ORDER: readonly (readonly [clip: 0 | 1, accuracy: Accuracy])[] = [
  [0, 'exact'],
  [0, 'half'],
  [1, 'exact'],
  [1, 'half'],
  [0, 'fast'],
  [1, 'fast'],
];

const kindOf = ({ software }: { readonly software: boolean }) => (software ? 'software' : 'hardware');

export const modelsStage = (clips: ClipSizes): Stage<'models'> => ({
  name: 'models',
  async run({ attempt, device }) {
    for (const [clip, accuracy] of ORDER) {
      const { profile } = await device();
      const shape = clipOf(clips, clip);
      const title = `${clipTitle(shape)} ${accuracy}`;
      await attempt({
        id: title,
        title,
        patience: PATIENCE[kindOf(profile)],
        work: async (gpu) => {
          const kind = kindOf(profile);
          const options = { repeats: REPEATS[kind], profiles: PROFILES[kind] };
          const { record, rows } = await runModel(gpu, shape, accuracy, options);
          return { record, layers: rows.map(layerOf) };
        },
      });
    }
  },
});

const layerOf = ({ node, op, kernel, ms, flops, bytes, workgroups, shapes }: Layer): Layer => ({
  node,
  op,
  kernel,
  ms,
  flops,
  bytes,
  workgroups,
  shapes,
});

export interface FlowSizes {
  readonly width: number;
  readonly height: number;
  readonly pairs: number;
}

export const flowStage = ({ width, height, pairs }: FlowSizes): Stage<'flow'> => ({
  name: 'flow',
  async run({ attempt, device, results }) {
    const { profile } = await device();
    // A software adapter has enough to do with one.
    const count = profile.software ? 1 : pairs;
    const grey = movingFrames(count + 1, height, width).data;
    for (const preset of Object.keys(presets) as PresetName[]) {
      const known = `TV-L1 ${preset}, a known motion`;
      await attempt({
        id: known,
        title: known,
        patience: PATIENCE[kindOf(profile)],
        work: async (gpu) => {
          const error = await errorOfMotion(gpu, preset);
          if (!(error < MOST_ERROR)) throw new Error(`missed by ${error.toPrecision(2)} px on average`);
          return undefined;
        },
      });
      const title = `TV-L1 ${preset}, ${count} × ${width}×${height}`;
      await attempt({
        id: title,
        title,
        patience: PATIENCE[kindOf(profile)],
        work: (gpu) =>
          runFlow(gpu, grey, {
            ...{ preset, pairs: count, width, height },
            repeats: 3,
            copyGbps: results('peaks')[0]?.gbs ?? Number.NaN,
          }),
      });
    }
  },
});

/** End-point error of a flow that is wrong, on average. Pixels. */
const MOST_ERROR = 0.1;

async function errorOfMotion(gpu: Gpu, preset: PresetName): Promise<number> {
  const size = { width: 90, height: 70 };
  const { grey, truth } = movedPair(size.width, size.height, [1.3, -0.7]);
  const tvl1 = await Tvl1.create(gpu, { ...size, pairs: 1 }, { preset });
  try {
    return compareFlow(await tvl1.run(grey), truth).endPointError;
  } finally {
    tvl1.dispose();
  }
}

export const trainingStage = (shapes: readonly TrainingShape[]): Stage<'training'> => ({
  name: 'training',
  async run({ attempt, device }) {
    for (const shape of shapes) {
      const { profile } = await device();
      const title = stepTitle(shape);
      await attempt({
        id: title,
        title,
        patience: PATIENCE[kindOf(profile)],
        work: async (gpu) =>
          (await runTraining(gpu, shape, { repeats: REPEATS[kindOf(profile)], recompute: false })).record,
      });
    }
  },
});

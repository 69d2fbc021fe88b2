/** @file A whole training step beside a forward pass of the same network, timed. */

import type { Gpu } from '../../src/gpu/device.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import type { PlanMemory, ProfiledRow } from '../../src/graph/plan.ts';
import { I3D_OUTPUTS } from '../../src/i3d/i3d.ts';
import { type Origin, originOf } from '../format.ts';
import { median } from '../measure.ts';
import { createStep, type TrainingShape, trainingInputs, trainingModel, trainingParameters } from '../training.ts';

export interface TimedTraining extends Origin, TrainingShape {
  readonly recompute: boolean;
  /** Medians, in milliseconds: forward passes of the same network with exact kernels and with the fast ones, and the step. */
  readonly forwardMs: number;
  readonly fastForwardMs: number;
  readonly stepMs: number;
  /** Of the step's time and the exact forward's. */
  readonly ratio: number;
  readonly gflops: number;
  readonly dispatches: number;
  readonly memory: PlanMemory & { readonly allocated: number };
}

/** By which the summary finds another engine's time beside ours, too. */
export const stepTitle = (shape: TrainingShape): string => `a training step of ${trainingTitle(shape)}`;

export const trainingTitle = ({ architecture, width, frames, size, batch }: TrainingShape): string =>
  `${architecture}${width === 1 ? '' : ` × ${width}`}, ${batch} × ${frames}×${size}×${size}`;

export interface TrainingRunOptions {
  readonly repeats: number;
  readonly recompute: boolean;
  /** Also time every node. */
  readonly profile?: boolean | undefined;
  readonly onProgress?: (text: string) => void;
}

export async function runTraining(
  gpu: Gpu,
  shape: TrainingShape,
  { repeats, recompute, profile, onProgress = () => {} }: TrainingRunOptions,
): Promise<{ readonly record: TimedTraining; readonly rows: readonly ProfiledRow[] | undefined }> {
  const model = trainingModel(shape);
  const constants = new DeviceParameters(gpu, trainingParameters(shape));
  const outputs = [I3D_OUTPUTS.logits];
  onProgress(`${trainingTitle(shape)}: compiling …`);
  const exact = await compile(model, constants, { outputs, accuracy: 'exact' });
  const fast = await compile(model, constants, { outputs, accuracy: 'fast' });
  const before = gpu.allocatedBytes;
  const step = await createStep(gpu, shape, recompute);
  const allocated = gpu.allocatedBytes - before;
  const inputs = trainingInputs(shape);
  const clip = { clip: inputs.clip! };
  try {
    const runs = [
      () => exact.run(clip),
      () => fast.run(clip),
      (i: number) => step.run(inputs, { learningRate: 0.01, step: i }),
    ];
    const times: number[][] = runs.map(() => []);
    // In turns, so that a slow minute of the machine falls on all of them. The first round warms up.
    for (let round = 0; round <= repeats; round++) {
      onProgress(`${trainingTitle(shape)}: round ${round} of ${repeats} …`);
      for (const [i, run] of runs.entries()) {
        const start = performance.now();
        await run(round);
        if (round > 0) times[i]!.push(performance.now() - start);
      }
    }
    const [forwardMs, fastForwardMs, stepMs] = times.map(median) as [number, number, number];
    const record = {
      ...originOf(gpu),
      ...shape,
      recompute,
      forwardMs,
      fastForwardMs,
      stepMs,
      ratio: stepMs / forwardMs,
      gflops: step.flops / stepMs / 1e6,
      dispatches: step.dispatchCount,
      memory: { ...step.memory, allocated },
    };
    return { record, rows: profile ? await step.profile() : undefined };
  } finally {
    step.dispose();
    exact.dispose();
    fast.dispose();
    constants.dispose();
  }
}

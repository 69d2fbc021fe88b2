/** @file A whole forward pass of a model, timed: from the clip in memory to the logits in memory. */

import type { Accuracy } from '../../src/core/kernel.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import type { Plan, PlanMemory, ProfiledRow } from '../../src/graph/plan.ts';
import { OUTPUTS } from '../../src/models/graph.ts';
import { isConvolution } from '../cases.ts';
import { type Origin, originOf } from '../format.ts';
import { type ModelSize, madeUpClip, madeUpParameters, modelGraph, modelId } from '../i3d.ts';
import { median } from '../measure.ts';

export interface ModelRecord extends Origin {
  readonly model: string;
  readonly frames: number;
  readonly size: number;
  readonly accuracy: Accuracy;
  /** Median of the warm runs: upload, all dispatches, read back. */
  readonly ms: number;
  readonly bestMs: number;
  readonly runs: number;
  /** As direct convolutions count. */
  readonly gflops: number;
  readonly peakGflops: number;
  readonly peakShare: number;
  /** Of all convolutions together, by the time that each takes: medians over several profiles. */
  readonly convolutionGflops: number;
  readonly convolutionShare: number;
  /** Packing and upload of the weights, pipelines, memory. */
  readonly compileMs: number;
  /** The first run after that. */
  readonly firstMs: number;
  /** From the start of a fresh process of compiled code to its first logits, without the driver's shader cache; median of three. */
  readonly coldMs?: number;
  readonly dispatches: number;
  /** Bytes. */
  readonly memory: PlanMemory & { readonly allocated: number };
  readonly kernel?: string;
}

/** Before the peak is known. */
export type TimedModel = Omit<ModelRecord, 'peakGflops' | 'peakShare' | 'convolutionShare'>;

export interface ModelRunOptions {
  /** Warm runs; the median is over them. At least 3. */
  readonly repeats: number;
  /** Forces candidates whose names start so. */
  readonly kernel?: string | undefined;
  /** Over so many every node's time is a median. 3 where left out. */
  readonly profiles?: number;
}

/** Every node with the median of its times over several profiles. */
export interface ModelRun {
  readonly record: TimedModel;
  readonly rows: readonly ProfiledRow[];
}

/** @throws Error when the logits are not finite; what `compile` and `Plan.run` throw. */
export async function runModel(
  gpu: Gpu,
  shape: ModelSize,
  accuracy: Accuracy,
  { repeats, kernel, profiles = 3 }: ModelRunOptions,
): Promise<ModelRun> {
  const { frames, size } = shape;
  const graph = modelGraph(shape);
  const parameters = new DeviceParameters(gpu, madeUpParameters(graph));
  const inputs = { clip: madeUpClip(shape) };
  try {
    const timed = async <T>(work: () => Promise<T>): Promise<[T, number]> => {
      const start = performance.now();
      const result = await work();
      return [result, performance.now() - start];
    };
    const choice = { outputs: [OUTPUTS.logits], accuracy, ...(kernel === undefined ? {} : { kernel }) };
    const [plan, compileMs] = await timed(() => compile(graph, parameters, choice));
    try {
      const [first, firstMs] = await timed(() => plan.run(inputs));
      if (!first[OUTPUTS.logits]!.data.every(Number.isFinite)) throw new Error('The logits are not finite.');
      const times: number[] = [];
      for (let i = 0; i < Math.max(3, repeats); i++) times.push((await timed(() => plan.run(inputs)))[1]);
      const ms = median(times);
      const rows = await medianProfile(plan, profiles);
      const record: TimedModel = {
        model: modelId(shape),
        frames,
        size,
        accuracy,
        ms,
        gflops: plan.flops / ms / 1e6,
        convolutionGflops: throughput(rows.filter(({ op }) => isConvolution(op))),
        ...originOf(gpu),
        bestMs: Math.min(...times),
        runs: times.length,
        compileMs,
        firstMs,
        dispatches: plan.dispatchCount,
        memory: { ...plan.memory, allocated: gpu.allocatedBytes },
        ...(kernel === undefined ? {} : { kernel }),
      };
      return { record, rows };
    } finally {
      plan.dispose();
    }
  } finally {
    parameters.dispose();
  }
}

/** Every node with the median of its times. */
async function medianProfile(plan: Plan, count: number): Promise<ProfiledRow[]> {
  const profiles: ProfiledRow[][] = [];
  while (profiles.length < count) profiles.push(await plan.profile());
  return profiles[0]!.map((row, i) => ({ ...row, ms: median(profiles.map((rows) => rows[i]!.ms)) }));
}

/** 10⁹ operations in a second of the nodes' own time. */
function throughput(rows: readonly ProfiledRow[]): number {
  const sum = (of: 'flops' | 'ms') => rows.reduce((total, row) => total + row[of], 0);
  return sum('flops') / sum('ms') / 1e6;
}

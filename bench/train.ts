/**
 * @file `bench train`: a whole training step beside a forward pass of the same network, and beside PyTorch's step on the same
 * cores or GPU. Losses, gradient norms and logits of the first step are compared before any time counts.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { floatTensor } from '../src/core/tensor.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { compile } from '../src/graph/compile.ts';
import { DeviceParameters } from '../src/graph/parameters.ts';
import type { PlanMemory, ProfiledRow } from '../src/graph/plan.ts';
import { LOGITS_LAYER } from '../src/i3d/graph.ts';
import { I3D, I3D_OUTPUTS, I3D_TABLE } from '../src/i3d/i3d.ts';
import { INCEPTION_4_TABLE } from '../src/i3d/inception4.ts';
import { scaleTable } from '../src/i3d/layers.ts';
import { encodeNpy } from '../src/io/npy.ts';
import { type Contender, hold, type Score, typescript } from './contender.ts';
import { median } from './measure.ts';
import { hasCuda, pythonContender } from './python.ts';
import { digits, megabytes, type Origin, originOf, percent, print, progress, table, writeJson } from './report.ts';
import {
  createStep,
  type TrainingShape,
  trainingArguments,
  trainingInputs,
  trainingModel,
  trainingParameters,
  trainingSpec,
} from './training.ts';

export interface TrainOptions {
  readonly shapes: readonly TrainingShape[];
  readonly repeats: number;
  readonly recompute: boolean;
  readonly profile?: boolean;
  /** Beside PyTorch, where Python has it. */
  readonly peers: boolean;
  readonly json?: string;
}

export interface TrainRecord extends Origin, TrainingShape {
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
  readonly peers: readonly Score[];
}

export async function benchTrain(gpu: Gpu, options: TrainOptions): Promise<TrainRecord[]> {
  const records: TrainRecord[] = [];
  for (const shape of options.shapes) {
    const { record, rows } = await runShape(gpu, shape, options);
    records.push({ ...record, peers: options.peers ? await contest(shape, options.repeats) : [] });
    progress('');
    print(`${gpu.profile.description}\n${trainTable(records.slice(-1))}`);
    if (rows) print(profileTable(rows));
    await writeJson(options.json, records);
  }
  return records;
}

const title = ({ architecture, width, frames, size, batch }: TrainingShape): string =>
  `${architecture}${width === 1 ? '' : ` × ${width}`}, ${batch} × ${frames}×${size}×${size}`;

async function runShape(
  gpu: Gpu,
  shape: TrainingShape,
  { repeats, recompute, profile }: TrainOptions,
): Promise<{ record: Omit<TrainRecord, 'peers'>; rows: ProfiledRow[] | undefined }> {
  const model = trainingModel(shape);
  const constants = new DeviceParameters(gpu, trainingParameters(shape));
  const outputs = [I3D_OUTPUTS.logits];
  progress(`${title(shape)}: compiling …`);
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
      progress(`${title(shape)}: round ${round} of ${repeats} …`);
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

async function contest(shape: TrainingShape, repeats: number): Promise<Score[]> {
  const folder = await mkdtemp(join(tmpdir(), 'i3d-bench-'));
  try {
    await writeModel(folder, shape);
    const torch = ['cpu', ...(hasCuda() ? ['cuda'] : [])].map((device) =>
      pythonContender(`PyTorch ${device}`, 'torch', 'train_torch.py', folder, device),
    );
    const ours: Contender = { name: 'i3d-webgpu', ...typescript('ours_train.ts', ...trainingArguments(shape)) };
    const distance = (theirs: Float32Array, own: Float32Array): number =>
      Math.max(...theirs.map((value, i) => Math.abs(value - own[i]!))) / Math.max(...own.map(Math.abs));
    return await hold({ contenders: [ours, ...torch], repeats, folder, distance, tolerance: 1e-3 });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What train_torch.py reads. */
async function writeModel(folder: string, shape: TrainingShape): Promise<void> {
  const spec = trainingSpec(shape);
  const { layers, headPool } = scaleTable(spec.architecture === I3D ? I3D_TABLE : INCEPTION_4_TABLE, spec);
  const parameters = [...trainingParameters(shape)];
  let offset = 0;
  const entries = parameters.map(([name, { shape: extents, data }]) => {
    offset += data.length;
    return [name, { shape: extents, offset: offset - data.length, size: data.length }] as const;
  });
  const flat = new Float32Array(offset);
  parameters.forEach(([, { data }], i) => {
    flat.set(data, entries[i]![1].offset);
  });
  const strides = Object.fromEntries(
    layers.flatMap((layer) => (layer.kind === 'unit' ? [[layer.name, layer.stride]] : [])),
  );
  const model = {
    layers,
    strides,
    pool: headPool ?? null,
    logits: LOGITS_LAYER,
    classes: shape.classes,
    weights: Object.fromEntries(entries),
  };
  const clip = trainingInputs(shape).clip!;
  await writeFile(join(folder, 'model.json'), JSON.stringify(model));
  await writeFile(join(folder, 'weights.npy'), encodeNpy(floatTensor([offset], flat)));
  await writeFile(join(folder, 'clip.npy'), encodeNpy(clip));
}

const trainTable = (records: readonly TrainRecord[]): string =>
  table(
    [
      'step',
      'ms',
      'forward ms',
      'ratio',
      'fast forward ms',
      'GFLOP/s',
      'dispatches',
      'arena',
      'states',
      'in all',
      'PyTorch ms',
    ],
    records.map((record) => [
      title(record),
      digits(record.stepMs),
      digits(record.forwardMs),
      digits(record.ratio),
      digits(record.fastForwardMs),
      digits(record.gflops),
      `${record.dispatches}`,
      megabytes(record.memory.arena),
      megabytes(record.memory.states),
      megabytes(record.memory.allocated),
      record.peers
        .slice(1)
        .map(({ ms, problem }) => (ms === undefined ? `✗ ${problem}` : digits(ms)))
        .join(', '),
    ]),
  );

/** Time by operator and kernel, the largest first. */
function profileTable(rows: readonly ProfiledRow[]): string {
  const groups = new Map<string, { ms: number; flops: number; bytes: number; count: number }>();
  for (const { op, kernel, ms, flops, bytes } of rows) {
    const key = `${op}, ${kernel}`;
    const group = groups.get(key) ?? { ms: 0, flops: 0, bytes: 0, count: 0 };
    groups.set(key, {
      ms: group.ms + ms,
      flops: group.flops + flops,
      bytes: group.bytes + bytes,
      count: group.count + 1,
    });
  }
  const total = rows.reduce((sum, { ms }) => sum + ms, 0);
  return table(
    ['operator, kernel', 'nodes', 'ms', 'of time', 'GFLOP/s', 'GB/s'],
    [...groups]
      .sort(([, a], [, b]) => b.ms - a.ms)
      .map(([name, { ms, flops, bytes, count }]) => [
        name,
        `${count}`,
        digits(ms),
        percent(ms / total),
        digits(flops / ms / 1e6),
        digits(bytes / ms / 1e6),
      ]),
  );
}

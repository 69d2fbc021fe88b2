/**
 * @file `bench peers`: the same work by other engines, on the same adapter or the same cores, in one run. An engine that is
 * not there, crashes or gives another result is a line in the table, not a failure.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Accuracy } from '../src/core/kernel.ts';
import { floatTensor } from '../src/core/tensor.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { writeFileAtomic } from '../src/io/atomic.ts';
import { encodeNpy } from '../src/io/npy.ts';
import { OUTPUTS } from '../src/models/graph.ts';
import { barChart } from './chart.ts';
import { peerChart } from './charts.ts';
import { type Contender, hold, typescript } from './contender.ts';
import type { Score } from './contest.ts';
import { relativeDistance } from './distance.ts';
import { digits, type Origin, originOf, table } from './format.ts';
import {
  clipTitle,
  type ModelSize,
  madeUpClip,
  madeUpParameters,
  modelArguments,
  modelGraph,
  usualSize,
} from './i3d.ts';
import { movingFrames } from './moving_frames.ts';
import { CONV_SHAPES, convFlops } from './peers/conv_shapes.ts';
import { installPackages } from './peers/install.ts';
import { activationFirst, exportNetwork } from './peers/network.ts';
import { encodeOnnx } from './peers/onnx.ts';
import { writeTorch } from './peers/torch_files.ts';
import { hasCuda, pythonContender } from './python.ts';
import { print, progress, writeJson } from './report.ts';

export const PEER_TASKS = ['model', 'conv', 'flow'] as const;
export type PeerTask = (typeof PEER_TASKS)[number];

export interface PeersOptions {
  readonly tasks: readonly PeerTask[];
  /** Ids of `MODELS`, for the task `model`. */
  readonly models: readonly string[];
  /** Of the clip; a model's usual ones where left out. */
  readonly frames?: number;
  readonly size?: number;
  readonly accuracies: readonly Accuracy[];
  readonly repeats: number;
  /** Only engines whose names contain this; ours always runs. */
  readonly engine?: string;
  readonly json?: string;
  /** A chart of all tasks. */
  readonly svg?: string;
}

/** What else a chart's reader has to know. */
const NATIVE = 'engines marked cpu and OpenCV run natively on the same cores; ';

interface PeerRecord extends Score, Origin {
  readonly task: string;
  readonly gflops?: number;
}

export async function benchPeers(gpu: Gpu, options: PeersOptions): Promise<void> {
  const packages = installPackages();
  const folder = await mkdtemp(join(tmpdir(), 'i3d-webgpu-peers-'));
  const records: PeerRecord[] = [];
  const report = async (task: string, flops: number | undefined, scores: readonly Score[]): Promise<void> => {
    const origin = originOf(gpu);
    records.push(
      ...scores.map((score) => ({
        task,
        ...score,
        ...(score.ms && flops ? { gflops: flops / score.ms / 1e6 } : {}),
        ...origin,
      })),
    );
    print(`\n${task}\n${scoreTable(records.filter((record) => record.task === task))}`);
    // After each task: a long run that is stopped has written what it measured.
    await writeJson(options.json, records);
    if (options.svg !== undefined) await writeFileAtomic(options.svg, barChart(peerChart(records, NATIVE)));
  };
  print(gpu.profile.description);
  if (packages !== undefined) print(`onnxruntime and tfjs are left out: ${packages}`);
  const wanted = (contenders: readonly Contender[]): Contender[] =>
    contenders.filter(({ name }, i) => i === 0 || name.includes(options.engine ?? ''));
  try {
    if (options.tasks.includes('model')) {
      for (const architecture of options.models) {
        const network = { architecture, width: 1 };
        const shape = { network, stream: 'rgb', ...usualSize(network), ...given(options) } as const;
        const { flops, contenders } = await modelContest(folder, shape, options, packages === undefined);
        const scores = await hold({
          contenders: wanted(contenders),
          repeats: options.repeats,
          folder,
          distance: relativeDistance,
          tolerance: 1e-3,
        });
        await report(clipTitle(shape), flops, scores);
      }
    }
    if (options.tasks.includes('conv') && packages === undefined) {
      for (const [i, shape] of CONV_SHAPES.entries()) {
        const contenders = [
          { name: 'i3d-webgpu', ...typescript('ours_conv.ts', i) },
          { name: 'tfjs webgpu', ...typescript('tfjs_conv.ts', i) },
        ];
        const scores = await hold({
          contenders: wanted(contenders),
          repeats: options.repeats,
          folder,
          distance: relativeDistance,
          tolerance: 1e-4,
        });
        await report(`conv3d ${shape.name}`, convFlops(shape), scores);
      }
    }
    if (options.tasks.includes('flow')) {
      const { shape, data } = movingFrames(17, 224, 224);
      const frames = join(folder, 'frames.npy');
      await writeFile(frames, encodeNpy({ dtype: 'u8', shape, data }));
      const contenders = [
        { name: 'i3d-webgpu', ...typescript('ours_flow.ts', frames) },
        pythonContender('OpenCV', 'cv2.optflow', 'tvl1_opencv.py', frames),
      ];
      const scores = await hold({
        contenders: wanted(contenders),
        repeats: options.repeats,
        folder,
        distance: meanDistance,
        tolerance: 0.05,
      });
      await report(`TV-L1 flow, ${shape[0]! - 1} pairs of ${shape[2]}×${shape[1]}`, undefined, scores);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What was asked for of a clip's size. */
const given = ({ frames, size }: PeersOptions) => ({
  ...(frames === undefined ? {} : { frames }),
  ...(size === undefined ? {} : { size }),
});

async function modelContest(
  folder: string,
  shape: ModelSize,
  { accuracies }: PeersOptions,
  packages: boolean,
): Promise<{ flops: number; contenders: Contender[] }> {
  progress('Writing the model for the others …');
  const graph = modelGraph(shape);
  const network = exportNetwork(graph, OUTPUTS.logits, madeUpParameters(graph));
  const clip = madeUpClip(shape);
  const input = activationFirst(clip.shape, clip.data);
  const [model, data] = [join(folder, 'model.onnx'), join(folder, 'clip.npy')];
  await writeFile(model, encodeOnnx(network));
  await writeFile(data, encodeNpy(floatTensor(input.shape, input.data)));
  await writeTorch(folder, network);
  const ours = accuracies.map((accuracy) => ({
    name: `i3d-webgpu ${accuracy}`,
    ...typescript('ours_model.ts', ...modelArguments(shape), accuracy),
  }));
  const ort = ['webgpu', 'cpu'].map((provider) => ({
    name: `onnxruntime ${provider}`,
    ...typescript('ort.ts', provider, model, data),
  }));
  const torch = ['cpu', ...(hasCuda() ? ['cuda'] : [])].map((device) =>
    pythonContender(`PyTorch ${device}`, 'torch', 'i3d_torch.py', folder, device),
  );
  return { flops: network.flops, contenders: [...ours, ...(packages ? ort : []), ...torch] };
}

/** Mean absolute difference, for flow in pixels: single pixels may stop iterating a step apart. */
function meanDistance(theirs: Float32Array, ours: Float32Array): number {
  return ours.reduce((sum, value, i) => sum + Math.abs(value - theirs[i]!), 0) / ours.length;
}

function scoreTable(records: readonly PeerRecord[]): string {
  return table(
    ['engine', 'version', 'ms', 'first ms', 'runs', 'GFLOP/s', 'time over ours', 'difference'],
    records.map((record) => [
      record.engine,
      record.problem === undefined ? record.version : `✗ ${record.problem}`,
      record.ms === undefined ? '' : digits(record.ms),
      record.firstMs === undefined ? '' : digits(record.firstMs),
      record.runs === undefined ? '' : `${record.runs}`,
      record.gflops === undefined ? '' : digits(record.gflops),
      record.ratio === undefined ? '' : `${digits(record.ratio)}×`,
      record.error === undefined ? '' : record.error.toExponential(1),
    ]),
    2,
  );
}

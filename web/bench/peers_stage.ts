/** @file The stage of other engines in a page: each in a worker of its own, from the folder `peers/` beside the page, loaded only now. */

import { type Contender, hold, type Opponent } from '../../bench/contest.ts';
import { relativeDistance } from '../../bench/distance.ts';
import { clipOf } from '../../bench/gpu/candidate_stages.ts';
import type { PeerResult } from '../../bench/gpu/outcome.ts';
import { LeftOut, type Stage } from '../../bench/gpu/runner.ts';
import type { SessionSizes } from '../../bench/gpu/sizes.ts';
import { clipTitle, type ModelSize, madeUpClip, madeUpParameters, modelGraph } from '../../bench/i3d.ts';
import { CONV_SHAPES, type ConvShape, convData } from '../../bench/peers/conv_shapes.ts';
import { activationFirst, exportNetwork } from '../../bench/peers/network.ts';
import { encodeOnnx } from '../../bench/peers/onnx.ts';
import type { Answer, Order, OrtWork, TfjsWork } from '../../bench/peers/web/messages.ts';
import { floatTensor } from '../../src/core/tensor.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import type { Plan } from '../../src/graph/plan.ts';
import { OUTPUTS } from '../../src/models/graph.ts';
import { startWorker } from '../shared/start_worker.ts';

/** Loading a library, compiling its shaders, and all runs. Milliseconds. */
const PATIENCE = { hardware: 120_000, software: 900_000 };
const REPEATS = { hardware: 9, software: 2 };

/** Of the result that both compute. */
const OURS = 'y';

/** Something that both compute. */
interface Match {
  readonly task: string;
  readonly engine: string;
  /** What the records say of ours. */
  readonly about: Pick<PeerResult, 'frames' | 'accuracy'>;
  readonly tolerance: number;
  ours(gpu: Gpu): Promise<Opponent>;
  theirs(): Promise<Opponent>;
}

/** @param base The page's own address, by which the folder `peers/` is found; undefined where the build has none. */
export const webPeersStage =
  (base: string | undefined) =>
  ({ clips }: SessionSizes): Stage<'peers'> => ({
    name: 'peers',
    async run({ attempt, device }) {
      if (base === undefined) throw new LeftOut('this build of the page has no other engines');
      const kind = (await device()).profile.software ? 'software' : 'hardware';
      for (const match of [network(clipOf(clips, 0), base), ...CONV_SHAPES.map((_, i) => convolution(i, base))]) {
        const { task, engine, about } = match;
        const title = `${task} beside ${engine}`;
        await attempt({
          id: title,
          title,
          patience: PATIENCE[kind],
          work: async (gpu) => ({ task, engine, ...about, ...(await play(match, gpu, REPEATS[kind])) }),
        });
      }
    },
  });

/** @throws Error when either fails, or their results differ. */
async function play(match: Match, gpu: Gpu, repeats: number) {
  const contenders: Contender[] = [
    { name: 'i3d-webgpu', start: () => match.ours(gpu) },
    { name: match.engine, start: match.theirs },
  ];
  const scores = await hold({ contenders, repeats, tolerance: match.tolerance, distance: relativeDistance });
  const failed = scores.find(({ problem }) => problem !== undefined);
  if (failed) throw new Error(`${failed.engine}: ${failed.problem}`);
  const [ours, theirs] = scores;
  const { version, ms, bestMs, runs, ratio, error } = theirs!;
  return { version, ms: ms!, bestMs: bestMs!, runs: runs!, ratio: ratio!, oursMs: ours!.ms!, error: error! };
}

function network(shape: ModelSize, base: string): Match {
  const graph = modelGraph(shape);
  const accuracy = 'fast';
  return {
    task: clipTitle(shape),
    engine: 'onnxruntime-web webgpu',
    about: { frames: shape.frames, accuracy },
    tolerance: 1e-3,
    async ours(gpu) {
      const parameters = new DeviceParameters(gpu, madeUpParameters(graph));
      const plan = await compile(graph, parameters, { outputs: [OUTPUTS.logits], accuracy });
      return planOpponent(plan, parameters, { clip: madeUpClip(shape) }, OUTPUTS.logits);
    },
    theirs() {
      const clip = madeUpClip(shape);
      const input = activationFirst(clip.shape, clip.data);
      const model = encodeOnnx(exportNetwork(graph, OUTPUTS.logits, madeUpParameters(graph)));
      return workerOpponent<OrtWork>('peers/ort.js', base, { model, ...input });
    },
  };
}

function convolution(index: number, base: string): Match {
  const shape = CONV_SHAPES[index]!;
  return {
    task: `conv3d ${shape.name}`,
    engine: 'tfjs webgpu',
    about: {},
    tolerance: 1e-4,
    async ours(gpu) {
      const { x, weights } = convData(shape);
      const parameters = new DeviceParameters(gpu, new Map([['weights', floatTensor(shape.weights, weights)]]));
      const plan = await compile(convolutionGraph(shape), parameters);
      return planOpponent(plan, parameters, { x: floatTensor(shape.x, x) }, OURS);
    },
    theirs: () => workerOpponent<TfjsWork>('peers/tfjs.js', base, { shape: index }),
  };
}

function convolutionGraph(shape: ConvShape) {
  const builder = new GraphBuilder();
  const kernel = builder.parameter('weights', shape.weights);
  builder.name(OURS, builder.conv3d('conv', builder.input('x', shape.x), kernel, { stride: shape.stride }));
  return builder.build();
}

function planOpponent(
  plan: Plan,
  parameters: DeviceParameters,
  inputs: Parameters<Plan['run']>[0],
  output: string,
): Opponent {
  let result = new Float32Array();
  return {
    version: 'i3d-webgpu',
    async run() {
      const start = performance.now();
      const { data } = (await plan.run(inputs))[output]!;
      const ms = performance.now() - start;
      result = data as typeof result;
      return ms;
    },
    result: async () => result,
    stop() {
      plan.dispose();
      parameters.dispose();
    },
  };
}

/** An engine in a worker of its own, prepared. */
async function workerOpponent<Work>(path: string, base: string, work: Work): Promise<Opponent> {
  const worker = startWorker(new URL(path, base).href);
  const ask = (order: Order<Work>): Promise<Answer> =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<Answer>) => {
        if ('error' in data) reject(new Error(data.error));
        else resolve(data);
      };
      worker.onerror = ({ message }) => reject(new Error(message || `${path} cannot be loaded`));
      worker.postMessage(order);
    });
  try {
    const ready = await ask({ kind: 'prepare', work });
    return {
      version: 'ready' in ready ? ready.ready : '',
      async run() {
        const answer = await ask({ kind: 'run' });
        return 'ms' in answer ? answer.ms : Number.NaN;
      },
      async result() {
        const answer = await ask({ kind: 'result' });
        return 'result' in answer ? answer.result : new Float32Array();
      },
      stop: () => worker.terminate(),
    };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

/** @file The stage that runs the same network in PyTorch on the same GPU, where Python has it, in turns with ours. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Accuracy } from '../../../src/core/kernel.ts';
import { floatTensor } from '../../../src/core/tensor.ts';
import type { Gpu } from '../../../src/gpu/device.ts';
import { compile } from '../../../src/graph/compile.ts';
import { DeviceParameters } from '../../../src/graph/parameters.ts';
import { I3D_OUTPUTS } from '../../../src/i3d/i3d.ts';
import { decodeNpy, encodeNpy } from '../../../src/io/npy.ts';
import { Child, PEERS_FOLDER } from '../../contender.ts';
import { relativeDistance } from '../../distance.ts';
import { madeUpClip, madeUpParameters, modelGraph } from '../../i3d.ts';
import { median } from '../../measure.ts';
import { activationFirst, exportNetwork } from '../../peers/network.ts';
import { writeTorch, writeTorchTraining } from '../../peers/torch_files.ts';
import { pythonWithCuda } from '../../python.ts';
import { stepTitle } from '../../runs/train.ts';
import { createStep, type TrainingShape, trainingInputs } from '../../training.ts';
import type { PeerResult } from '../outcome.ts';
import { LeftOut, type Stage } from '../runner.ts';
import type { SessionSizes } from '../sizes.ts';

/** Loading PyTorch, trying its algorithms, compiling ours, and all runs. Milliseconds. */
const PATIENCE = 120_000;
const ROUNDS = 9;

/** Our class beside PyTorch's type; TF32 is off in both. */
const PAIRS: readonly (readonly [clip: 0 | 1, ours: Accuracy, theirs: 'float32' | 'float16'])[] = [
  [1, 'exact', 'float32'],
  [1, 'half', 'float16'],
  [0, 'exact', 'float32'],
  [0, 'half', 'float16'],
];

/** Further apart is another result; f16 sums of what f16 layers hand each other are as far from f32 as this. */
const TOLERANCE: Readonly<Record<'float32' | 'float16', number>> = { float32: 1e-3, float16: 3e-2 };

/** Something that both compute. */
interface Contest {
  readonly task: string;
  /** Of PyTorch. */
  readonly dtype: 'float32' | 'float16';
  readonly script: string;
  readonly tolerance: number;
  /** What the records say of ours. */
  readonly ours: Pick<PeerResult, 'frames' | 'accuracy'>;
  /** Writes what the script reads. */
  write(folder: string): Promise<void>;
  open(gpu: Gpu): Promise<{ run(): Promise<Float32Array>; dispose(): void }>;
}

export const torchStage = ({ clips, training }: SessionSizes): Stage<'peers'> => ({
  name: 'peers',
  async run({ attempt }) {
    const python = await pythonWithCuda();
    if (python === undefined) throw new LeftOut('no Python here has PyTorch with CUDA');
    const contests = [
      ...PAIRS.map(([clip, accuracy, dtype]) => forwardPass(clips.frames[clip], clips.size, accuracy, dtype)),
      ...training.map(trainingStep),
    ];
    for (const contest of contests) {
      const { task, dtype, script, ours } = contest;
      const folder = await mkdtemp(join(tmpdir(), 'i3d-gpu-'));
      let child: Child | undefined;
      try {
        const title = `${task}${ours.accuracy ? `, ours ${ours.accuracy}` : ''} beside PyTorch ${dtype}`;
        await attempt({
          id: title,
          title,
          patience: PATIENCE,
          work: async (gpu) => {
            child?.stop();
            await contest.write(folder);
            const args = [join(PEERS_FOLDER, script), folder, 'cuda', dtype];
            child = new Child({ name: `PyTorch ${dtype}`, command: python, args });
            const result = await hold(child, contest, gpu, join(folder, 'result.npy'));
            return { task, engine: `PyTorch ${dtype}`, ...ours, ...result };
          },
        });
      } finally {
        // One that was given up would go on otherwise.
        child?.stop();
        await rm(folder, { recursive: true, force: true });
      }
    }
  },
});

function forwardPass(frames: number, size: number, accuracy: Accuracy, dtype: Contest['dtype']): Contest {
  const shape = { stream: 'rgb', frames, size } as const;
  const graph = modelGraph(shape);
  const outputs = [I3D_OUTPUTS.logits];
  return {
    task: `I3D-RGB ${frames}×${size}×${size}`,
    dtype,
    script: 'i3d_torch.py',
    tolerance: TOLERANCE[dtype],
    ours: { frames, accuracy },
    async write(folder) {
      await writeTorch(folder, exportNetwork(graph, I3D_OUTPUTS.logits, madeUpParameters(graph)));
      const clip = madeUpClip(shape);
      const input = activationFirst(clip.shape, clip.data);
      await writeFile(join(folder, 'clip.npy'), encodeNpy(floatTensor(input.shape, input.data)));
    },
    async open(gpu) {
      const parameters = new DeviceParameters(gpu, madeUpParameters(graph));
      const plan = await compile(graph, parameters, { outputs, accuracy });
      const clip = madeUpClip(shape);
      return {
        run: async () => (await plan.run({ clip }))[I3D_OUTPUTS.logits]!.data,
        dispose() {
          plan.dispose();
          parameters.dispose();
        },
      };
    },
  };
}

/** Loss, norm of the gradient and logits of the first step have to agree. */
function trainingStep(shape: TrainingShape): Contest {
  return {
    task: stepTitle(shape),
    dtype: 'float32',
    script: 'train_torch.py',
    tolerance: TOLERANCE.float32,
    ours: {},
    write: (folder) => writeTorchTraining(folder, shape),
    async open(gpu) {
      const step = await createStep(gpu, shape);
      const inputs = trainingInputs(shape);
      let count = 0;
      return {
        async run() {
          const { loss, norm, logits } = await step.run(inputs, { learningRate: 0.01, step: count++ });
          return Float32Array.of(loss, norm!, ...logits.data);
        },
        dispose: () => step.dispose(),
      };
    },
  };
}

async function hold(
  child: Child,
  { open, tolerance }: Contest,
  gpu: Gpu,
  path: string,
): Promise<Pick<PeerResult, 'version' | 'ms' | 'bestMs' | 'runs' | 'ratio' | 'oursMs' | 'error'>> {
  const ask = async (line?: string) => {
    const answer = await child.ask(line);
    if (!answer) throw new Error(`PyTorch ${child.problem}`);
    return answer;
  };
  const ours = await open(gpu);
  try {
    const ready = await ask();
    const own = await ours.run();
    await ask('run');
    await ask(`result ${path}`);
    const result = decodeNpy(await readFile(path), path).data as Float32Array;
    const error = result.length === own.length ? relativeDistance(result, own) : Number.POSITIVE_INFINITY;
    if (!(error <= tolerance)) throw new Error(`PyTorch's results are ${error.toExponential(1)} from ours`);
    const [theirTimes, ourTimes]: [number[], number[]] = [[], []];
    // In turns: neither always has the device that the other one has just heated up.
    for (let round = 0; round < ROUNDS; round++) {
      const answer = await ask('run');
      if ('ms' in answer) theirTimes.push(answer.ms);
      const start = performance.now();
      await ours.run();
      ourTimes.push(performance.now() - start);
    }
    const [ms, oursMs] = [median(theirTimes), median(ourTimes)];
    const version = 'ready' in ready ? ready.ready : '';
    return { version, ms, bestMs: Math.min(...theirTimes), runs: theirTimes.length, ratio: ms / oursMs, oursMs, error };
  } finally {
    ours.dispose();
  }
}

/** @file The stage that runs the same network in PyTorch on the same GPU, where Python has it, in turns with ours. */

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Accuracy } from '../../../src/core/kernel.ts';
import { type FloatTensor, floatTensor } from '../../../src/core/tensor.ts';
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
import { writeTorch } from '../../peers/torch_files.ts';
import { pythonWithCuda } from '../../python.ts';
import type { ClipSizes } from '../candidate_stages.ts';
import type { PeerResult } from '../outcome.ts';
import { LeftOut, type Stage } from '../runner.ts';

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

export const torchStage = ({ frames, size }: ClipSizes): Stage<'peers'> => ({
  name: 'peers',
  async run({ attempt }) {
    const python = await pythonWithCuda();
    if (python === undefined) throw new LeftOut('no Python here has PyTorch with CUDA');
    const folder = await mkdtemp(join(tmpdir(), 'i3d-gpu-'));
    try {
      for (const [clip, accuracy, dtype] of PAIRS) {
        const shape = { stream: 'rgb', frames: frames[clip], size } as const;
        const task = `I3D-RGB ${shape.frames}×${size}×${size}`;
        let child: Child | undefined;
        const title = `${task}, ours ${accuracy} beside PyTorch ${dtype}`;
        await attempt({
          id: title,
          title,
          patience: PATIENCE,
          work: async (gpu) => {
            const files = join(folder, `${shape.frames}`);
            const graph = modelGraph(shape);
            const parameters = madeUpParameters(graph);
            const input = madeUpClip(shape);
            await mkdir(files, { recursive: true });
            await writeTorch(files, exportNetwork(graph, I3D_OUTPUTS.logits, parameters));
            const first = activationFirst(input.shape, input.data);
            await writeFile(join(files, 'clip.npy'), encodeNpy(floatTensor(first.shape, first.data)));
            const args = [join(PEERS_FOLDER, 'i3d_torch.py'), files, 'cuda', dtype];
            child = new Child({ name: `PyTorch ${dtype}`, command: python, args });
            const ours = await oursOf(gpu, graph, parameters, input, accuracy);
            try {
              const result = await contest(child, ours.run, join(files, 'result.npy'), dtype);
              return { task, engine: `PyTorch ${dtype}`, frames: shape.frames, accuracy, ...result };
            } finally {
              ours.dispose();
            }
          },
        });
        // One that was given up goes on otherwise.
        child?.stop();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});

async function oursOf(
  gpu: Gpu,
  graph: ReturnType<typeof modelGraph>,
  parameters: ReturnType<typeof madeUpParameters>,
  clip: FloatTensor,
  accuracy: Accuracy,
) {
  const constants = new DeviceParameters(gpu, parameters);
  const plan = await compile(graph, constants, { outputs: [I3D_OUTPUTS.logits], accuracy });
  return {
    run: async () => (await plan.run({ clip }))[I3D_OUTPUTS.logits]!.data as Float32Array,
    dispose() {
      plan.dispose();
      constants.dispose();
    },
  };
}

async function contest(
  child: Child,
  run: () => Promise<Float32Array>,
  path: string,
  dtype: 'float32' | 'float16',
): Promise<Pick<PeerResult, 'version' | 'ms' | 'bestMs' | 'runs' | 'ratio' | 'oursMs' | 'error'>> {
  const ask = async (line?: string) => {
    const answer = await child.ask(line);
    if (!answer) throw new Error(`PyTorch ${child.problem}`);
    return answer;
  };
  const ready = await ask();
  const logits = await run();
  await ask('run');
  await ask(`result ${path}`);
  const theirLogits = decodeNpy(await readFile(path), path).data as Float32Array;
  const error = relativeDistance(theirLogits, logits);
  if (theirLogits.length !== logits.length || !(error <= TOLERANCE[dtype])) {
    throw new Error(`PyTorch's logits are ${error.toExponential(1)} from ours`);
  }
  const [theirs, ours]: [number[], number[]] = [[], []];
  // In turns: neither always has the device that the other one has just heated up.
  for (let round = 0; round < ROUNDS; round++) {
    const answer = await ask('run');
    if ('ms' in answer) theirs.push(answer.ms);
    const start = performance.now();
    await run();
    ours.push(performance.now() - start);
  }
  const [ms, oursMs] = [median(theirs), median(ours)];
  const version = 'ready' in ready ? ready.ready : '';
  return { version, ms, bestMs: Math.min(...theirs), runs: theirs.length, ratio: ms / oursMs, oursMs, error };
}

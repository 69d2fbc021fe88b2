/** @file The kernels that are compiled by default on a device: of I3D at both lengths and in all classes, of TV-L1, of a training step. */

import { ACCURACIES, type Accuracy, type DeviceProfile, type Kernel } from '../../src/core/kernel.ts';
import { chooseCandidate, devicePasses, nodesToRun } from '../../src/graph/choose.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { inferencePasses } from '../../src/graph/passes/index.ts';
import { assignStorage } from '../../src/graph/storage.ts';
import { I3D_OUTPUTS } from '../../src/i3d/i3d.ts';
import type { Runs } from '../../src/ops/operator.ts';
import { trainingGraph } from '../../src/train/run/step_graph.ts';
import { modelGraph } from '../i3d.ts';
import { flowUses } from './flow_kernels.ts';
import type { Use } from './use.ts';

export interface KernelUses {
  readonly kernel: Kernel;
  readonly uses: readonly Use[];
}

const FRAMES = [16, 64];
const SIZE = 224;

/** Distinct shaders, each with all its dispatches. */
export async function defaultKernels(profile: DeviceProfile): Promise<KernelUses[]> {
  const found = new Map<string, { kernel: Kernel; uses: Use[] }>();
  const add = (kernel: Kernel, use: Omit<Use, 'workgroups'>): void => {
    const entry = found.get(kernel.wgsl) ?? { kernel, uses: [] };
    found.set(kernel.wgsl, entry);
    entry.uses.push({ ...use, workgroups: kernel.workgroups });
  };
  const addGraph = async (where: string, graph: Graph, accuracy: Accuracy, runs?: Runs): Promise<void> => {
    const outputs = [...graph.names.keys()].filter((name) => name === I3D_OUTPUTS.logits || name === 'loss');
    const prepared = await inferencePasses(graph, { outputs, ...devicePasses(profile, { accuracy }) });
    for await (const entry of nodesToRun(prepared, assignStorage(prepared), profile, runs)) {
      const { candidate } = chooseCandidate(entry, profile, { accuracy });
      const { node } = entry;
      const types = (values: readonly number[]) => values.map((value) => prepared.values[value]!.type);
      const { flops } = node.operator.cost(node.attributes, types(node.inputs), types(node.outputs));
      candidate.lower().forEach(({ kernel }, i) => {
        const work = candidate.work?.[i];
        const use = { where, node: node.name, candidate: candidate.name, flops: i === 0 ? flops : 0 };
        add(kernel, work ? { ...use, work } : use);
      });
    }
  };
  for (const frames of FRAMES) {
    const graph = modelGraph({ stream: 'rgb', frames, size: SIZE });
    for (const accuracy of ACCURACIES) await addGraph(`I3D ${frames} ${accuracy}`, graph, accuracy);
  }
  await addGraph('training 16', stepGraph(), 'fast', 'many');
  for (const { kernel, use } of flowUses(profile)) add(kernel, use);
  return [...found.values()];
}

/** A step on one clip of 16 frames, everything trained. */
function stepGraph(): Graph {
  const graph = modelGraph({ stream: 'rgb', frames: 16, size: SIZE });
  return trainingGraph(
    graph,
    { trainable: () => true, batchNorm: 'batch', statisticsMomentum: 0.01, recompute: false },
    { momentum: 0.9, weightDecay: 1e-7, decays: () => true, clip: 40 },
  );
}

/** @file Memory of networks with attention, from the plan: it grows with the frames, where a matrix of all scores would with their square. */

import { describe, expect, it } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import type { DeviceProfile } from '../../src/core/kernel.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { allowedCandidates, devicePasses, nodesToRun } from '../../src/graph/choose.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { planMemory } from '../../src/graph/memory.ts';
import { inferencePasses } from '../../src/graph/passes/index.ts';
import { assignStorage } from '../../src/graph/storage.ts';
import { modelGraph, OUTPUTS } from '../../src/models/graph.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { nonlocal } from '../../src/resnet/nonlocal.ts';
import { MADE_UP_GPU } from '../made_up_device.ts';

const PROCESSOR: DeviceProfile = {
  ...MADE_UP_GPU,
  vendor: 'mesa',
  software: true,
  subgroupMinSize: 8,
  subgroupMaxSize: 8,
};
const OPTIONS = { accuracy: 'exact' } as const;

/** Of the arena that a plan has, in MiB. */
async function arena(graph: Graph, profile: DeviceProfile): Promise<number> {
  const prepared = await inferencePasses(graph, { outputs: [OUTPUTS.logits], ...devicePasses(profile, OPTIONS) });
  const storage = assignStorage(prepared);
  const scratch: { size: number; first: number; last: number }[] = [];
  for await (const entry of nodesToRun(prepared, storage, profile)) {
    const step = prepared.nodes.indexOf(entry.node);
    const [candidate] = allowedCandidates(entry, OPTIONS.accuracy);
    scratch.push(...candidate!.workspaces.map((size) => ({ size, first: step, last: step })));
  }
  const { bindingAlignment: alignment, maxBufferSize: segment } = profile;
  return planMemory([...storage.storages, ...scratch], { alignment, segment }).peak / 2 ** 20;
}

/** Of MiB for 8, 16 and 32 frames. */
function expectLinear(sizes: readonly number[]): void {
  const [eight, sixteen, many] = sizes as [number, number, number];
  expect(sixteen).toBeLessThan(2.02 * eight);
  expect(many).toBeLessThan(2.02 * sixteen);
}

/** Of 8, 16 and 32 frames. */
async function inTurn(of: (frames: number) => Promise<number>): Promise<number[]> {
  const sizes: number[] = [];
  for (const frames of [8, 16, 32]) sizes.push(await of(frames));
  return sizes;
}

describe.each([
  // The figures of docs/models.md.
  { device: 'a GPU', profile: MADE_UP_GPU, figures: [49, 98, 156.953125] },
  { device: 'a processor', profile: PROCESSOR, figures: [73.5, 147, 294] },
])('on $device memory is in proportion to the frames', ({ profile, figures }) => {
  it('of I3D-R50, with non-local blocks no more than without', async () => {
    const of = (id: string) =>
      inTurn((frames) => {
        const architecture = MODELS.get(id, 'the test');
        return arena(modelGraph(modelSpec({ architecture, stream: 'rgb', classes: 400, frames })), profile);
      });
    const sizes = await of('i3d-nln-r50');
    expectLinear(sizes);
    expect(sizes).toEqual(figures);
    expect(await of('i3d-r50')).toEqual(sizes);
  });

  it('of a block alone, as they are in the second stage', async () => {
    const sizes = await inTurn((frames) => {
      const builder = new GraphBuilder();
      builder.name(OUTPUTS.logits, nonlocal(builder, 'block', builder.input('x', [1, frames / 2, 28, 28, 512])));
      return arena(builder.build(), profile);
    });
    expectLinear(sizes);
    // A matrix of all scores of 32 frames would have 150 MiB.
    expect(sizes[2]).toBeLessThan(100);
  });
});

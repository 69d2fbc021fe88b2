/** @file This engine's I3D as a contender, in a process of its own like the others. Arguments: frames, size, accuracy. */

import type { Accuracy } from '../../src/core/kernel.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { I3D_OUTPUTS } from '../../src/i3d/model.ts';
import { openGpu } from '../../src/node.ts';
import { madeUpClip, madeUpParameters, modelGraph } from '../i3d.ts';
import { serve } from './protocol.ts';

await serve(async () => {
  const [frames, size, accuracy] = process.argv.slice(2) as [string, string, Accuracy];
  const shape = { stream: 'rgb', frames: Number(frames), size: Number(size) } as const;
  const gpu = await openGpu();
  const graph = modelGraph(shape);
  const parameters = new DeviceParameters(gpu, madeUpParameters(graph));
  const plan = await compile(graph, parameters, { outputs: [I3D_OUTPUTS.logits], accuracy });
  const inputs = { clip: madeUpClip(shape) };
  return {
    version: `i3d-webgpu ${accuracy}`,
    run: async () => (await plan.run(inputs))[I3D_OUTPUTS.logits]!,
  };
});

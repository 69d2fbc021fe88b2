/** @file This engine's I3D as a contender, in a process of its own like the others. Arguments: stream, frames, size, accuracy. */

import type { Accuracy } from '../../src/core/kernel.ts';
import { compile, compileKernels } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { I3D_OUTPUTS } from '../../src/i3d/i3d.ts';
import type { Stream } from '../../src/models/definition.ts';
import { openGpu } from '../../src/node.ts';
import { madeUpClip, madeUpParameters, modelGraph } from '../i3d.ts';
import { serve } from './protocol.ts';

await serve(async () => {
  const [stream, frames, size, accuracy] = process.argv.slice(2) as [Stream, string, string, Accuracy];
  const shape = { stream, frames: Number(frames), size: Number(size) };
  const gpu = await openGpu();
  const graph = modelGraph(shape);
  const options = { outputs: [I3D_OUTPUTS.logits], accuracy };
  // Drivers go on compiling while the parameters are made, as they do in `classify` while weights are read.
  await compileKernels(graph, gpu, options);
  const parameters = new DeviceParameters(gpu, madeUpParameters(graph));
  const plan = await compile(graph, parameters, options);
  const inputs = { clip: madeUpClip(shape) };
  return {
    version: `i3d-webgpu ${accuracy}`,
    run: async () => (await plan.run(inputs))[I3D_OUTPUTS.logits]!,
  };
});

/** @file A model by this engine as a contender, in a process of its own like the others. Arguments: those of `modelOf`, accuracy. */

import type { Accuracy } from '../../src/core/kernel.ts';
import { compile, compileKernels } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { OUTPUTS } from '../../src/models/graph.ts';
import { openGpu } from '../../src/node.ts';
import { madeUpClip, madeUpParameters, modelGraph, modelOf } from '../i3d.ts';
import { serve } from './protocol.ts';

await serve(async () => {
  const shape = modelOf(process.argv.slice(2));
  const accuracy = process.argv.at(-1) as Accuracy;
  const gpu = await openGpu();
  const graph = modelGraph(shape);
  const options = { outputs: [OUTPUTS.logits], accuracy };
  // Drivers go on compiling while the parameters are made, as they do in `classify` while weights are read.
  await compileKernels(graph, gpu, options);
  const parameters = new DeviceParameters(gpu, madeUpParameters(graph));
  const plan = await compile(graph, parameters, options);
  const inputs = { clip: madeUpClip(shape) };
  return {
    version: `i3d-webgpu ${accuracy}`,
    run: async () => (await plan.run(inputs))[OUTPUTS.logits]!,
  };
});

/** @file This engine's training step as a contender. Arguments: architecture, width, frames, size, batch, classes. */

import { floatTensor } from '../../src/core/tensor.ts';
import { openGpu } from '../../src/node.ts';
import { createStep, trainingInputs, trainingShape } from '../training.ts';
import { serve } from './protocol.ts';

await serve(async () => {
  const shape = trainingShape(process.argv.slice(2));
  const gpu = await openGpu();
  const step = await createStep(gpu, shape);
  const inputs = trainingInputs(shape);
  let count = 0;
  return {
    version: 'i3d-webgpu',
    run: async () => {
      const { loss, norm, logits } = await step.run(inputs, { learningRate: 0.01, step: count++ });
      return floatTensor([logits.data.length + 2], [loss, norm!, ...logits.data]);
    },
  };
});

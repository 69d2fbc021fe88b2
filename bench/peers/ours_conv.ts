/** @file One convolution of this engine as a contender. Argument: index of the shape. Input upload is part of a run. */

import { floatTensor } from '../../src/core/tensor.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { openGpu } from '../../src/node.ts';
import { CONV_SHAPES, convData } from './conv_shapes.ts';
import { serve } from './protocol.ts';

await serve(async () => {
  const shape = CONV_SHAPES[Number(process.argv[2])]!;
  const { x, weights } = convData(shape);
  const builder = new GraphBuilder();
  const input = builder.input('x', shape.x);
  const kernel = builder.parameter('weights', shape.weights);
  builder.name('y', builder.conv3d('conv', input, kernel, { stride: shape.stride }));
  const gpu = await openGpu();
  const parameters = new DeviceParameters(gpu, new Map([['weights', floatTensor(shape.weights, weights)]]));
  const plan = await compile(builder.build(), parameters);
  const inputs = { x: floatTensor(shape.x, x) };
  return { version: 'i3d-webgpu', run: async () => (await plan.run(inputs)).y! };
});

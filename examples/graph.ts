/** @file A network by hand: a convolution with ReLU and a pool, compiled and run. `npx tsx examples/graph.ts` */

import { compile, DeviceParameters, floatTensor, GraphBuilder } from 'i3d-webgpu';
// Only the device is Node's; in a browser it is `Gpu.create(navigator.gpu)`.
import { openGpu } from 'i3d-webgpu/node';

const builder = new GraphBuilder();
// N×T×H×W×C: one clip of 4 frames of 16×16 pixels, RGB.
const clip = builder.input('clip', [1, 4, 16, 16, 3]);
// kt×kh×kw×Cin×Cout.
const weights = builder.parameter('weights', [3, 3, 3, 3, 8]);
const bias = builder.parameter('bias', [8]);
const features = builder.relu('relu', builder.conv3d('conv', clip, weights, { bias }));
builder.name('pooled', builder.maxPool3d('pool', features, { kernel: [1, 2, 2] }));

const gpu = await openGpu();
const parameters = new DeviceParameters(
  gpu,
  new Map([
    // Every output channel is the mean of 3×3×3 pixels, all colours, minus a bias of its own.
    ['weights', floatTensor([3, 3, 3, 3, 8], new Float32Array(27 * 3 * 8).fill(1 / 81))],
    ['bias', floatTensor([8], [0, -0.1, -0.2, -0.3, -0.4, -0.5, -0.6, -0.7])],
  ]),
);
const plan = await compile(builder.build(), parameters);
const ones = floatTensor([1, 4, 16, 16, 3], new Float32Array(4 * 16 * 16 * 3).fill(1));
const { pooled } = await plan.run({ clip: ones });

for (const { node, op, kernel, shapes } of plan.rows) {
  console.log(`${node} (${op}, ${kernel}): ${shapes.map((shape) => shape.join('×')).join(', ')}`);
}
// In the middle of the clip, where the window lies inside it on all sides: 1 − bias.
const middle = ((1 * 8 + 4) * 8 + 4) * 8;
console.log([...pooled!.data.subarray(middle, middle + 8)].map((value) => value.toFixed(1)).join(' '));
gpu.dispose();

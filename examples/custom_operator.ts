/** @file An operator of one's own, with its kernel in WGSL and its gradient: a clip backwards. `npx tsx examples/custom_operator.ts` */

import {
  compile,
  DeviceParameters,
  defineOperator,
  divideUp,
  floatTensor,
  foldGrid,
  fromInput,
  fromOutput,
  GraphBuilder,
  gradients,
  kernel,
  type Operator,
  pixelsOf,
  pointwiseCost,
  singleDispatch,
  storage,
  struct,
  type View,
  vec4s,
} from 'i3d-webgpu';
import { openGpu } from 'i3d-webgpu/node';

const Params = struct('Reverse', {
  count: 'u32',
  channels: 'u32',
  plane: 'u32',
  frames: 'u32',
  x_base: 'u32',
  x_stride: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
});

/** One thread for each vec4 of y. Views may be slices of wider tensors: each has a first vec4 and a distance between pixels. */
function reverseKernel(x: View, y: View) {
  const [, frames, height, width] = y.shape;
  const channels = vec4s(y.shape[4]);
  const count = pixelsOf(y) * channels;
  const places = { x_base: x.base, x_stride: x.stride, y_base: y.base, y_stride: y.stride };
  return kernel({
    name: 'reverse',
    params: Params,
    values: { count, channels, plane: height * width, frames, ...places },
    storage: [storage('x'), storage('y')],
    workgroups: foldGrid(divideUp(count, 64)),
    body: /* wgsl */ `
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = (workgroup.x + workgroup.z * grid.x) * 64u + thread;
  if (i >= p.count) { return; }
  let pixel = i / p.channels;
  let t = pixel / p.plane % p.frames;
  let mirrored = pixel - t * p.plane + (p.frames - 1u - t) * p.plane;
  y[p.y_base + pixel * p.y_stride + i % p.channels] = x[p.x_base + mirrored * p.x_stride + i % p.channels];
}`,
  });
}

/** Input: a clip N×T×H×W×C. */
const reverse: Operator = defineOperator({
  type: 'reverse',
  // Channels are padded to a multiple of 4, and x has zeros there, so y has them, too.
  keepsPadding: true,
  infer: (_, [x]) => [x!],
  cost: (_, inputs, outputs) => pointwiseCost(0, inputs, outputs),
  candidates: (_, { inputs: [x], outputs: [y] }) => [
    singleDispatch('gather', () => reverseKernel(x!.view, y!.view), [fromInput(0), fromOutput(0)]),
  ],
  // Played backwards, the gradient comes to the frame that it is about.
  gradient: ({ name, gradients: [dy], add }) => [add(reverse, `${name}/gradient`, {}, [dy!])[0]],
});

const builder = new GraphBuilder();
const x = builder.input('x', [1, 4, 1, 1, 1]);
const y = builder.name('y', builder.relu('relu', builder.add(reverse, 'reverse', {}, [x])[0]!));
const [dx] = gradients(builder, y, builder.input('dy', [1, 4, 1, 1, 1]), [x]);
builder.name('dx', dx!);

const gpu = await openGpu();
const plan = await compile(builder.build(), new DeviceParameters(gpu, new Map()));
const clip = (values: readonly number[]) => floatTensor([1, 4, 1, 1, 1], values);
const results = await plan.run({ x: clip([1, -2, 3, 4]), dy: clip([10, 20, 30, 40]) });
console.log(`y: ${results.y!.data.join(' ')}`);
console.log(`dx: ${results.dx!.data.join(' ')}`);
gpu.dispose();

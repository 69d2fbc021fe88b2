/** @file A kernel of one's own, in a graph: frames as negatives, 1 − x. `npx tsx examples/custom_kernel.ts` */

import * as i3d from 'i3d-webgpu';
import { openGpu } from 'i3d-webgpu/node';

const Params = i3d.struct('Negative', { count: 'u32', x_base: 'u32', x_stride: 'u32', y_base: 'u32', y_stride: 'u32' });

/** One thread for each vec4 of channels; a view says where they lie: it may be a slice of a wider tensor. */
const negative = i3d.defineOperator({
  type: 'negative',
  infer: (_, [x]) => [x!],
  cost: (_, inputs, outputs) => i3d.pointwiseCost(1, inputs, outputs),
  candidates: (_, { inputs: [x], outputs: [y] }) => {
    const [from, to] = [x!.view, y!.view];
    const channels = i3d.vec4s(to.shape[4]);
    const count = i3d.pixelsOf(to) * channels;
    const places = { x_base: from.base, x_stride: from.stride, y_base: to.base, y_stride: to.stride };
    const body = /* wgsl */ `
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = (group.x + group.z * grid.x) * 64u + thread;
  let pixel = i / ${channels}u;
  let lane = i % ${channels}u;
  if (i < p.count) { y[p.y_base + pixel * p.y_stride + lane] = 1 - x[p.x_base + pixel * p.x_stride + lane]; }
}`;
    const kernel = i3d.kernel({
      ...{ name: 'negative', params: Params, values: { count, ...places }, body },
      ...{ storage: [i3d.storage('x'), i3d.storage('y')], workgroups: i3d.foldGrid(i3d.divideUp(count, 64)) },
    });
    return [i3d.singleDispatch('negative', () => kernel, [i3d.fromInput(0), i3d.fromOutput(0)])];
  },
});

const builder = new i3d.GraphBuilder();
builder.name('y', builder.add(negative, 'negative', {}, [builder.input('x', [1, 1, 1, 2, 3])])[0]!);
const gpu = await openGpu();
const plan = await i3d.compile(builder.build(), new i3d.DeviceParameters(gpu, new Map()));
const { y } = await plan.run({ x: i3d.floatTensor([1, 1, 1, 2, 3], [0, 0.25, 0.5, 0.75, 1, 2]) });
console.log(y!.data.join(' '));
gpu.dispose();

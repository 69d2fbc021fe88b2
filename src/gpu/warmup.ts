/**
 * @file Makes drivers finish compiling early. Some put the generation of machine code off until a pipeline's first dispatch
 * (Mesa's software driver takes 0.1 to 0.6 s for each); given one small dispatch each up front, they do it on their own
 * thread while the host still prepares weights.
 */

import type { BindingKind, Kernel } from '../core/kernel.ts';
import type { Gpu } from './device.ts';
import { BufferUsage, TEXEL_FORMAT, TextureUsage } from './usage.ts';

/** Bytes of each stand-in buffer. Accesses beyond it are clamped, as WebGPU promises; so are those beyond a texture. */
const STAND_IN = 1024;

/**
 * Submits one workgroup of each distinct kernel that has not run here yet, on buffers that nobody reads, and returns once they
 * are on their way.
 * @throws KernelCompileError
 */
export async function warmUp(gpu: Gpu, kernels: Iterable<Kernel>): Promise<void> {
  const all = new Map([...kernels].map((kernel) => [kernel.wgsl, kernel]));
  const distinct = [...all.values()].filter(({ wgsl }) => gpu.pipelines.isFirstUse(wgsl));
  if (distinct.length === 0) return;
  const most = Math.max(0, ...distinct.map(({ bindings }) => bindings.length));
  const buffers = Array.from({ length: most }, () => gpu.createBuffer('warm-up', STAND_IN, BufferUsage.STORAGE));
  const uniforms = distinct.map((kernel) => gpu.upload('warm-up', kernel.uniforms, BufferUsage.UNIFORM));
  const view = standInView(gpu);
  const run = async (kernel: Kernel, i: number): Promise<void> => {
    const { pipeline, layout } = await gpu.pipelines.get(kernel);
    const standIn = (kind: BindingKind, binding: number) =>
      kind === 'texels' ? view! : { buffer: kind === 'uniform' ? uniforms[i]! : buffers[binding]! };
    await gpu.checked('Warm-up', () => {
      const encoder = gpu.device.createCommandEncoder({ label: 'warm-up' });
      const pass = encoder.beginComputePass();
      const entries = kernel.bindings.map(({ kind }, binding) => ({ binding, resource: standIn(kind, binding) }));
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, gpu.device.createBindGroup({ layout, entries }));
      pass.dispatchWorkgroups(1);
      pass.end();
      gpu.device.queue.submit([encoder.finish()]);
    });
  };
  try {
    // Each as soon as it can be: the driver is to have something to do.
    await Promise.all(distinct.map(run));
  } finally {
    // Destroying is allowed while the work is in flight.
    for (const buffer of [...buffers, ...uniforms]) gpu.destroyBuffer(buffer);
  }
}

const views = new WeakMap<Gpu, GPUTextureView>();

/**
 * One for each device, made at its first warm-up, before anything is submitted: a view waits until the queue is empty (see
 * resource.ts), and behind a warm-up that is until the driver has compiled. Lives as long as the device; 16 bytes.
 */
function standInView(gpu: Gpu): GPUTextureView | undefined {
  if (!gpu.profile.texels) return undefined;
  let view = views.get(gpu);
  if (!view) {
    const usage = TextureUsage.STORAGE_BINDING;
    view = gpu.device.createTexture({ label: 'warm-up', size: [1, 1], format: TEXEL_FORMAT, usage }).createView();
    views.set(gpu, view);
  }
  return view;
}

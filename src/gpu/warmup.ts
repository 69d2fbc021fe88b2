/**
 * @file Makes drivers finish compiling early. Some put the generation of machine code off until a pipeline's first dispatch
 * (Mesa's software driver takes 0.1 to 0.6 s for each); given one small dispatch each up front, they do it on their own
 * thread while the host still prepares weights.
 */

import { type BindingKind, isTexels, type Kernel } from '../core/kernel.ts';
import type { Gpu } from './device.ts';
import { BufferUsage, TextureUsage } from './usage.ts';

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
  const compiled = await Promise.all(distinct.map((kernel) => gpu.pipelines.get(kernel)));
  const most = Math.max(0, ...distinct.map(({ bindings }) => bindings.length));
  const buffers = Array.from({ length: most }, () => gpu.createBuffer('warm-up', STAND_IN, BufferUsage.STORAGE));
  const uniforms = distinct.map((kernel) => gpu.upload('warm-up', kernel.uniforms, BufferUsage.UNIFORM));
  // What a dispatch writes it may not read.
  const texels = new Map(
    [...new Set(distinct.flatMap(({ bindings }) => bindings.map(({ kind }) => kind)))]
      .filter(isTexels)
      .map((kind) => [kind, gpu.createTexels('warm-up', 1, TextureUsage.STORAGE_BINDING)]),
  );
  try {
    await gpu.checked('Warm-up', () => {
      const encoder = gpu.device.createCommandEncoder({ label: 'warm-up' });
      const pass = encoder.beginComputePass();
      distinct.forEach((kernel, i) => {
        const standIn = (kind: BindingKind, binding: number) =>
          texels.get(kind)?.view ?? { buffer: kind === 'uniform' ? uniforms[i]! : buffers[binding]! };
        const entries = kernel.bindings.map(({ kind }, binding) => ({ binding, resource: standIn(kind, binding) }));
        pass.setPipeline(compiled[i]!.pipeline);
        pass.setBindGroup(0, gpu.device.createBindGroup({ layout: compiled[i]!.layout, entries }));
        pass.dispatchWorkgroups(1);
      });
      pass.end();
      gpu.device.queue.submit([encoder.finish()]);
    });
  } finally {
    // Destroying is allowed while the work is in flight.
    for (const buffer of [...buffers, ...uniforms]) gpu.destroyBuffer(buffer);
    for (const texture of texels.values()) gpu.destroyResource(texture);
  }
}

/**
 * @file A program: a flat list of dispatches over buffers, with its pipelines compiled and its bind groups built once.
 * Running it is a matter of encoding; nothing is allocated.
 */

import { isTexels, type Kernel } from '../core/kernel.ts';
import type { Gpu } from './device.ts';
import { GpuValidationError } from './errors.ts';
import { type BufferRange, type Resource, Texels } from './resource.ts';
import { TimestampRecorder } from './timestamps.ts';
import { BufferUsage } from './usage.ts';

/** One dispatch: a kernel and what its bindings, all but the uniforms, are bound to, in their order. */
export interface Step {
  readonly kernel: Kernel;
  readonly resources: readonly Resource[];
}

interface CompiledStep {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: Kernel['workgroups'];
}

export class Program {
  private constructor(
    private readonly gpu: Gpu,
    private readonly steps: readonly CompiledStep[],
    private readonly uniforms: GPUBuffer,
  ) {}

  /**
   * Compiles all kernels side by side.
   * @throws KernelCompileError, GpuValidationError, GpuOutOfMemoryError
   */
  static async create(gpu: Gpu, label: string, steps: readonly Step[]): Promise<Program> {
    const compiled = await Promise.all(steps.map((step) => gpu.pipelines.get(step.kernel)));
    const layout = layUniforms(steps, gpu.profile.bindingAlignment);
    // Mesa's llvmpipe makes whoever creates a texture's view wait for all work before: better without blocking the thread.
    if (gpu.profile.software && steps.some(bindsTexels)) await gpu.idle();
    return gpu.checked(`Program ${label}`, () => {
      const uniforms = gpu.upload(`${label}: uniforms`, layout.data, BufferUsage.UNIFORM);
      const groups = steps.map((step, i): CompiledStep => {
        const offset = layout.offsets[i]!;
        return {
          pipeline: compiled[i]!.pipeline,
          workgroups: checkedWorkgroups(step.kernel, gpu.profile.maxWorkgroupsPerDimension),
          bindGroup: gpu.device.createBindGroup({
            label: step.kernel.name,
            layout: compiled[i]!.layout,
            entries: bindEntries(step, { buffer: uniforms, offset, size: step.kernel.uniforms.byteLength }),
          }),
        };
      });
      return new Program(gpu, groups, uniforms);
    });
  }

  /**
   * Runs steps that are needed once. They are on the device's queue when it returns, and nothing is left of them.
   * @throws as `create`; DeviceLostError, DisposedError
   */
  static async runOnce(gpu: Gpu, label: string, steps: readonly Step[]): Promise<void> {
    const program = await Program.create(gpu, label, steps);
    try {
      await gpu.checked(`Program ${label}`, () => {
        const encoder = gpu.device.createCommandEncoder({ label });
        program.encode(encoder);
        gpu.device.queue.submit([encoder.finish()]);
      });
    } finally {
      program.dispose();
    }
  }

  get dispatchCount(): number {
    return this.steps.length;
  }

  /** Appends the dispatches `from` … `to` (all by default) to `encoder` as one compute pass. */
  encode(encoder: GPUCommandEncoder, from = 0, to = this.steps.length): void {
    const pass = encoder.beginComputePass();
    let current: GPUComputePipeline | undefined;
    for (let i = from; i < to; i++) {
      const step = this.steps[i]!;
      if (step.pipeline !== current) pass.setPipeline(step.pipeline);
      current = step.pipeline;
      pass.setBindGroup(0, step.bindGroup);
      pass.dispatchWorkgroups(...step.workgroups);
    }
    pass.end();
  }

  /**
   * Runs once, each dispatch in a pass of its own, and returns milliseconds per dispatch: by time stamps where the device
   * has them, else by waiting for each (which adds the cost of a submit).
   */
  async profile(): Promise<Float64Array> {
    const { device } = this.gpu;
    if (this.gpu.profile.timestamps) {
      const recorder = new TimestampRecorder(this.gpu, this.steps.length);
      try {
        return await recorder.record((encoder, span, i) => this.encodeOne(encoder, i, span));
      } finally {
        recorder.dispose();
      }
    }
    const times = new Float64Array(this.steps.length);
    for (let i = 0; i < this.steps.length; i++) {
      const encoder = device.createCommandEncoder();
      this.encodeOne(encoder, i);
      const start = performance.now();
      device.queue.submit([encoder.finish()]);
      await this.gpu.idle();
      times[i] = performance.now() - start;
    }
    return times;
  }

  dispose(): void {
    this.gpu.destroyBuffer(this.uniforms);
  }

  private encodeOne(encoder: GPUCommandEncoder, i: number, timestampWrites?: GPUComputePassTimestampWrites): void {
    const step = this.steps[i]!;
    const pass = encoder.beginComputePass(timestampWrites ? { timestampWrites } : {});
    pass.setPipeline(step.pipeline);
    pass.setBindGroup(0, step.bindGroup);
    pass.dispatchWorkgroups(...step.workgroups);
    pass.end();
  }
}

const bindsTexels = ({ resources }: Step): boolean => resources.some((resource) => resource instanceof Texels);

function layUniforms(steps: readonly Step[], alignment: number): { data: ArrayBuffer; offsets: number[] } {
  const offsets: number[] = [];
  let size = 0;
  for (const { kernel } of steps) {
    offsets.push(size);
    size += Math.ceil(kernel.uniforms.byteLength / alignment) * alignment;
  }
  const data = new ArrayBuffer(Math.max(size, alignment));
  steps.forEach(({ kernel }, i) => {
    new Uint8Array(data).set(new Uint8Array(kernel.uniforms), offsets[i]);
  });
  return { data, offsets };
}

function bindEntries(step: Step, uniforms: BufferRange): GPUBindGroupEntry[] {
  const { kernel, resources } = step;
  const wanted = kernel.bindings.filter((binding) => binding.kind !== 'uniform').length;
  if (wanted !== resources.length) {
    throw new GpuValidationError(
      `Kernel ${kernel.name} has ${wanted} bindings besides its uniforms and was given ${resources.length} resources.`,
    );
  }
  let next = 0;
  return kernel.bindings.map(({ name, kind }, i) => {
    if (kind === 'uniform') return { binding: i, resource: uniforms };
    const resource = resources[next++]!;
    if (isTexels(kind) !== resource instanceof Texels) {
      throw new GpuValidationError(`Kernel ${kernel.name} wants ${kind} for ${name} and was given something else.`);
    }
    return { binding: i, resource: resource instanceof Texels ? resource.view : resource };
  });
}

function checkedWorkgroups(kernel: Kernel, limit: number): Kernel['workgroups'] {
  if (kernel.workgroups.some((count) => count > limit || count < 1 || !Number.isInteger(count))) {
    throw new GpuValidationError(
      `Kernel ${kernel.name} wants ${kernel.workgroups.join('×')} workgroups; each must be 1 to ${limit}.`,
    );
  }
  return kernel.workgroups;
}

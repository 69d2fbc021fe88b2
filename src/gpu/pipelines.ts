/**
 * @file Compute pipelines, compiled once per shader text. Requests run side by side (`createComputePipelineAsync`), equal
 * ones share one compilation, so a plan asks for all its kernels at once and waits for the slowest.
 */

import type { BindingKind, Kernel } from '../core/kernel.ts';
import { GpuValidationError, KernelCompileError } from './errors.ts';
import { ShaderStage, TEXEL_FORMAT } from './usage.ts';

interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** What compiling needs of a `Gpu`. */
interface PipelineDevice {
  readonly device: GPUDevice;
  assertUsable(): void;
  waitFor<T>(wait: Promise<T>): Promise<T>;
}

const BINDING_LAYOUT: Record<BindingKind, Pick<GPUBindGroupLayoutEntry, 'buffer' | 'storageTexture'>> = {
  uniform: { buffer: { type: 'uniform' } },
  constant: { buffer: { type: 'read-only-storage' } },
  storage: { buffer: { type: 'storage' } },
  texels: { storageTexture: { access: 'read-only', format: TEXEL_FORMAT } },
  writtenTexels: { storageTexture: { access: 'write-only', format: TEXEL_FORMAT } },
};

export class PipelineCache {
  private readonly compiled = new Map<string, Promise<CompiledKernel>>();
  private readonly used = new Set<string>();

  constructor(private readonly gpu: PipelineDevice) {}

  /** Number of distinct shaders asked for so far. */
  get size(): number {
    return this.compiled.size;
  }

  /**
   * @throws KernelCompileError with the numbered source when the shader does not compile; DeviceLostError or DisposedError when the
   *   device ended.
   */
  get(kernel: Kernel): Promise<CompiledKernel> {
    const key = kernel.wgsl;
    let entry = this.compiled.get(key);
    if (!entry) {
      entry = this.compile(kernel);
      this.compiled.set(key, entry);
      // A failure is reported to whoever asked; it is not kept, so that a mended shader is compiled anew.
      entry.catch(() => this.compiled.delete(key));
    }
    return entry;
  }

  /** True the first time that it is asked for a shader. */
  isFirstUse(wgsl: string): boolean {
    const before = this.used.size;
    return this.used.add(wgsl).size > before;
  }

  clear(): void {
    this.compiled.clear();
    this.used.clear();
  }

  private async compile(kernel: Kernel): Promise<CompiledKernel> {
    this.gpu.assertUsable();
    const { device } = this.gpu;
    device.pushErrorScope('validation');
    const layout = device.createBindGroupLayout({
      label: kernel.name,
      entries: kernel.bindings.map((binding, i) => ({
        binding: i,
        visibility: ShaderStage.COMPUTE,
        ...BINDING_LAYOUT[binding.kind],
      })),
    });
    const module = device.createShaderModule({ label: kernel.name, code: kernel.wgsl });
    const pipeline = device.createComputePipelineAsync({
      label: kernel.name,
      layout: device.createPipelineLayout({ label: kernel.name, bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    });
    const scope = device.popErrorScope();
    scope.catch(() => undefined);
    try {
      const result = await pipeline;
      await scope;
      return { pipeline: result, layout };
    } catch (cause) {
      const [error, info] = await this.gpu.waitFor(Promise.all([scope, module.getCompilationInfo()]));
      this.gpu.assertUsable();
      const problems = info.messages.filter((m) => m.type === 'error');
      if (problems.length > 0) {
        const lines = problems.map((m) => `  line ${m.lineNum}, column ${m.linePos}: ${m.message}`);
        throw new KernelCompileError(kernel.name, kernel.wgsl, lines);
      }
      const reason = error?.message ?? (cause instanceof Error ? cause.message : String(cause));
      throw new GpuValidationError(`Kernel ${kernel.name} cannot be made into a pipeline: ${reason}`);
    }
  }
}

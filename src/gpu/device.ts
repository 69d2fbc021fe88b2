/**
 * @file The device: requested once from an injected `GPU` (the browser's `navigator.gpu` or Dawn in Node), with all limits
 * that the adapter offers. It counts the bytes of its buffers, turns error scopes into typed errors and frees everything
 * in `dispose`.
 */

import { checkOptionNames, describeValue } from '../core/check.ts';
import { I3dError, InputError } from '../core/errors.ts';
import { type DeviceProfile, type SubgroupMatrices, TEXEL_COLUMNS, texelBytes } from '../core/kernel.ts';
import { Serial } from '../core/serial.ts';
import { AdapterError, DeviceLostError, DisposedError, GpuOutOfMemoryError, GpuValidationError } from './errors.ts';
import { PipelineCache } from './pipelines.ts';
import { type Resource, Texels, wholeBuffer } from './resource.ts';
import { describeSubgroupMatrices, SUBGROUP_MATRIX } from './subgroup_matrix.ts';
import { BufferUsage, MapMode, TEXEL_FORMAT, TextureUsage } from './usage.ts';

export interface GpuOptions {
  readonly powerPreference?: GPUPowerPreference;
  /** Ask for the software adapter even where there is a GPU. */
  readonly forceFallbackAdapter?: boolean;
  /**
   * Upper bounds on limits, for tests of how plans behave on smaller devices, such as
   * `{ maxStorageBufferBindingSize: 16 << 20 }`.
   */
  readonly limits?: Readonly<Partial<Record<LimitName, number>>>;
  /** Leave these features, of the device or of WGSL, out although the adapter has them, such as `subgroups`. */
  readonly withoutFeatures?: readonly string[];
  /** Wraps every wait for the device. For Dawn in Node, which would poll all the while; see patience.ts. */
  readonly whileWaiting?: <T>(wait: Promise<T>) => Promise<T>;
}

/** The limits that kernels and plans use; each is requested at the adapter's value. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;
export type LimitName = (typeof LIMITS)[number];

export const GPU_OPTION_NAMES: readonly (keyof GpuOptions)[] = [
  'powerPreference',
  'forceFallbackAdapter',
  'limits',
  'withoutFeatures',
  'whileWaiting',
];

/** Lets shaders say how many lanes their subgroups have. It brings `subgroups` along. */
const SUBGROUP_SIZE_CONTROL = 'subgroup-size-control';

/** Used where the adapter has them; every kernel that needs one has a substitute that does not. */
const FEATURES = ['timestamp-query', 'subgroups', SUBGROUP_SIZE_CONTROL, 'shader-f16', SUBGROUP_MATRIX] as const;

/** WebGPU promises this alignment for every adapter; using it everywhere keeps memory plans the same on all of them. */
const BINDING_ALIGNMENT = 256;

/** How long a device may take to say that it is lost after the first thing on it failed. Milliseconds. */
const END_DELAY = 200;

/** The language feature with which shaders read storage textures. */
const READ_STORAGE_TEXTURES = 'readonly_and_readwrite_storage_textures';

export class Gpu {
  /** Rejects with DeviceLostError when the device goes away; does not settle because of `dispose`. */
  readonly lost: Promise<never>;
  /** @internal */
  readonly pipelines: PipelineCache;
  /** Bytes of each live one. */
  private readonly memory = new Map<GPUBuffer | GPUTexture, number>();
  /** Why nothing can be done here any more: lost, or disposed. */
  private end: I3dError | undefined;
  /** Rejects with `end` as soon as there is one. */
  private readonly ended: Promise<never>;
  private disposed = false;
  private rejectEnded!: (reason: I3dError) => void;
  private readonly submissions = new Serial();

  private constructor(
    /** @internal Held only to be kept alive: Dawn's instance must outlive its devices. */
    readonly instance: GPU,
    readonly device: GPUDevice,
    readonly adapter: GPUAdapter,
    readonly profile: DeviceProfile,
    private readonly whileWaiting: NonNullable<GpuOptions['whileWaiting']>,
  ) {
    this.pipelines = new PipelineCache(this);
    this.ended = new Promise((_, reject) => {
      this.rejectEnded = reject;
    });
    this.lost = new Promise((_, reject) => {
      void device.lost.then((info) => {
        if (this.end) return;
        const reason = (info.message || info.reason).trim().split('\n')[0]!.replace(/\.$/, '');
        this.end = new DeviceLostError(info.reason, `The GPU device was lost: ${reason}.`);
        this.rejectEnded(this.end);
        reject(this.end);
      });
    });
    // Whoever waits for these sees the rejection; nobody having to is not an unhandled error.
    this.lost.catch(() => undefined);
    this.ended.catch(() => undefined);
  }

  /**
   * @param gpu `navigator.gpu` where left out, as pages and workers have it; Dawn's in Node (see `openGpu` of `i3d-webgpu/node`).
   * @throws AdapterError when there is no adapter, or none that can be used.
   */
  static async create(gpu: GPU | undefined = ownGpu(), options: GpuOptions = {}): Promise<Gpu> {
    checkOptionNames('Gpu.create', options, GPU_OPTION_NAMES);
    if (!gpu)
      throw new AdapterError('WebGPU is not available here: use a browser that offers navigator.gpu over HTTPS.');
    const adapter = await gpu.requestAdapter({
      powerPreference: options.powerPreference ?? 'high-performance',
      ...(options.forceFallbackAdapter ? { forceFallbackAdapter: true } : {}),
    });
    if (!adapter) throw new AdapterError('No GPU adapter was found: install a Vulkan, Metal or D3D12 driver.');
    const without = new Set(options.withoutFeatures);
    // What brings another feature along goes with it.
    if (without.has('subgroups')) without.add(SUBGROUP_SIZE_CONTROL);
    const features = FEATURES.filter((f) => adapter.features.has(f) && !without.has(f));
    const requiredLimits: Record<string, number> = {};
    for (const name of LIMITS)
      requiredLimits[name] = Math.min(adapter.limits[name], options.limits?.[name] ?? Infinity);
    const device = await adapter.requestDevice({
      label: 'i3d-webgpu',
      requiredFeatures: features as GPUFeatureName[],
      requiredLimits,
    });
    const language = [...(gpu.wgslLanguageFeatures ?? [])].filter((f) => !without.has(f));
    const subgroupMatrix = await describeSubgroupMatrices(adapter.info, device);
    return new Gpu(
      gpu,
      device,
      adapter,
      describe(adapter, device, requiredLimits as Record<LimitName, number>, { language, subgroupMatrix }),
      options.whileWaiting ?? ((wait) => wait),
    );
  }

  /** Bytes of all live buffers and textures that were made here. */
  get allocatedBytes(): number {
    return [...this.memory.values()].reduce((sum, size) => sum + size, 0);
  }

  /**
   * @internal
   * Call before anything is made that would have to be freed.
   * @throws DeviceLostError or DisposedError when nothing can be done on this device any more.
   */
  assertUsable(): void {
    if (this.end) throw this.end;
  }

  /** @throws GpuOutOfMemoryError when no buffer may be so large; as `assertUsable` does. */
  createBuffer(label: string, size: number, usage: GPUBufferUsageFlags, mappedAtCreation = false): GPUBuffer {
    this.assertUsable();
    const padded = Math.max(16, Math.ceil(size / 16) * 16);
    if (padded > this.profile.maxBufferSize) {
      throw new GpuOutOfMemoryError(
        `Buffer ${label} needs ${padded} bytes and this device allows ${this.profile.maxBufferSize} for one buffer.`,
      );
    }
    const buffer = this.device.createBuffer({ label, size: padded, usage, mappedAtCreation });
    this.memory.set(buffer, padded);
    return buffer;
  }

  destroyBuffer(buffer: GPUBuffer): void {
    this.destroy(buffer);
  }

  /** @internal */
  destroyResource(resource: Resource): void {
    this.destroy(resource instanceof Texels ? resource.texture : resource.buffer);
  }

  /** @internal A texture for a list of `count` vec4f. */
  createTexels(label: string, count: number, usage: GPUTextureUsageFlags): Texels {
    this.assertUsable();
    const size = texelBytes(count);
    const rows = size / 16 / TEXEL_COLUMNS;
    const limit = this.device.limits.maxTextureDimension2D;
    if (rows > limit) {
      throw new GpuOutOfMemoryError(
        `Texture ${label} needs ${rows} rows of ${TEXEL_COLUMNS} texels and this device allows ${limit}.`,
      );
    }
    const texture = this.device.createTexture({ label, size: [TEXEL_COLUMNS, rows], format: TEXEL_FORMAT, usage });
    this.memory.set(texture, size);
    return new Texels(texture, size);
  }

  /** A buffer filled with `data`, for weights and uniforms. */
  upload(label: string, data: ArrayBufferView<ArrayBuffer> | ArrayBuffer, usage: GPUBufferUsageFlags): GPUBuffer {
    const buffer = this.createBuffer(label, data.byteLength, usage | BufferUsage.COPY_DST);
    this.device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  }

  /** @internal What kernels read and nothing writes: a buffer, or a list of vec4f in a texture for `texels`. */
  uploadConstant(label: string, data: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>, texels = false): Resource {
    if (!texels) return wholeBuffer(this.upload(label, data, BufferUsage.STORAGE));
    if (data instanceof Float32Array) return this.uploadTexels(label, data);
    throw new GpuValidationError(`Texels ${label} hold 32-bit floats.`);
  }

  private uploadTexels(label: string, data: Float32Array<ArrayBuffer>): Texels {
    const count = Math.ceil(data.length / 4);
    const texels = this.createTexels(label, count, TextureUsage.STORAGE_BINDING | TextureUsage.COPY_DST);
    const { texture } = texels;
    const bytesPerRow = 16 * TEXEL_COLUMNS;
    const rows = Math.floor(count / TEXEL_COLUMNS);
    const rest = count % TEXEL_COLUMNS;
    const { queue } = this.device;
    if (rows > 0) queue.writeTexture({ texture }, data, { bytesPerRow }, [TEXEL_COLUMNS, rows]);
    if (rest > 0) {
      const start = rows * TEXEL_COLUMNS * 4;
      const last = new Float32Array(4 * rest);
      last.set(data.subarray(start));
      queue.writeTexture({ texture, origin: [0, rows] }, last, {}, [rest, 1]);
    }
    return texels;
  }

  /**
   * @internal
   * Runs `body` (synchronously) and waits for what the device says of it.
   * @throws GpuOutOfMemoryError, GpuValidationError, DeviceLostError or DisposedError instead of an uncaptured error event.
   */
  async checked<T>(what: string, body: () => T): Promise<T> {
    this.assertUsable();
    // The scopes are a stack of the device: `body` may not await, or other callers would push and pop between.
    this.device.pushErrorScope('out-of-memory');
    this.device.pushErrorScope('validation');
    let scopes: Promise<(GPUError | null)[]>;
    let result: T;
    try {
      result = body();
    } finally {
      scopes = Promise.all([this.device.popErrorScope(), this.device.popErrorScope()]);
      scopes.catch(() => undefined);
    }
    const [validation, memory] = await this.untilEnd(scopes);
    if (memory) throw new GpuOutOfMemoryError(`${what}: the GPU is out of memory (${memory.message}).`);
    if (validation) throw new GpuValidationError(`${what}: ${validation.message}`);
    return result;
  }

  /** Waits for all submitted work. */
  async idle(): Promise<void> {
    await this.waitFor(this.device.queue.onSubmittedWorkDone());
  }

  /**
   * @internal
   * Does `work`, which submits to the queue, when all work given here before has done so: plans that share states depend on the
   * order.
   */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.submissions.run(work);
  }

  /**
   * The result of something that the device does.
   * @throws DeviceLostError or DisposedError when the device ends before it is there.
   */
  waitFor<T>(wait: Promise<T>): Promise<T> {
    return this.whileWaiting(this.untilEnd(wait));
  }

  /**
   * @internal
   * What a failure of the device means. What is under way when a device ends may fail, with an empty `DOMException`, before the
   * device says why.
   */
  async explain(error: unknown): Promise<I3dError> {
    if (error instanceof I3dError) return error;
    if (!this.end) await new Promise((resolve) => setTimeout(resolve, END_DELAY));
    if (this.end) return this.end;
    const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
    return new GpuValidationError(`The GPU device refused a command: ${message || name}.`, { cause: error });
  }

  /** The contents of a MAP_READ buffer, copied out. */
  read(buffer: GPUBuffer, size: number): Promise<ArrayBuffer> {
    return this.readWith(buffer, size, (contents) => contents.slice(0));
  }

  /** @internal What `take` makes of the contents of a MAP_READ buffer; they are gone when it returns. */
  async readWith<T>(buffer: GPUBuffer, size: number, take: (contents: ArrayBuffer) => T): Promise<T> {
    await this.waitFor(buffer.mapAsync(MapMode.READ, 0, size));
    try {
      return take(buffer.getMappedRange(0, size));
    } finally {
      buffer.unmap();
    }
  }

  /**
   * Frees every buffer, every texture and the device. Afterwards nothing keeps the process alive; what is under way rejects with
   * DisposedError, and so does everything that is asked for later.
   */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    if (!this.end) {
      this.end = new DisposedError('The GPU device was disposed; open another one.');
      this.rejectEnded(this.end);
    }
    for (const resource of [...this.memory.keys()]) this.destroy(resource);
    this.pipelines.clear();
    this.device.destroy();
  }

  private async untilEnd<T>(wait: Promise<T>): Promise<T> {
    try {
      return await Promise.race([wait, this.ended]);
    } catch (error) {
      throw await this.explain(error);
    }
  }

  private destroy(resource: GPUBuffer | GPUTexture): void {
    if (this.memory.delete(resource)) resource.destroy();
  }
}

/** The browser's, in pages and in workers. */
const ownGpu = (): GPU | undefined => (globalThis as { readonly navigator?: { readonly gpu?: GPU } }).navigator?.gpu;

function describe(
  adapter: GPUAdapter,
  device: GPUDevice,
  limits: Record<LimitName, number>,
  { language, subgroupMatrix }: { language: readonly string[]; subgroupMatrix: SubgroupMatrices | undefined },
): DeviceProfile {
  const { info } = adapter;
  const subgroups = device.features.has('subgroups');
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    description: info.description || info.device || `${info.vendor} ${info.architecture}`.trim(),
    software: isSoftware(info),
    subgroups,
    subgroupMinSize: subgroups ? (info.subgroupMinSize ?? 0) : 0,
    subgroupMaxSize: subgroups ? (info.subgroupMaxSize ?? 0) : 0,
    subgroupSizeControl: subgroups && device.features.has(SUBGROUP_SIZE_CONTROL),
    shaderF16: device.features.has('shader-f16'),
    texels: language.includes(READ_STORAGE_TEXTURES),
    subgroupMatrix,
    timestamps: device.features.has('timestamp-query'),
    maxWorkgroupStorage: limits.maxComputeWorkgroupStorageSize,
    maxInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    maxWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    maxStorageBinding: limits.maxStorageBufferBindingSize,
    maxBufferSize: limits.maxBufferSize,
    bindingAlignment: BINDING_ALIGNMENT,
  };
}

function isSoftware(info: GPUAdapterInfo): boolean {
  if (info.isFallbackAdapter) return true;
  return /swiftshader|llvmpipe|lavapipe|software|basic render|warp/i.test(
    `${info.vendor} ${info.architecture} ${info.device} ${info.description}`,
  );
}

/** @throws InputError when `gpu` is none; what has ended says so itself, see `Gpu.assertUsable`. */
export function checkGpu(what: string, gpu: unknown): asserts gpu is Gpu {
  if (typeof (gpu as Gpu | undefined)?.assertUsable === 'function') return;
  throw new InputError(`${what} takes an open device, what openGpu or Gpu.create return, not ${describeValue(gpu)}.`);
}

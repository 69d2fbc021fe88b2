/** @file TV-L1 of frames that come one after the other and stay on the device: the last two are all that it holds. */

import { type Gpu, Tvl1 } from '../../src/index.ts';
import type { FlowSettings } from './protocol.ts';
import { GREY } from './shaders.ts';

const WORKGROUP = 8;
/** The five numbers of the shader's `Params`, padded to a multiple of 16 bytes. */
const PARAMS_BYTES = 32;

export class FrameSolver {
  private pictures: [GPUTexture, GPUTexture];
  private taken = 0;

  private constructor(
    private readonly device: GPUDevice,
    readonly tvl1: Tvl1,
    private readonly pipeline: GPUComputePipeline,
    private readonly params: readonly [GPUBuffer, GPUBuffer],
  ) {
    const { width, height } = tvl1.size;
    const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT;
    const make = () => device.createTexture({ size: [width, height], format: 'rgba8unorm', usage });
    this.pictures = [make(), make()];
  }

  /**
   * @param size Pixels of the frames.
   * @throws InputError for settings that are out of range; GpuOutOfMemoryError, DeviceLostError
   */
  static async create(
    gpu: Gpu,
    size: { readonly width: number; readonly height: number; readonly mirrored: boolean },
    { preset, own }: FlowSettings,
  ): Promise<FrameSolver> {
    const { width, height, mirrored } = size;
    const { device } = gpu;
    const tvl1 = await Tvl1.create(gpu, { width, height, pairs: 1 }, { preset, ...own });
    const module = device.createShaderModule({ label: 'grey', code: GREY });
    const pipeline = await gpu.waitFor(device.createComputePipelineAsync({ layout: 'auto', compute: { module } }));
    const params = ([0, 1] as const).map((frame) => {
      const numbers = [width, height, tvl1.rowStride, frame * tvl1.rowStride * height, Number(mirrored), 0, 0, 0];
      const buffer = device.createBuffer({
        size: PARAMS_BYTES,
        usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      });
      device.queue.writeBuffer(buffer, 0, new Uint32Array(numbers));
      return buffer;
    }) as [GPUBuffer, GPUBuffer];
    return new FrameSolver(device, tvl1, pipeline, params);
  }

  /** Takes the next frame, of the size of all; the one before stays. */
  push(frame: ImageBitmap): void {
    const { width, height } = this.tvl1.size;
    this.pictures = [this.pictures[1], this.pictures[0]];
    this.device.queue.copyExternalImageToTexture({ source: frame }, { texture: this.pictures[1] }, [width, height]);
    this.taken++;
  }

  /** Whether there are two frames. */
  get ready(): boolean {
    return this.taken > 1;
  }

  /** Appends the flow from the frame before the last one to the last one. */
  encode(encoder: GPUCommandEncoder): void {
    const { width, height } = this.tvl1.size;
    for (const [i, picture] of this.pictures.entries()) {
      const pass = encoder.beginComputePass();
      pass.setPipeline(this.pipeline);
      pass.setBindGroup(
        0,
        this.device.createBindGroup({
          layout: this.pipeline.getBindGroupLayout(0),
          entries: [
            { binding: 0, resource: { buffer: this.params[i]! } },
            { binding: 1, resource: picture.createView() },
            { binding: 2, resource: { buffer: this.tvl1.frames } },
          ],
        }),
      );
      pass.dispatchWorkgroups(Math.ceil((width + 3) / WORKGROUP), Math.ceil(height / WORKGROUP));
      pass.end();
    }
    this.tvl1.encode(encoder);
  }

  dispose(): void {
    this.tvl1.dispose();
    for (const texture of this.pictures) texture.destroy();
    for (const buffer of this.params) buffer.destroy();
  }
}

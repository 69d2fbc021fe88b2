/** @file Paints flow that lies on the device into a canvas, or into a picture that is saved. */

import { COLOR_WHEEL } from '../../src/flow/color.ts';
import type { FlowView } from './protocol.ts';
import { COLOUR } from './shaders.ts';

/** What is painted. */
export interface Painted {
  /** height × width × 2 of f32. */
  readonly flow: GPUBuffer;
  readonly width: number;
  readonly height: number;
  readonly picture: GPUTexture;
  readonly mirrored: boolean;
  /** Pixels that get the full colour. */
  readonly length: number;
}

/** The seven numbers of the shader's `View`, padded to a multiple of 16 bytes. */
const VIEW_BYTES = 32;

export class FlowPainter {
  readonly #device: GPUDevice;
  readonly #module: GPUShaderModule;
  readonly #pipelines = new Map<GPUTextureFormat, GPURenderPipeline>();
  readonly #layout: GPUBindGroupLayout;
  readonly #uniform: GPUBuffer;
  readonly #wheel: GPUBuffer;
  readonly #sampler: GPUSampler;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#module = device.createShaderModule({ label: 'flow colours', code: COLOUR });
    const visibility = GPUShaderStage.FRAGMENT;
    this.#layout = device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility, buffer: { type: 'uniform' } },
        { binding: 1, visibility, buffer: { type: 'read-only-storage' } },
        { binding: 2, visibility, buffer: { type: 'read-only-storage' } },
        { binding: 3, visibility, texture: {} },
        { binding: 4, visibility, sampler: {} },
      ],
    });
    this.#uniform = device.createBuffer({ size: VIEW_BYTES, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    const wheel = new Float32Array(COLOR_WHEEL.flatMap((colour) => [...colour, 1]));
    this.#wheel = device.createBuffer({
      size: wheel.byteLength,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(this.#wheel, 0, wheel);
    this.#sampler = device.createSampler({ magFilter: 'linear', minFilter: 'linear' });
  }

  /**
   * Appends the painting. Submit before another one is appended: they share the numbers of the view.
   * @param frameOnly Paints the frame as it is instead.
   */
  paint(
    encoder: GPUCommandEncoder,
    target: GPUTexture,
    what: Painted,
    { ground, frame }: FlowView,
    frameOnly = false,
  ): void {
    const { width, height, length, mirrored } = what;
    const numbers = [width, height, length, Number(ground === 'black'), frame, Number(mirrored), Number(frameOnly), 0];
    this.#device.queue.writeBuffer(this.#uniform, 0, new Float32Array(numbers));
    const resources: GPUBindingResource[] = [
      { buffer: this.#uniform },
      { buffer: what.flow },
      { buffer: this.#wheel },
      what.picture.createView(),
      this.#sampler,
    ];
    const group = this.#device.createBindGroup({
      layout: this.#layout,
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
    const pass = encoder.beginRenderPass({
      colorAttachments: [{ view: target.createView(), loadOp: 'clear', storeOp: 'store' }],
    });
    pass.setPipeline(this.#pipeline(target.format));
    pass.setBindGroup(0, group);
    pass.draw(3);
    pass.end();
  }

  dispose(): void {
    this.#uniform.destroy();
    this.#wheel.destroy();
  }

  #pipeline(format: GPUTextureFormat): GPURenderPipeline {
    let pipeline = this.#pipelines.get(format);
    pipeline ??= this.#device.createRenderPipeline({
      layout: this.#device.createPipelineLayout({ bindGroupLayouts: [this.#layout] }),
      vertex: { module: this.#module },
      fragment: { module: this.#module, targets: [{ format }] },
    });
    this.#pipelines.set(format, pipeline);
    return pipeline;
  }
}

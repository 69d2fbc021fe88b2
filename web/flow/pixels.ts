/** @file What is painted on the device, in memory. */

import type { Gpu } from '../../src/index.ts';

/** Appends what paints into a texture. */
export type Paint = (target: GPUTexture, encoder: GPUCommandEncoder) => void;

interface Size {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/** @throws DeviceLostError */
export async function pixels(gpu: Gpu, { width, height }: Size, paint: Paint): Promise<ImageData> {
  const { device } = gpu;
  const usage = GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC;
  const texture = device.createTexture({ size: [width, height], format: 'rgba8unorm', usage });
  // Rows of a copy begin at multiples of 256 bytes.
  const stride = Math.ceil((4 * width) / 256) * 256;
  const size = stride * height;
  const staging = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  try {
    const encoder = device.createCommandEncoder();
    paint(texture, encoder);
    encoder.copyTextureToBuffer({ texture }, { buffer: staging, bytesPerRow: stride }, [width, height]);
    device.queue.submit([encoder.finish()]);
    await gpu.waitFor(staging.mapAsync(GPUMapMode.READ));
    const rows = new Uint8Array(staging.getMappedRange());
    const image = new ImageData(width, height);
    for (let y = 0; y < height; y++) image.data.set(rows.subarray(y * stride, y * stride + 4 * width), y * 4 * width);
    return image;
  } finally {
    staging.destroy();
    texture.destroy();
  }
}

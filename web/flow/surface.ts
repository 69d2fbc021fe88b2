/** @file Where flow is painted to: the canvas itself on a GPU; on a software adapter, whose textures a canvas cannot show, by way of memory. */

import type { Gpu } from '../../src/index.ts';
import { type Paint, pixels } from './pixels.ts';

export interface Surface {
  readonly gpu: Gpu;
  /** Pixels of the longer side that are worth painting. */
  readonly largest: number;
  paint(paint: Paint): Promise<void>;
}

/** Pixels of the longer side: of a canvas, and of what a processor paints. */
const [LARGEST, LARGEST_SOFTWARE] = [1600, 640];

/** @throws Error where the browser cannot do it. */
export function surfaceOf(gpu: Gpu, canvas: OffscreenCanvas): Surface {
  const { device } = gpu;
  if (gpu.profile.software) {
    const context = canvas.getContext('2d');
    if (!context) throw new Error('This canvas belonged to a GPU; open the page again.');
    return {
      gpu,
      largest: LARGEST_SOFTWARE,
      async paint(paint) {
        context.putImageData(await pixels(gpu, canvas, paint), 0, 0);
      },
    };
  }
  const context = canvas.getContext('webgpu');
  if (!context) throw new Error('This browser does not paint into canvases by WebGPU in a worker; use a later one.');
  context.configure({ device, format: navigator.gpu.getPreferredCanvasFormat(), alphaMode: 'opaque' });
  return {
    gpu,
    largest: LARGEST,
    async paint(paint) {
      const encoder = device.createCommandEncoder();
      paint(context.getCurrentTexture(), encoder);
      device.queue.submit([encoder.finish()]);
    },
  };
}

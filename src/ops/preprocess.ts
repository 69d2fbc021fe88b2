/** @file From decoded frames to a network's input: resize, crop and normalise in one step on the GPU. */

import { checkWhole } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape } from '../core/tensor.ts';
import { colours, type PerColour } from '../kernels/clip/colour.ts';
import { defineOperator, f32, fromInput, fromOutput, pointwiseCost } from './operator.ts';
import { frameRange } from './sliding_window.ts';

export interface PreprocessAttributes {
  /** Size that the frames are scaled to (bilinear, half-pixel centres), in pixels. */
  readonly resized: { readonly height: number; readonly width: number };
  /** The part that is kept, in pixels of the resized frames. */
  readonly crop: { readonly top: number; readonly left: number; readonly height: number; readonly width: number };
  /** value · scale + shift, for values 0 … 255; one for all colours, or one for each. */
  readonly scale: PerColour;
  readonly shift: PerColour;
}

/** Input: uint8 frames N×T×H×W×3. Output: float32 N×T×crop×3. */
export const preprocess = defineOperator<PreprocessAttributes>({
  type: 'preprocess',
  keepsPadding: true,
  takesFrames: true,
  infer({ resized, crop, scale, shift }, [frames]) {
    for (const [name, value] of Object.entries({ ...resized, ...crop })) {
      const least = name === 'top' || name === 'left' ? 0 : 1;
      checkWhole(`its ${name}`, value, least);
    }
    if (![...colours(scale), ...colours(shift)].every(Number.isFinite)) {
      throw new GraphError(`its scale and shift must be numbers, not ${scale} and ${shift}`);
    }
    const [n, t, h, w, c] = frames!.shape;
    if (frames!.dtype !== 'u8' || frames!.shape.length !== 5 || c !== 3 || !h || !w) {
      throw new GraphError(
        `its input must be uint8 frames N×T×H×W×3, not ${frames!.dtype} ${formatShape(frames!.shape)}`,
      );
    }
    if (
      crop.top < 0 ||
      crop.left < 0 ||
      crop.top + crop.height > resized.height ||
      crop.left + crop.width > resized.width
    ) {
      throw new GraphError(
        `its crop of ${crop.height}×${crop.width} at ${crop.top}, ${crop.left} lies outside ${resized.height}×${resized.width}`,
      );
    }
    return [f32([n!, t!, crop.height, crop.width, 3])];
  },
  cost: (_, inputs, outputs) => pointwiseCost(10, inputs, outputs),
  async candidates({ resized, crop, scale, shift }, io, profile) {
    const { preprocess: kernel } = await import('../kernels/clip/preprocess.ts');
    const [n, t, height, width] = io.inputs[0]!.type.shape as [number, number, number, number];
    const frames = n * t;
    const frameBytes = height * width * 3;
    const y = { ...io.outputs[0]!.view, shape: [1, frames, crop.height, crop.width, 3] as const };
    const { maxStorageBinding: limit, bindingAlignment: alignment } = profile;
    const largest = Math.max(frameBytes, crop.height * crop.width * y.stride * 16);
    const chunk = Math.min(frames, Math.floor((limit - alignment) / largest));
    if (chunk < 1)
      throw new GraphError(`one of its frames is larger than a storage binding of this device, ${limit} bytes`);
    const lower = () =>
      Array.from({ length: Math.ceil(frames / chunk) }, (_, i) => {
        const first = i * chunk;
        const last = Math.min(first + chunk, frames);
        const target = frameRange(y, 0, first, last, alignment);
        const offset = Math.floor((first * frameBytes) / alignment) * alignment;
        const firstByte = first * frameBytes - offset;
        const size = Math.ceil((firstByte + (last - first) * frameBytes) / 4) * 4;
        const problem = { frames: { height, width }, firstByte, y: target.view, resized, crop, scale, shift };
        return {
          kernel: kernel(problem),
          args: [
            { ...fromInput(0), offset, size },
            { ...fromOutput(0), offset: target.offset, size: target.size },
          ],
        };
      });
    return [{ name: 'bilinear', accuracy: 'exact', workspaces: [], lower }];
  },
});

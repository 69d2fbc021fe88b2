/** @file From decoded frames to a network's input: resize, crop and normalise in one step on the GPU. */

import { GraphError } from '../core/errors.ts';
import { formatShape } from '../core/tensor.ts';
import { preprocess as preprocessKernel } from '../kernels/preprocess.ts';
import { f32, input, type Operator, output, pointwiseCost, single } from './operator.ts';

export interface PreprocessAttributes {
  /** Size that the frames are scaled to (bilinear, half-pixel centres), in pixels. */
  readonly resized: { readonly height: number; readonly width: number };
  /** The part that is kept, in pixels of the resized frames. */
  readonly crop: { readonly top: number; readonly left: number; readonly height: number; readonly width: number };
  /** value · scale + shift, for values 0 … 255. */
  readonly scale: number;
  readonly shift: number;
}

/** Input: uint8 frames N×T×H×W×3. Output: float32 N×T×crop×3. */
export const preprocess: Operator<PreprocessAttributes> = {
  type: 'preprocess',
  infer({ resized, crop }, [frames]) {
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
  candidates({ resized, crop, scale, shift }, io) {
    const [n, t, height, width] = io.inputs[0]!.type.shape as [number, number, number, number];
    const frames = { n, t, height, width };
    const y = io.outputs[0]!.view;
    return [
      single('bilinear', () => preprocessKernel({ frames, y, resized, crop, scale, shift }), [input(0), output(0)]),
    ];
  },
};

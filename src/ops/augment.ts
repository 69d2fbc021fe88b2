/** @file From cached clips to a batch: per sample a region, scaled, flipped, normalised, in one step on the GPU. */

import { GraphError } from '../core/errors.ts';
import { formatShape } from '../core/tensor.ts';
import {
  type AugmentClipProblem,
  augmentClip as augmentClipKernel,
  GEOMETRY_VALUES,
} from '../kernels/clip/augment_clip.ts';
import { colours, type PerColour } from '../kernels/clip/colour.ts';
import { defineOperator, f32, fromInput, fromOutput, pointwiseCost } from './operator.ts';
import { frameRange } from './sliding_window.ts';

export interface AugmentClipAttributes {
  /** Side of the result in pixels. */
  readonly size: number;
  /** RGB: value = byte · scale + shift, such as 2/255 and −1. Flow: `scale` clips displacements, in pixels, and divides them. */
  readonly scale: PerColour;
  readonly shift: PerColour;
  /** Whether the clip is flow: N×T×H×W×2 float32, in pixels. */
  readonly flow: boolean;
}

/**
 * Inputs: the clip, uint8 N×T×H×W×3 or float32 flow N×T×H×W×2; geometry float32 N×8, for each sample
 * [top, left, height, width (the region, in pixels of the frame, not necessarily whole), flip (0 or 1)] and then what leaves
 * values as they are where it is 0: for RGB brightness, contrast, saturation, for flow speed.
 * Output: float32 N×T×size×size×(3 or 2).
 */
export const augmentClip = defineOperator<AugmentClipAttributes>({
  type: 'augmentClip',
  keepsPadding: true,
  takesFrames: true,
  infer({ size, scale, flow }, [clip, geometry]) {
    const [n, t, h, w, c] = clip!.shape;
    const [dtype, channels] = flow ? (['f32', 2] as const) : (['u8', 3] as const);
    if (clip!.dtype !== dtype || clip!.shape.length !== 5 || c !== channels || !h || !w) {
      throw new GraphError(
        `its clip must be ${flow ? 'float32 flow' : 'uint8 frames'} N×T×H×W×${channels}, not ${clip!.dtype} ${formatShape(clip!.shape)}`,
      );
    }
    if (geometry!.dtype !== 'f32' || formatShape(geometry!.shape) !== formatShape([n!, GEOMETRY_VALUES])) {
      throw new GraphError(
        `its geometry must be float32 ${n}×${GEOMETRY_VALUES}, not ${geometry!.dtype} ${formatShape(geometry!.shape)}`,
      );
    }
    if (!Number.isSafeInteger(size) || size < 1) throw new GraphError(`its crop has ${size} pixels`);
    if (!colours(scale).every((value) => value > 0)) throw new GraphError(`its scale must be above 0, not ${scale}`);
    return [f32([n!, t!, size, size, channels])];
  },
  cost: (_, inputs, outputs) => pointwiseCost(12, inputs, outputs),
  candidates({ scale, shift, flow }, io, profile) {
    const [clip, , target] = [io.inputs[0]!, io.inputs[1]!, io.outputs[0]!];
    const [samples, framesPerSample, height, width] = clip.type.shape as [number, number, number, number];
    const frames = samples * framesPerSample;
    const size = target.type.shape[2]!;
    const y = { ...target.view, shape: [1, frames, size, size, target.view.shape[4]] as const };
    const x = { ...clip.view, shape: [1, frames, height, width, 2] as const };
    const { maxStorageBinding: limit, bindingAlignment: alignment } = profile;
    const frameBytes = height * width * (flow ? x.stride * 16 : 3);
    const chunk = Math.min(frames, Math.floor((limit - alignment) / Math.max(frameBytes, size * size * y.stride * 16)));
    if (chunk < 1)
      throw new GraphError(`one of its frames is larger than a storage binding of this device, ${limit} bytes`);
    const source = (first: number, last: number) => {
      if (flow) {
        const { view, ...range } = frameRange(x, 0, first, last, alignment);
        return { clip: { kind: 'flow', view } as const, range };
      }
      const offset = Math.floor((first * frameBytes) / alignment) * alignment;
      const firstByte = first * frameBytes - offset;
      const bytes = Math.ceil((firstByte + (last - first) * frameBytes) / 4) * 4;
      return { clip: { kind: 'rgb', height, width, firstByte } as const, range: { offset, size: bytes } };
    };
    const lower = () =>
      Array.from({ length: Math.ceil(frames / chunk) }, (_, i) => {
        const first = i * chunk;
        const last = Math.min(first + chunk, frames);
        const from = source(first, last);
        const to = frameRange(y, 0, first, last, alignment);
        const problem: AugmentClipProblem = {
          clip: from.clip,
          y: to.view,
          firstFrame: first,
          framesPerSample,
          scale,
          shift,
        };
        return {
          kernel: augmentClipKernel(problem),
          args: [
            { ...fromInput(0), ...from.range },
            fromInput(1),
            { ...fromOutput(0), offset: to.offset, size: to.size },
          ],
        };
      });
    return [{ name: 'bilinear', accuracy: 'exact', workspaces: [], lower }];
  },
});

/** @file What the stages of a session work on. */

import type { TrainingShape } from '../training.ts';
import type { ClipSizes } from './candidate_stages.ts';
import type { FlowSizes } from './model_stages.ts';

export interface SessionSizes {
  readonly clips: ClipSizes;
  readonly flow: FlowSizes;
  readonly training: readonly TrainingShape[];
}

/** I3D as it was published, on its usual clip and on the one that it was trained on. */
export const SIZES: SessionSizes = {
  clips: { frames: [16, 64], size: 224 },
  flow: { width: 340, height: 256, pairs: 16 },
  training: [
    { architecture: 'inception-4', width: 0.25, frames: 16, size: 56, batch: 16, classes: 16 },
    { architecture: 'i3d', width: 1, frames: 16, size: 224, batch: 1, classes: 400 },
  ],
};

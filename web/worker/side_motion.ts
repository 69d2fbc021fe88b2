/** @file The motion of a clip to look at, where no network asks for it. */

import type { FloatTensor } from '../../src/core/tensor.ts';
import { computeFlow } from '../../src/flow/index.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { type Clip, type TakenFrame, UprightConverter } from '../video/clip.ts';

/** Pixels of the shorter side: enough for a picture. */
const SIDE = 112;

export class SideMotion {
  readonly #converter: UprightConverter;
  /** Frames that a window may still come for, by their index. */
  readonly #frames = new Map<number, Uint8Array>();

  constructor(clip: Clip) {
    this.#converter = new UprightConverter(clip, SIDE);
  }

  take({ index, picture }: TakenFrame): void {
    this.#frames.set(index, this.#converter.convert(picture));
  }

  /** T×H×W×2 pixels of frames that were taken, to the next one each; undefined of a single frame. Asked for in order. */
  async field(gpu: Gpu, start: number, frames: number, signal: AbortSignal): Promise<FloatTensor | undefined> {
    for (const index of this.#frames.keys()) if (index < start) this.#frames.delete(index);
    const found = Array.from({ length: frames + 1 }, (_, i) => this.#frames.get(start + i)).filter(
      (frame) => frame !== undefined,
    );
    if (found.length < 2) return undefined;
    const { width, height } = this.#converter;
    const data = new Uint8Array(found.length * width * height * 3);
    for (const [i, frame] of found.entries()) data.set(frame, i * frame.length);
    const clip = { dtype: 'u8', shape: [found.length, height, width, 3], data } as const;
    return computeFlow(gpu, clip, { preset: 'fast', signal });
  }
}

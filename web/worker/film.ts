/** @file What a page shows of a clip: its frames and the motion between them, in no more memory than a page may take. */

import type { FloatTensor } from '../../src/core/tensor.ts';
import { motionSteps } from '../shared/motion_steps.ts';
import { type Clip, type TakenFrame, UprightConverter } from '../video/clip.ts';
import type { FilmFrame, FilmMotion } from './protocol.ts';

/** Pixels of the shorter side of a frame that is shown. */
const SHOWN_SIDE = 240;
/** Bytes of frames and motions that a page holds before every other one is dropped. */
const BUDGET = 128 << 20;
/** The longest displacement that is told apart, of the shorter side. */
const MOTION_SHARE = 0.15;

/** Makes frames to look at, fewer and fewer of a clip that goes on. */
export class Film {
  readonly #converter: UprightConverter;
  readonly #onThinned: (stride: number) => void;
  readonly #budget: number;
  #stride = 1;
  #bytes = 0;

  /**
   * @param onThinned Is told when only every `stride`th frame is still wanted.
   * @param budget Bytes that the page may hold before that.
   */
  constructor(clip: Clip, onThinned: (stride: number) => void, budget = BUDGET) {
    this.#budget = budget;
    this.#converter = new UprightConverter(clip, SHOWN_SIDE);
    this.#onThinned = onThinned;
  }

  /** A frame to look at; undefined for one that is left out. */
  frame({ index, time, picture }: TakenFrame): FilmFrame | undefined {
    if (index % this.#stride !== 0) return undefined;
    const { width, height } = this.#converter;
    this.#count(4 * width * height);
    return { index, time, width, height, rgba: opaque(this.#converter.convert(picture)) };
  }

  /**
   * The motions of a window that belong to frames that are shown.
   * @param field T×H×W×2, pixels.
   */
  motions(start: number, field: FloatTensor): FilmMotion[] {
    const [count = 0, height = 0, width = 0] = field.shape;
    const size = 2 * height * width;
    const shown = Array.from({ length: count }, (_, i) => i).filter((i) => (start + i) % this.#stride === 0);
    return shown.map((i) => {
      this.#count(size);
      return motionOf(start + i, field.data.subarray(i * size, (i + 1) * size), width, height);
    });
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#budget) return;
    this.#bytes /= 2;
    this.#stride *= 2;
    this.#onThinned(this.#stride);
  }
}

/** height×width×3 bytes with an alpha of 255 each. */
export function opaque(rgb: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray((rgb.length / 3) * 4);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba[to] = rgb[from]!;
    rgba[to + 1] = rgb[from + 1]!;
    rgba[to + 2] = rgb[from + 2]!;
    rgba[to + 3] = 255;
  }
  return rgba;
}

function motionOf(index: number, flow: Float32Array, width: number, height: number): FilmMotion {
  const bound = MOTION_SHARE * Math.min(width, height);
  const lengths = Float32Array.from({ length: flow.length / 2 }, (_, i) => Math.hypot(flow[2 * i]!, flow[2 * i + 1]!));
  const longest = lengths.sort()[Math.floor(0.99 * (lengths.length - 1))] ?? 0;
  return { index, width, height, steps: motionSteps(flow, bound), bound, longest };
}

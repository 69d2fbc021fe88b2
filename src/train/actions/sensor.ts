/** @file What a camera's lens and sensor make of a picture: blur, exposure, flicker, noise. */

import type { Random } from '../../core/random.ts';
import { clamp } from './vector.ts';

const LEVELS = 2047;

export class Sensor {
  readonly #gain: readonly number[];
  readonly #offset: number;
  /** The tone curve, of levels 0 … 1, in bytes. */
  readonly #curve: Float32Array;
  readonly #flicker: number;
  readonly #flickerRate: number;
  readonly #noise: number;
  readonly #vignette: number;
  readonly #blur: number;
  readonly #seed: number;
  readonly #row: Float32Array;

  /** @param brightness Of the scene, 0 … 1. */
  constructor(
    random: Random,
    readonly size: number,
    brightness: number,
  ) {
    // Exposed for what is in view, like any camera, but not always well.
    const level = random.range(0.36, 0.62);
    const exposure = clamp(level / Math.max(brightness, 0.05), 0.6, 1.8) ** random.range(0.4, 1);
    const warm = random.range(-0.08, 0.08);
    const contrast = random.uniform() < 0.2 ? random.range(0.5, 0.8) : random.range(0.85, 1.3);
    this.#gain = [1 + warm, 1 + random.range(-0.04, 0.04), 1 - warm].map((g) => g * exposure * contrast);
    this.#offset = (1 - contrast) * level;
    const gamma = random.range(0.8, 1.25);
    this.#curve = Float32Array.from({ length: LEVELS + 1 }, (_, i) => 255 * (i / LEVELS) ** gamma + 0.5);
    this.#flicker = random.uniform() < 0.3 ? random.range(0, 0.04) : 0;
    this.#flickerRate = random.range(1, 9);
    this.#noise = random.uniform() < 0.2 ? random.range(2.5, 7) : random.range(0, 2.5);
    this.#vignette = random.uniform() < 0.3 ? random.range(0, 0.35) : 0;
    // Of a pixel's neighbours, three times in each direction; wider pictures need more.
    this.#blur = random.uniform() < 0.35 ? 0 : random.range(0.05, 0.28);
    this.#seed = random.integer(2 ** 31);
    this.#row = new Float32Array(size * 3);
  }

  /**
   * @param frame size × size × 3, 0 … 1; changed.
   * @param out size × size × 3 bytes.
   */
  develop(frame: Float32Array, index: number, seconds: number, out: Uint8Array): void {
    const { size } = this;
    for (let times = Math.max(1, Math.round(size / 64)); this.#blur > 0 && times > 0; times--) this.#soften(frame);
    const flicker = 1 + this.#flicker * Math.sin(seconds * this.#flickerRate * 6.283);
    const gain = this.#gain.map((g) => g * flicker * LEVELS);
    const offset = this.#offset * LEVELS;
    const vignette = 2 * this.#vignette;
    const curve = this.#curve;
    let state = (this.#seed ^ Math.imul(index + 1, 0x9e3779b1)) | 1;
    const grain = this.#noise / 128;
    for (let y = 0, i = 0; y < size; y++) {
      const v = y / size - 0.5;
      for (let x = 0; x < size; x++) {
        const u = x / size - 0.5;
        const shade = 1 - vignette * (u * u + v * v);
        // Xorshift: one draw of four bytes makes noise of brightness and a little of each colour.
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        const common = ((state & 255) + ((state >>> 8) & 255) - 255) * grain;
        for (let k = 0; k < 3; k++, i++) {
          const own = (((state >>> (16 + 4 * k)) & 255) - 127.5) * 0.6 * grain;
          const level = clamp(frame[i]! * gain[k]! * shade + offset, 0, LEVELS);
          out[i] = clamp(curve[level | 0]! + common + own, 0, 255);
        }
      }
    }
  }

  /** One pass of a three-pixel window each way. */
  #soften(frame: Float32Array): void {
    const { size } = this;
    const side = this.#blur;
    const centre = 1 - 2 * side;
    const row = this.#row;
    const width = size * 3;
    for (let y = 0; y < size; y++) {
      const at = y * width;
      row.set(frame.subarray(at, at + width));
      for (let i = 3; i < width - 3; i++) frame[at + i] = centre * row[i]! + side * (row[i - 3]! + row[i + 3]!);
    }
    row.set(frame.subarray(0, width));
    for (let y = 1; y < size - 1; y++) {
      const at = y * width;
      for (let i = 0; i < width; i++) {
        const here = frame[at + i]!;
        frame[at + i] = centre * here + side * (row[i]! + frame[at + width + i]!);
        row[i] = here;
      }
    }
  }
}

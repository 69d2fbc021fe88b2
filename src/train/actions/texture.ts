/** @file Smooth noise, and colours. */

import type { Random } from '../../core/random.ts';
import { between, clamp } from './vector.ts';

/** Red, green, blue, 0 … 1. */
export type Color = readonly [number, number, number];

export function blend(a: Color, b: Color, share: number): Color {
  return [between(a[0], b[0], share), between(a[1], b[1], share), between(a[2], b[2], share)];
}

export function dimmed(color: Color, factor: number): Color {
  return [clamp(color[0] * factor, 0, 1), clamp(color[1] * factor, 0, 1), clamp(color[2] * factor, 0, 1)];
}

/** @param hue In turns. */
export function hsv(hue: number, saturation: number, value: number): Color {
  const channel = (n: number): number => {
    const k = (n + hue * 6) % 6;
    return value * (1 - saturation * clamp(Math.min(k, 4 - k), 0, 1));
  };
  return [channel(5), channel(3), channel(1)];
}

/** How bright a colour looks, 0 … 1. */
export function luminance([red, green, blue]: Color): number {
  return 0.3 * red + 0.59 * green + 0.11 * blue;
}

/** How different two colours look, about 0 … 1: mostly by their brightness. */
export function contrast(a: Color, b: Color): number {
  const [r, g, b_] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  return Math.abs(luminance(a) - luminance(b)) + 0.25 * (Math.abs(r - g) + Math.abs(b_ - g));
}

/** Any colour that things have, more often dull than bright. */
export function thingColor(random: Random): Color {
  const dull = random.uniform() < 0.55;
  return hsv(random.uniform(), dull ? random.range(0, 0.3) : random.range(0.25, 0.8), random.range(0.1, 0.95));
}

const TILE = 64;

/** Smooth noise of mean 0 and about ±1 that repeats every 64 cells both ways. */
export class Noise {
  readonly #values = new Float32Array(TILE * TILE);

  constructor(random: Random) {
    // Xorshift from one draw: thousands of hashes would take longer than the drawing.
    let state = random.integer(2 ** 31) | 1;
    for (let i = 0; i < this.#values.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      this.#values[i] = state / 2 ** 31;
    }
  }

  /** Bilinear between cells. */
  at(x: number, y: number): number {
    const i = Math.floor(x);
    const j = Math.floor(y);
    const fx = x - i;
    const i0 = i & (TILE - 1);
    const i1 = (i + 1) & (TILE - 1);
    const j0 = (j & (TILE - 1)) * TILE;
    const j1 = ((j + 1) & (TILE - 1)) * TILE;
    const v = this.#values;
    const top = v[j0 + i0]! + (v[j0 + i1]! - v[j0 + i0]!) * fx;
    const bottom = v[j1 + i0]! + (v[j1 + i1]! - v[j1 + i0]!) * fx;
    return top + (bottom - top) * (y - j);
  }

  /** Octaves, each twice as fine and a bit more than half as strong. */
  cloud(x: number, y: number, octaves: number): number {
    let sum = 0;
    let weight = 1;
    let factor = 1;
    for (let o = 0; o < octaves; o++) {
      sum += weight * this.at(x * factor + 17 * o, y * factor + 31 * o);
      weight *= 0.55;
      factor *= 2;
    }
    return sum;
  }
}

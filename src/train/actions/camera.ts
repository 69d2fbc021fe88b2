/** @file Where the camera stands and how it moves: from the world in body heights to pixels. */

import type { Random } from '../../core/random.ts';
import { type Performance, wavering } from './manner.ts';
import type { Point } from './raster.ts';
import { between, clamp, DEGREE, type Vec3 } from './vector.ts';

/** The camera at one moment. */
export interface View {
  /** A place in the world on the picture, and the number of pixels that a body height has there. */
  readonly project: (place: Vec3) => { readonly at: Point; readonly unit: number };
  /** How the background lies: a shift in pixels, a scale about the picture's centre and a rotation. */
  readonly shift: Point;
  readonly zoom: number;
  readonly roll: number;
}

interface Camera {
  readonly at: (seconds: number) => View;
  /** Where the ground under the figure is, share of the picture's height. */
  readonly ground: number;
  /** Of the figure standing, share of the picture's height. */
  readonly scale: number;
}

/** A camera that shows what the performance needs. */
export function camera(
  random: Random,
  { framing, height, width, speed = 0 }: Performance,
  duration: number,
  size: number,
): Camera {
  // Where legs do not matter, the lower edge may cut them off.
  const whole = framing === 'whole' || random.uniform() < 0.4;
  const largest = whole ? Math.min(0.95, 0.97 / height) : Math.min(1.15, 1.3 / height);
  const scale = between(0.47, largest, random.uniform() ** 0.7);
  const lowest = whole ? Math.min(0.99, 0.8 + 0.3 * scale) : 0.62 + 0.72 * scale;
  const ground = random.range(
    Math.max(0.03 + scale * height, whole ? 0.6 : 0.75),
    Math.max(lowest, 0.05 + scale * height),
  );
  const pitch = random.range(0, 9) * DEGREE;
  const distance = random.range(3.5, 8);
  // A figure that travels stays in the picture; the camera follows for the rest of the way.
  const way = speed * duration * scale;
  const shown = Math.sign(way) * Math.min(Math.abs(way), random.range(0.1, 0.7));
  const follow = way === 0 ? 0 : 1 - shown / way;
  const room = clamp(0.49 - width * scale - Math.abs(shown) / 2, 0, 0.25);
  const centre = 0.5 - shown / 2 + random.range(-room, room);
  const steady = random.uniform() < 0.5;
  const shake = steady ? 0 : random.range(0, 0.012);
  const [shakeX, shakeY] = [wavering(random, shake), wavering(random, shake)];
  const pan = steady ? 0 : random.range(-0.06, 0.06);
  const zooming = steady ? 0 : random.range(-0.07, 0.07);
  const roll = random.normal() * 1.6 * DEGREE;
  const rolling = wavering(random, steady ? 0 : 0.008);
  const parallax = random.range(0.75, 1);
  const at = (seconds: number): View => {
    const progress = clamp(seconds / duration, 0, 1) - 0.5;
    const zoom = 1 + zooming * progress;
    const angle = roll + rolling(seconds);
    const [s, c] = [Math.sin(angle), Math.cos(angle)];
    const followed = follow * speed * seconds;
    const [moveX, moveY] = [shakeX(seconds) + pan * progress, shakeY(seconds)];
    const project = ([x, y, z]: Vec3) => {
      const near = distance / (distance - z);
      const up = y * Math.cos(pitch) - z * Math.sin(pitch);
      const px = (centre + moveX - 0.5 + scale * near * (x - followed)) * zoom;
      const py = (ground + moveY - 0.5 - scale * near * up) * zoom;
      const point: Point = [(0.5 + px * c - py * s) * size, (0.5 + px * s + py * c) * size];
      return { at: point, unit: scale * near * zoom * size };
    };
    const shift: Point = [(moveX - scale * followed) * parallax * size, moveY * parallax * size];
    return { project, shift, zoom: between(1, zoom, parallax), roll: angle };
  };
  return { at, ground, scale };
}

/** @file Things around the figure: a chair, things that pass by behind it, its shadow. */

import type { Random } from '../../core/random.ts';
import type { View } from './camera.ts';
import { capsule, type Part } from './figure.ts';
import type { Chair } from './manner.ts';
import { type Layer, type Point, plain } from './raster.ts';
import { type Color, dimmed, thingColor } from './texture.ts';
import { heading, toWorld, type Vec3 } from './vector.ts';

/** A chair or stool behind the place of the figure. */
export function chairParts(layer: Layer, chair: Chair, color: Color, view: View): Part[] {
  const { seat, back } = chair;
  const frame = heading(chair.heading);
  const at = (left: number, up: number, forward: number): Vec3 => toWorld(frame, [left, up, forward]);
  const [half, front, rear] = [0.1, -0.13, -0.34];
  const wood = plain(color);
  const parts: Part[] = [];
  for (const left of [-half, half]) {
    for (const forward of [front, rear]) {
      const dark = plain(dimmed(color, 0.75));
      parts.push(capsule(layer, view, at(left, 0, forward), 0.01, at(left, seat, forward), 0.011, dark, -0.05));
    }
    if (back > 0) {
      parts.push(
        capsule(layer, view, at(left, seat, rear), 0.012, at(left, seat + back, rear - 0.03), 0.01, wood, -0.02),
      );
    }
  }
  const corner = (left: number, forward: number): Point => view.project(at(left, seat, forward)).at;
  parts.push({
    depth: at(0, seat, (front + rear) / 2)[2] - 0.06,
    draw: () =>
      layer.quad(
        [corner(-half, front), corner(half, front), corner(half, rear), corner(-half, rear)],
        0.018 * view.project(at(0, seat, front)).unit,
        [corner(0, front), corner(0, rear)],
        wood,
      ),
  });
  for (const up of back > 0 ? [0.45, 0.7, 0.95] : []) {
    const height = seat + back * up;
    const behind = rear - 0.03 * up;
    parts.push(capsule(layer, view, at(-half, height, behind), 0.02, at(half, height, behind), 0.02, wood, -0.02));
  }
  return parts;
}

/** Blots that drift through the background. */
export class Passers {
  readonly #things: readonly { x: number; y: number; vx: number; vy: number; rx: number; ry: number; color: Color }[];

  constructor(
    random: Random,
    readonly size: number,
  ) {
    const count = random.uniform() < 0.6 ? 0 : 1 + random.integer(3);
    this.#things = Array.from({ length: count }, () => ({
      x: random.range(-0.1, 1.1),
      y: random.range(0, 1),
      vx: random.range(-0.22, 0.22),
      vy: random.range(-0.06, 0.06),
      rx: random.range(0.015, 0.09),
      ry: random.range(0.015, 0.09),
      color: thingColor(random),
    }));
  }

  /** @param frame size × size × 3. */
  draw(seconds: number, frame: Float32Array): void {
    const { size } = this;
    for (const { x, y, vx, vy, rx, ry, color } of this.#things) {
      spot(size, (x + vx * seconds) * size, (y + vy * seconds) * size, rx * size, ry * size, (at, far) => {
        const cover = Math.min(1, (1 - far) * Math.min(rx, ry) * size);
        for (let k = 0; k < 3; k++) frame[at + k] = frame[at + k]! + (color[k]! - frame[at + k]!) * cover;
      });
    }
  }
}

/** How a figure darkens what is below and behind it. */
interface Shadow {
  /** Under the feet, 0 … 1. */
  readonly ground: number;
  /** On a wall, 0 … 1. */
  readonly wall: number;
  /** Where the shadow on the wall lies, shares of the frame's side. */
  readonly offset: readonly [number, number];
}

export function shadow(random: Random): Shadow {
  return {
    ground: random.uniform() < 0.7 ? random.range(0.1, 0.5) : 0,
    wall: random.uniform() < 0.2 ? random.range(0.1, 0.4) : 0,
    offset: [random.range(-0.12, 0.12), random.range(-0.03, 0.05)],
  };
}

/**
 * @param figure size × size × 4: the drawn figure.
 * @param place The figure's, on the ground.
 */
export function castShadow(
  frame: Float32Array,
  size: number,
  cast: Shadow,
  figure: Float32Array,
  place: Vec3,
  view: View,
): void {
  if (cast.ground > 0) {
    const { at, unit } = view.project(place);
    spot(size, at[0], at[1], 0.2 * unit, 0.05 * unit, (i, far) => {
      const keep = 1 - cast.ground * (1 - far * far) ** 2;
      for (let k = 0; k < 3; k++) frame[i + k] = frame[i + k]! * keep;
    });
  }
  if (cast.wall <= 0) return;
  const [dx, dy] = cast.offset.map((share) => Math.round(share * size)) as [number, number];
  for (let y = Math.max(0, dy); y < Math.min(size, size + dy); y++) {
    for (let x = Math.max(0, dx); x < Math.min(size, size + dx); x++) {
      const keep = 1 - cast.wall * figure[((y - dy) * size + x - dx) * 4 + 3]!;
      const at = (y * size + x) * 3;
      for (let k = 0; k < 3; k++) frame[at + k] = frame[at + k]! * keep;
    }
  }
}

/** Calls `paint` for the pixels of an ellipse with how far out they lie, 0 … 1. */
function spot(
  size: number,
  x: number,
  y: number,
  rx: number,
  ry: number,
  paint: (at: number, far: number) => void,
): void {
  const [left, right] = [Math.max(0, Math.floor(x - rx)), Math.min(size, Math.ceil(x + rx))];
  for (let j = Math.max(0, Math.floor(y - ry)); j < Math.min(size, Math.ceil(y + ry)); j++) {
    for (let i = left; i < right; i++) {
      const far = Math.hypot((i + 0.5 - x) / rx, (j + 0.5 - y) / ry);
      if (far < 1) paint((j * size + i) * 3, far);
    }
  }
}

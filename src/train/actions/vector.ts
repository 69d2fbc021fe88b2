/** @file Vectors, orthonormal frames and two-bone reach, for figures of a few joints. */

/** Right on the screen, up, towards the camera; body heights. */
export type Vec3 = readonly [x: number, y: number, z: number];

export const DEGREE = Math.PI / 180;

export function add(a: Vec3, b: Vec3): Vec3 {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
}

export function subtract(a: Vec3, b: Vec3): Vec3 {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

export function scale(a: Vec3, factor: number): Vec3 {
  return [a[0] * factor, a[1] * factor, a[2] * factor];
}

export function dot(a: Vec3, b: Vec3): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

export function length(a: Vec3): number {
  return Math.sqrt(dot(a, a));
}

function unit(a: Vec3): Vec3 {
  return scale(a, 1 / Math.max(length(a), 1e-9));
}

export function between(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}

export function middle(a: Vec3, b: Vec3, share = 0.5): Vec3 {
  return [between(a[0], b[0], share), between(a[1], b[1], share), between(a[2], b[2], share)];
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** From 0 at `low` to 1 at `high`, without a jump in speed. */
export function smooth(low: number, high: number, value: number): number {
  const s = clamp((value - low) / (high - low), 0, 1);
  return s * s * (3 - 2 * s);
}

/** Axes of a part of the body, orthonormal, in the world. */
export interface Frame {
  /** To the person's own left: to the viewer's right where they face the camera. */
  readonly left: Vec3;
  readonly up: Vec3;
  readonly forward: Vec3;
}

/** Upright, turned about the vertical: 0 faces the camera, π/2 faces right on the screen. */
export function heading(angle: number): Frame {
  const [s, c] = [Math.sin(angle), Math.cos(angle)];
  return { left: [c, 0, -s], up: [0, 1, 0], forward: [s, 0, c] };
}

/** Turned first about its own up axis (to its left), then forwards about left, then sideways to the left. */
export function turned(frame: Frame, twist: number, lean: number, side: number): Frame {
  let { left, up, forward } = frame;
  [left, forward] = rotate(left, forward, -twist);
  [up, forward] = rotate(up, forward, lean);
  [up, left] = rotate(up, left, side);
  return { left, up, forward };
}

/** `a` goes towards `b` by an angle, and `b` away from `a`. */
function rotate(a: Vec3, b: Vec3, angle: number): [Vec3, Vec3] {
  const [s, c] = [Math.sin(angle), Math.cos(angle)];
  return [add(scale(a, c), scale(b, s)), add(scale(b, c), scale(a, -s))];
}

/** A vector [left, up, forward] of a frame, in the world. */
export function toWorld({ left, up, forward }: Frame, [l, u, f]: Vec3): Vec3 {
  return [
    left[0] * l + up[0] * u + forward[0] * f,
    left[1] * l + up[1] * u + forward[1] * f,
    left[2] * l + up[2] * u + forward[2] * f,
  ];
}

/**
 * Where the joint between two bones lies when the second one ends at `target`, or as near to it as they reach.
 * @param towards The side to which the joint bends.
 */
export function reach(
  root: Vec3,
  target: Vec3,
  upper: number,
  lower: number,
  towards: Vec3,
): { joint: Vec3; end: Vec3 } {
  const line = subtract(target, root);
  const distance = clamp(length(line), Math.abs(upper - lower) + 1e-4, (upper + lower) * 0.9995);
  const direction = unit(line);
  const along = (upper * upper - lower * lower + distance * distance) / (2 * distance);
  const off = Math.sqrt(Math.max(0, upper * upper - along * along));
  const across = unit(subtract(towards, scale(direction, dot(towards, direction))));
  return {
    joint: add(root, add(scale(direction, along), scale(across, off))),
    end: add(root, scale(direction, distance)),
  };
}

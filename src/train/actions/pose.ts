/** @file A pose by a few numbers that mean something to a person, and what poses are made from. */

import { DEGREE, type Vec3 } from './vector.ts';

/** 1 is the person's left, −1 the right. */
export type Side = 1 | -1;

/** Directions of both halves, unit vectors [left, up, forward] of the chest; or the place of the hand. */
export type Arm =
  | { readonly upper: Vec3; readonly fore: Vec3 }
  | {
      /** From the middle between the shoulders, body heights. */
      readonly hand: Vec3;
      /** Where the elbow points. */
      readonly elbow: Vec3;
    };

export interface Foot {
  /** The ankle over its height in standing, [left, up, forward] of the heading, from the place of the figure. */
  readonly at: Vec3;
  /** How far the toes point down, radians. */
  readonly pitch: number;
}

/** Angles are radians, lengths body heights. */
export interface Pose {
  /** Where the figure stands on the ground: right on the screen, towards the camera. */
  readonly place: readonly [x: number, z: number];
  /** 0 faces the camera, π/2 faces right on the screen. */
  readonly heading: number;
  /** From where the hips are in standing, [left, up, forward]. */
  readonly hips: Vec3;
  /** Of the chest, forwards; the waist takes about half of it. */
  readonly lean: number;
  /** Of the chest, to the person's left. */
  readonly side: number;
  /** Of the shoulders against the hips, to the left. */
  readonly twist: number;
  /** Of the head against the chest: forwards, and to the left. */
  readonly nod: number;
  readonly turn: number;
  /** Left, right. */
  readonly arms: readonly [Arm, Arm];
  /** Left, right. */
  readonly feet: readonly [Foot, Foot];
}

/** How a figure moves: its pose at a time in seconds. */
export type Motion = (seconds: number) => Pose;

/**
 * A direction from a shoulder.
 * @param raise Degrees from hanging down (0) over level (90) to straight up (180); negative goes the other way.
 * @param front Degrees from outwards (0) to forwards (90) and across the chest (beyond 90).
 */
function aim(side: Side, raise: number, front: number): Vec3 {
  const [r, f] = [raise * DEGREE, front * DEGREE];
  return [side * Math.sin(r) * Math.cos(f), -Math.cos(r), Math.sin(r) * Math.sin(f)];
}

/** An arm by the directions of its halves, in degrees as of `aim`. */
export function arm(side: Side, raise: number, front: number, foreRaise = raise, foreFront = front): Arm {
  return { upper: aim(side, raise, front), fore: aim(side, foreRaise, foreFront) };
}

/** An arm that reaches for a place, with the elbow out, down and back unless said otherwise. */
export function reaching(side: Side, hand: Vec3, elbow: Vec3 = [side * 0.7, -0.7, -0.3]): Arm {
  return { hand, elbow };
}

export function foot(side: Side, apart: number, forward = 0, lift = 0, pitch = 0): Foot {
  return { at: [side * apart, lift, forward], pitch };
}

/** From 0 to 1 and back once per cycle. */
export function swing(cycles: number): number {
  return (1 - Math.cos(2 * Math.PI * cycles)) / 2;
}

export function wave(cycles: number): number {
  return Math.sin(2 * Math.PI * cycles);
}

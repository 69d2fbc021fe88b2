/** @file What all actions share: how a person stands, sways and keeps time. */

import type { Random } from '../../core/random.ts';
import { type Arm, arm, foot, type Motion, type Pose, type Side, wave } from './pose.ts';
import { DEGREE, smooth } from './vector.ts';

/** A chair behind the figure, body heights. */
export interface Chair {
  /** Height of the seat. */
  readonly seat: number;
  /** Height of the back above the seat; 0 for a stool. */
  readonly back: number;
  readonly heading: number;
}

/** An action as one person performs it once. */
export interface Performance {
  readonly motion: Motion;
  /** Whether legs have to be in the picture. */
  readonly framing: 'upper' | 'whole';
  /** Height that it needs, body heights. */
  readonly height: number;
  /** How far it reaches to either side, body heights. */
  readonly width: number;
  /** Speed over the ground to the right, body heights per second. */
  readonly speed?: number;
  readonly chair?: Chair;
}

/** @param duration Of the clip, seconds. */
export type Choreography = (random: Random, duration: number) => Performance;

/** Facing the camera, more or less. */
export function frontal(random: Random, spread = 35): number {
  return random.range(-spread, spread) * DEGREE * random.uniform();
}

/** Seen from the side, more or less: facing right (1) or left (−1). */
export function profile(random: Random, direction: 1 | -1, spread = 22): number {
  return (direction * 90 + random.range(-spread, spread)) * DEGREE;
}

export function anySide(random: Random): Side {
  return random.uniform() < 0.5 ? 1 : -1;
}

/** Cycles done at a time: steady, but for a little unevenness. The phase at 0 s is random. */
export function rhythm(random: Random, period: number, phase = random.uniform()): (seconds: number) => number {
  const uneven = random.range(0, 0.05);
  const slow = period * random.range(1.7, 3.3);
  const offset = random.uniform();
  return (t) => phase + t / period + uneven * wave(t / slow + offset);
}

/** A slow wavering around 0 of about that amplitude. */
export function wavering(random: Random, amplitude: number): (seconds: number) => number {
  const [f, g] = [random.range(0.25, 0.6), random.range(0.7, 1.5)];
  const [p, q] = [random.uniform(), random.uniform()];
  const a = amplitude * random.range(0.4, 1.2);
  return (t) => a * (0.7 * wave(f * t + p) + 0.3 * wave(g * t + q));
}

/** Arms of someone who does nothing with them. */
export function hanging(random: Random): readonly [Arm, Arm] {
  const [raise, front, bend] = [random.range(4, 14), random.range(20, 60), random.range(4, 22)];
  const one = (side: Side): Arm => {
    const r = raise + random.range(-3, 3);
    return arm(side, r, front, r + bend, front + 30);
  };
  return [one(1), one(-1)];
}

/** Arms held in front or low, as one does to keep the balance. */
export function balancing(random: Random): readonly [Arm, Arm] {
  if (random.uniform() < 0.3) return hanging(random);
  const [raise, front, bend] = [random.range(25, 60), random.range(40, 85), random.range(20, 80)];
  return [arm(1, raise, front, raise + bend, front + 20), arm(-1, raise, front, raise + bend, front + 20)];
}

/** Someone standing on the spot, with a posture and a sway of their own. */
export function standing(random: Random, facing: number): Motion {
  const lean = random.range(-3, 6) * DEGREE;
  const apart = random.range(0.05, 0.1);
  const stagger = random.range(-0.03, 0.03);
  const arms = hanging(random);
  const nod = random.range(-8, 14) * DEGREE;
  const turn = random.range(-14, 14) * DEGREE;
  const [leaning, siding, turning, shifting] = [0.025, 0.02, 0.05, 0.012].map((a) => wavering(random, a));
  return (t) => ({
    place: [0, 0],
    heading: facing,
    hips: [shifting!(t), -0.002, 0],
    lean: lean + leaning!(t),
    side: siding!(t),
    twist: turning!(t),
    nod,
    turn: turn - turning!(t),
    arms,
    feet: [foot(1, apart, stagger), foot(-1, apart, -stagger)],
  });
}

/** The pose with some of it changed. */
export function changed(pose: Pose, change: Partial<Pose>): Pose {
  return { ...pose, ...change };
}

/** From 0 to 1 once, at the middle of the clip, well inside the frames that a shorter window of it takes. */
export function once(random: Random, duration: number): (seconds: number) => number {
  const takes = Math.min(2.2, duration * random.range(0.5, 0.75));
  const start = (duration - takes) / 2 + duration * random.range(-0.08, 0.08);
  return (t) => smooth(start, start + takes, t);
}

/** Down and up again, 0 … 1 … 0 per cycle, with a rest at both ends; shares of the cycle. */
export function pulse(cycle: number, rise: number, hold: number, fall: number): number {
  const phase = cycle - Math.floor(cycle);
  return phase < rise + hold ? smooth(0, rise, phase) : 1 - smooth(rise + hold, rise + hold + fall, phase);
}

/** @file Walking and running. */

import type { Random } from '../../core/random.ts';
import { type Choreography, type Performance, profile, rhythm, wavering } from './manner.ts';
import { type Arm, arm, type Foot, foot, type Side, swing, wave } from './pose.ts';
import { between, DEGREE, smooth } from './vector.ts';

/** What makes a gait. */
interface Gait {
  /** Seconds for two steps. */
  readonly period: number;
  /** Body heights that two steps cover. */
  readonly stride: number;
  /** Share of the cycle that a foot is on the ground. */
  readonly stance: number;
  /** How high the ankle comes behind, and how high in passing. */
  readonly kickUp: number;
  readonly lift: number;
  readonly bob: number;
  readonly crouch: number;
  readonly lean: number;
  /** Degrees of the upper arm to either side, and of the elbow. */
  readonly armSwing: number;
  readonly elbow: number;
}

function gaitFoot(side: Side, cycle: number, gait: Gait, apart: number): Foot {
  const phase = cycle - Math.floor(cycle);
  const half = (gait.stride * gait.stance) / 2;
  if (phase < gait.stance) {
    const s = phase / gait.stance;
    const roll = smooth(0.65, 1, s);
    return foot(side, apart, between(half, -half, s), 0.035 * roll, between(-0.3, 0, smooth(0, 0.2, s)) + 0.6 * roll);
  }
  const s = (phase - gait.stance) / (1 - gait.stance);
  const lift = 0.035 * (1 - s) ** 2 + gait.kickUp * swing(Math.min(1, s * 1.25)) * (1 - s) + gait.lift * swing(s);
  return foot(side, apart, between(-half, half, smooth(0, 1, s)), lift, between(0.9, -0.3, smooth(0.1, 0.9, s)));
}

function locomotion(random: Random, direction: 1 | -1, gait: Gait): Performance {
  const facing = profile(random, direction, 25);
  const cycle = rhythm(random, gait.period);
  const speed = (direction * gait.stride) / gait.period;
  const apart = random.range(0.02, 0.05);
  const turn = random.range(4, 10) * DEGREE;
  const nod = random.range(-6, 12) * DEGREE;
  const front = random.range(80, 100);
  const sway = wavering(random, 0.02);
  const uneven = random.range(0.85, 1.15);
  const motion = (t: number) => {
    const c = cycle(t);
    const one = (side: Side): Arm => {
      const angle = gait.armSwing * (side === 1 ? uneven : 1) * wave(c + (side === 1 ? 0.25 : 0.75) + 0.5);
      const raise = angle + 4;
      return arm(side, raise, front, raise + gait.elbow + 0.35 * Math.max(0, angle), front + 6);
    };
    // Feet are a half-cycle apart; the hips are lowest when both are far out.
    const bob = gait.bob * wave(2 * c + (gait.stance > 0.5 ? 0.1 : 0.55));
    return {
      place: [speed * t, 0] as const,
      heading: facing,
      hips: [0.008 * wave(c), bob - gait.crouch, 0] as const,
      lean: gait.lean + sway(t),
      side: sway(t + 7),
      twist: turn * wave(c + 0.25),
      nod: nod - gait.lean * 0.6,
      turn: -turn * wave(c + 0.25),
      arms: [one(1), one(-1)] as const,
      feet: [gaitFoot(1, c, gait, apart), gaitFoot(-1, c + 0.5, gait, apart)] as const,
    };
  };
  return { motion, framing: 'whole', height: 1.06, width: 0.3, speed };
}

export function walk(direction: 1 | -1): Choreography {
  return (random) =>
    locomotion(random, direction, {
      period: random.range(0.95, 1.35),
      stride: random.range(0.6, 0.85),
      stance: 0.6,
      kickUp: random.range(0.04, 0.09),
      lift: random.range(0.015, 0.03),
      bob: 0.01,
      crouch: 0.014,
      lean: random.range(0, 7) * DEGREE,
      armSwing: random.range(12, 34),
      elbow: random.range(6, 30),
    });
}

export function run(direction: 1 | -1): Choreography {
  return (random) =>
    locomotion(random, direction, {
      period: random.range(0.6, 0.82),
      stride: random.range(1, 1.5),
      stance: 0.34,
      kickUp: random.range(0.2, 0.36),
      lift: random.range(0.06, 0.12),
      bob: random.range(0.02, 0.035),
      crouch: random.range(0.03, 0.05),
      lean: random.range(8, 20) * DEGREE,
      armSwing: random.range(35, 60),
      elbow: random.range(70, 100),
    });
}

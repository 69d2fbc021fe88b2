/** @file Actions of the arms: waving, raising, clapping, jumping jacks, punching. */

import type { Random } from '../../core/random.ts';
import {
  anySide,
  type Choreography,
  changed,
  frontal,
  once,
  profile,
  pulse,
  rhythm,
  standing,
  wavering,
} from './manner.ts';
import { type Arm, arm, foot, reaching, type Side, swing, wave } from './pose.ts';
import { between, DEGREE } from './vector.ts';

/** A way to wave: the arm at a point of the cycle. */
type Waving = (side: Side, cycle: number) => Arm;

/** The whole arm from the side to over the head, as one waves at someone far away. */
function wideWave(random: Random): Waving {
  const [low, high] = [random.range(65, 100), random.range(125, 160)];
  const bend = random.range(25, 85);
  const straight = random.range(0, 25);
  const front = random.range(-5, 25);
  return (side, cycle) => {
    const s = swing(cycle);
    const raise = between(low, high, s);
    return arm(side, raise, front, raise + between(straight, bend, s), front);
  };
}

/** The forearm to and fro over a raised elbow. */
function forearmWave(random: Random): Waving {
  const raise = random.range(55, 135);
  const front = random.range(0, 40);
  const centre = random.range(165, 185);
  const amplitude = random.range(28, 48);
  const follow = random.range(0, 0.35);
  return (side, cycle) => {
    const angle = amplitude * wave(cycle);
    return arm(side, raise + follow * angle, front, centre + angle, front * 0.6);
  };
}

export const waveOneHand: Choreography = (random) => {
  const stand = standing(random, frontal(random, 45));
  const side = anySide(random);
  const wide = random.uniform() < 0.6;
  const waving = wide ? wideWave(random) : forearmWave(random);
  const cycle = rhythm(random, wide ? random.range(0.75, 1.6) : random.range(0.45, 1));
  const other =
    random.uniform() < 0.15 ? reaching(-side as Side, [-side * 0.11, -0.27, 0.04], [-side, 0, -0.3]) : undefined;
  const tilt = random.range(0, 5) * DEGREE;
  const motion = (t: number) => {
    const pose = stand(t);
    const moving = waving(side, cycle(t));
    const still = other ?? pose.arms[side === 1 ? 1 : 0];
    return changed(pose, { arms: side === 1 ? [moving, still] : [still, moving], side: pose.side - side * tilt });
  };
  return { motion, framing: 'upper', height: 1.22, width: 0.43 };
};

export const waveBothHands: Choreography = (random) => {
  const stand = standing(random, frontal(random));
  const wide = random.uniform() < 0.7;
  const waving = wide ? wideWave(random) : forearmWave(random);
  const cycle = rhythm(random, wide ? random.range(0.75, 1.6) : random.range(0.5, 1));
  // Arms that raise mirror each other; forearms may also go to the same side.
  const lag = random.range(-0.06, 0.06) + (!wide && random.uniform() < 0.4 ? 0.5 : 0);
  const motion = (t: number) => changed(stand(t), { arms: [waving(1, cycle(t)), waving(-1, cycle(t) + lag)] as const });
  return { motion, framing: 'upper', height: 1.24, width: 0.43 };
};

export const jumpingJack: Choreography = (random) => {
  const stand = standing(random, frontal(random));
  const cycle = rhythm(random, random.range(0.65, 1.25));
  const [low, high] = [random.range(5, 18), random.range(135, 178)];
  const bend = random.range(0, 22);
  const front = random.range(-5, 20);
  const [closed, open] = [random.range(0.03, 0.06), random.range(0.13, 0.21)];
  const hop = random.range(0.02, 0.07);
  const lag = random.range(-0.04, 0.04);
  const uneven = random.range(-8, 8);
  const motion = (t: number) => {
    const c = cycle(t);
    const apart = between(closed, open, swing(c + lag));
    const air = hop * Math.abs(wave(c));
    const give = -0.03 * Math.abs(Math.cos(2 * Math.PI * c)) - 0.5 * apart * apart;
    const one = (side: Side): Arm => {
      const raise = between(low, high + side * uneven, swing(c));
      return arm(side, raise, front, raise + bend * swing(c), front);
    };
    const feet = [foot(1, apart, 0, air, air * 6), foot(-1, apart, 0, air, air * 6)] as const;
    return changed(stand(t), { hips: [0, air + give, 0], arms: [one(1), one(-1)], feet });
  };
  return { motion, framing: 'upper', height: 1.3, width: 0.43 };
};

/** Both arms from hanging to overhead, once. Its frames in reverse order are the action `lower-arms`. */
export const raiseArms: Choreography = (random, duration) => {
  const stand = standing(random, frontal(random, 50));
  const done = once(random, duration);
  const front = random.uniform() < 0.65 ? random.range(-5, 30) : random.range(70, 92);
  const [low, high] = [random.range(4, 16), random.range(145, 178)];
  const bend = random.range(0, 24);
  const uneven = random.range(-6, 6);
  const motion = (t: number) => {
    const s = done(t);
    const one = (side: Side): Arm => {
      const raise = between(low, high + side * uneven, s);
      return arm(side, raise, front, raise + bend * swing(s), front);
    };
    return changed(stand(t), { arms: [one(1), one(-1)] });
  };
  return { motion, framing: 'upper', height: 1.24, width: 0.43 };
};

export const clap: Choreography = (random) => {
  const stand = standing(random, frontal(random, 60));
  const cycle = rhythm(random, random.range(0.4, 0.9));
  const wide = random.range(0.13, 0.26);
  const height = random.range(-0.16, 0);
  const front = random.range(0.19, 0.27);
  const nodding = random.range(0, 2) * DEGREE;
  const slant = random.range(-0.03, 0.03);
  const motion = (t: number) => {
    const apart = between(0.012, wide, Math.sqrt(swing(cycle(t))));
    const one = (side: Side): Arm =>
      reaching(side, [side * apart, height + side * slant, front - apart * 0.35], [side, -0.9, -0.2]);
    const pose = stand(t);
    return changed(pose, { arms: [one(1), one(-1)], nod: pose.nod + nodding * wave(cycle(t)) });
  };
  return { motion, framing: 'upper', height: 1.02, width: 0.3 };
};

export const punch: Choreography = (random) => {
  const direction = anySide(random);
  const facing = profile(random, direction, random.uniform() < 0.75 ? 30 : 60);
  const stand = standing(random, facing);
  const cycle = rhythm(random, random.range(0.7, 1.3));
  const alternating = random.uniform() < 0.7;
  const leading = anySide(random);
  const guard = random.range(-0.03, 0.06);
  const far = random.range(0.3, 0.37);
  const aimed = random.range(-0.06, 0.08);
  const turn = random.range(12, 30) * DEGREE;
  const bounce = wavering(random, 0.02);
  const motion = (t: number) => {
    const c = cycle(t);
    const ahead = (side: Side): number => {
      const own = side === leading ? c : c + 0.5;
      if (!alternating) return side === leading ? pulse(2 * c, 0.3, 0.08, 0.36) : 0;
      return pulse(own, 0.17, 0.05, 0.22);
    };
    const one = (side: Side): Arm => {
      const s = ahead(side);
      return reaching(
        side,
        [side * between(0.07, 0.02, s), between(guard, aimed, s), between(0.15, far, s)],
        [side * 0.6, -0.9, -0.2],
      );
    };
    const pose = stand(t);
    return changed(pose, {
      hips: [0, -0.03 + bounce(t), 0.02 * (ahead(1) + ahead(-1))],
      lean: pose.lean + 6 * DEGREE,
      twist: turn * (ahead(-1) - ahead(1)) + pose.twist,
      arms: [one(1), one(-1)],
      feet: [foot(1, 0.08, leading * 0.09), foot(-1, 0.08, -leading * 0.09, 0.01, 0.15)],
    });
  };
  return { motion, framing: 'upper', height: 1.05, width: 0.3 };
};

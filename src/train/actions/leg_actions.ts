import {
  anySide,
  balancing,
  type Choreography,
  changed,
  frontal,
  hanging,
  once,
  profile,
  pulse,
  rhythm,
  standing,
} from './manner.ts';
import { type Arm, arm, foot, reaching, type Side, swing, wave } from './pose.ts';
import { between, DEGREE, smooth } from './vector.ts';

/** From upright to the ground and back, mostly seen from the side. */
export const bend: Choreography = (random, duration) => {
  const facing = random.uniform() < 0.8 ? profile(random, anySide(random), 25) : frontal(random, 60);
  const stand = standing(random, facing);
  const period = random.range(1.7, 3.4);
  // The lowest point lies inside the clip.
  const rise = random.range(0.28, 0.4);
  const hold = random.range(0.02, 0.2);
  const lowest = duration * random.range(0.32, 0.68);
  const cycle = (t: number) => rise + hold / 2 + (t - lowest) / period;
  const deep = random.range(85, 128) * DEGREE;
  const knees = random.range(0, 0.13);
  const reachOut = random.range(-8, 22);
  const motion = (t: number) => {
    const c = cycle(t);
    const s = pulse(c, rise, hold, Math.min(rise * 1.1, 1 - rise - hold));
    const pose = stand(t);
    const lean = pose.lean + deep * s;
    // Hanging in the world, so turned back by what the chest leans.
    const raise = between(10, lean / DEGREE + reachOut, smooth(0, 0.4, s));
    const one = (side: Side): Arm => arm(side, raise, 86, raise + 6, 90);
    return changed(pose, {
      hips: [0, -knees * s - 0.01 * s, -0.1 * s],
      lean,
      nod: pose.nod - 0.25 * deep * s + 12 * DEGREE * swing(s),
      arms: [one(1), one(-1)],
    });
  };
  return { motion, framing: 'upper', height: 1.03, width: 0.3 };
};

export const squat: Choreography = (random, duration) => {
  const facing = random.uniform() < 0.5 ? frontal(random, 50) : profile(random, anySide(random), 40);
  const stand = standing(random, facing);
  const period = random.range(1.2, 2.4);
  const lowest = duration * random.range(0.3, 0.7);
  const deep = random.range(0.19, 0.29);
  const apart = random.range(0.07, 0.13);
  const forwards = random.uniform() < 0.7;
  const [raise, front] = [random.range(70, 95), random.range(75, 100)];
  const hanging_ = hanging(random);
  const motion = (t: number) => {
    const s = pulse(0.45 + (t - lowest) / period, 0.42, 0.06, 0.42);
    const pose = stand(t);
    const up = between(8, raise, s);
    const one = (side: Side): Arm => arm(side, up, front);
    return changed(pose, {
      hips: [0, -deep * s, -0.11 * s],
      lean: pose.lean + between(0, 34, s) * DEGREE,
      nod: pose.nod - 18 * s * DEGREE,
      arms: forwards ? [one(1), one(-1)] : hanging_,
      feet: [foot(1, apart, 0.02), foot(-1, apart, 0.02)],
    });
  };
  return { motion, framing: 'whole', height: 1.02, width: 0.3 };
};

/** Onto a chair, once. Its frames in reverse order are the action `stand-up`. */
export const sitDown: Choreography = (random, duration) => {
  const facing = anySide(random) * random.range(35, 105) * DEGREE;
  const stand = standing(random, facing);
  const done = once(random, duration);
  const seat = random.range(0.25, 0.29);
  const forward = random.range(24, 46);
  const rest = random.range(-6, 10);
  const apart = random.range(0.05, 0.09);
  const thighs = random.range(0.1, 0.2);
  const swingArms = random.uniform() < 0.7;
  const motion = (t: number) => {
    const s = done(t);
    const pose = stand(t);
    const lean = pose.lean + (forward * swing(s * 0.5 + 0.5 * smooth(0.15, 1, s)) + rest * s) * DEGREE;
    const one = (side: Side): Arm => {
      const raise = between(8, 38, s);
      return arm(side, raise, 70, between(16, swingArms ? 62 : 38, s), 90 + thighs * 60);
    };
    return changed(pose, {
      hips: [0, -(0.52 - seat - 0.055) * smooth(0.05, 1, s), -0.24 * smooth(0, 0.85, s)],
      lean,
      nod: pose.nod - 0.3 * lean,
      arms: [one(1), one(-1)],
      feet: [foot(1, apart), foot(-1, apart)],
    });
  };
  const back = random.uniform() < 0.7 ? random.range(0.2, 0.32) : 0;
  return { motion, framing: 'whole', height: 1.03, width: 0.3, chair: { seat, back, heading: facing } };
};

export const jumpInPlace: Choreography = (random) => {
  const facing = random.uniform() < 0.7 ? frontal(random, 60) : profile(random, anySide(random), 40);
  const stand = standing(random, facing);
  const cycle = rhythm(random, random.range(0.7, 1.15));
  const high = random.range(0.09, 0.22);
  const deep = random.range(0.06, 0.13);
  const [back, up] = [random.range(-30, 5), random.range(15, 130)];
  const front = random.range(40, 95);
  const elbow = random.range(5, 45);
  const air0 = 0.38;
  const motion = (t: number) => {
    const c = cycle(t);
    const phase = c - Math.floor(c);
    // A parabola in the air, a dip on the ground.
    const s = phase < air0 ? phase / air0 : 0;
    const air = high * 4 * s * (1 - s);
    const g = phase < air0 ? 0 : (phase - air0) / (1 - air0);
    const dip = deep * swing(g);
    const lift = smooth(0.55, 1, g) + (phase < air0 ? 1 - smooth(0.3, 1, s) : 0);
    const raise = between(back, up, lift);
    const one = (side: Side): Arm => arm(side, raise, front, raise + elbow, front + 8);
    const pose = stand(t);
    const feetUp = air * 1.04;
    const tuck = 0.15 * air;
    return changed(pose, {
      hips: [0, air - dip - 0.004, -dip * 0.35],
      lean: pose.lean + dip * 3.2,
      nod: pose.nod - dip * 1.5,
      arms: [one(1), one(-1)],
      feet: [
        foot(1, 0.06, -tuck, feetUp, air > 0 ? 0.6 * Math.min(1, air * 20) : 0),
        foot(-1, 0.06, -tuck, feetUp, air > 0 ? 0.6 * Math.min(1, air * 20) : 0),
      ],
    });
  };
  return { motion, framing: 'whole', height: 1.26, width: 0.3 };
};

export const spin: Choreography = (random) => {
  const stand = standing(random, 0);
  const rate = anySide(random) * random.range(0.45, 0.95);
  const start = random.uniform();
  const cycle = rhythm(random, 1 / Math.abs(rate), start);
  const step = random.range(0.01, 0.04);
  const raise = random.uniform() < 0.5 ? random.range(5, 25) : random.range(40, 95);
  const bend_ = random.range(0, 30);
  const front = random.range(0, 30);
  const motion = (t: number) => {
    const c = cycle(t);
    const pose = stand(t);
    const one = (side: Side): Arm => arm(side, raise, front, raise + bend_, front + 20);
    return changed(pose, {
      heading: Math.sign(rate) * 2 * Math.PI * c,
      hips: [0, -0.012 + 0.008 * wave(4 * c), 0],
      side: 0.04 * wave(2 * c),
      turn: Math.sign(rate) * 0.2,
      arms: [one(1), one(-1)],
      feet: [
        foot(1, 0.05, 0.03 * wave(4 * c), step * swing(4 * c)),
        foot(-1, 0.05, -0.03 * wave(4 * c), step * swing(4 * c + 0.5)),
      ],
    });
  };
  return { motion, framing: 'whole', height: 1.04, width: 0.3 };
};

export const kick: Choreography = (random) => {
  const facing = profile(random, anySide(random), random.uniform() < 0.8 ? 30 : 60);
  const stand = standing(random, facing);
  const cycle = rhythm(random, random.range(0.85, 1.5));
  const leg = anySide(random);
  const alternating = random.uniform() < 0.3;
  const high = random.range(0.22, 0.5);
  const far = random.range(0.3, 0.42);
  const back = random.range(4, 16);
  const guard = random.uniform() < 0.5;
  const arms = balancing(random);
  const motion = (t: number) => {
    const c = cycle(t);
    const side: Side = alternating && Math.floor(c) % 2 !== 0 ? (-leg as Side) : leg;
    const phase = c - Math.floor(c);
    // Foot back, knee up, out, and down again.
    const up = pulse(phase, 0.32, 0.1, 0.38);
    const out = pulse(Math.max(phase - 0.1, 0), 0.28, 0.08, 0.3);
    const wind = 0.1 * swing(Math.min(1, phase / 0.25));
    const moving = foot(
      side,
      0.05,
      far * out - wind + 0.03,
      high * up + wind * 0.4,
      between(0.1, -0.5, out) + 3 * wind,
    );
    const still = foot(-side as Side, 0.05, -0.02);
    const pose = stand(t);
    const one = (s: Side): Arm => reaching(s, [s * 0.07, -0.03, 0.16]);
    return changed(pose, {
      hips: [-side * 0.02 * up, -0.012 - 0.01 * up, 0.03 * out],
      lean: pose.lean - back * DEGREE * out,
      twist: side * 8 * DEGREE * out,
      nod: pose.nod + 0.6 * back * DEGREE * out,
      arms: guard ? [one(1), one(-1)] : arms,
      feet: side === 1 ? [moving, still] : [still, moving],
    });
  };
  return { motion, framing: 'whole', height: 1.04, width: 0.3 };
};

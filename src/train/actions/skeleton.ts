/** @file Where the joints of a body are in a pose. */

import type { Arm, Foot, Pose, Side } from './pose.ts';
import { add, type Frame, heading, reach, scale, toWorld, turned, type Vec3 } from './vector.ts';

/** Lengths of a body, in body heights. */
export interface Proportions {
  /** Height of the hip joints. */
  readonly hip: number;
  readonly ankle: number;
  readonly hipWidth: number;
  /** Half the distance of the shoulder joints. */
  readonly shoulder: number;
  /** From the hips to between the shoulders. */
  readonly trunk: number;
  readonly upperArm: number;
  readonly forearm: number;
  readonly hand: number;
  readonly foot: number;
  /** Half its height. */
  readonly head: number;
}

export interface Limb {
  readonly root: Vec3;
  readonly joint: Vec3;
  readonly end: Vec3;
  /** Fingers or toes. */
  readonly tip: Vec3;
}

/** Places in the world, body heights; the ground is y = 0. */
export interface Skeleton {
  readonly hips: Vec3;
  readonly waist: Vec3;
  /** Between the shoulders. */
  readonly neck: Vec3;
  readonly head: Vec3;
  readonly pelvisFrame: Frame;
  readonly chestFrame: Frame;
  readonly headFrame: Frame;
  /** Left, right. */
  readonly arms: readonly [Limb, Limb];
  /** Left, right. */
  readonly legs: readonly [Limb, Limb];
}

export function skeleton(pose: Pose, body: Proportions): Skeleton {
  const ground = heading(pose.heading);
  const place: Vec3 = [pose.place[0], 0, pose.place[1]];
  const [left, up, forward] = pose.hips;
  const hips = add(place, toWorld(ground, [left, body.hip + up, forward]));
  const pelvisFrame = turned(ground, pose.twist * 0.2, pose.lean * 0.5, pose.side * 0.4);
  const chestFrame = turned(ground, pose.twist, pose.lean, pose.side);
  const waist = add(hips, scale(pelvisFrame.up, body.trunk * 0.4));
  const neck = add(waist, scale(chestFrame.up, body.trunk * 0.6));
  const headFrame = turned(ground, pose.twist + pose.turn, pose.lean + pose.nod, pose.side * 0.7);
  const head = add(neck, add(scale(chestFrame.up, body.head * 0.5), scale(headFrame.up, body.head * 1.15)));
  return {
    hips,
    waist,
    neck,
    head,
    pelvisFrame,
    chestFrame,
    headFrame,
    arms: [armOf(1, pose.arms[0], neck, chestFrame, body), armOf(-1, pose.arms[1], neck, chestFrame, body)],
    legs: [
      legOf(1, pose.feet[0], hips, place, ground, pelvisFrame, body),
      legOf(-1, pose.feet[1], hips, place, ground, pelvisFrame, body),
    ],
  };
}

function armOf(side: Side, arm: Arm, neck: Vec3, chest: Frame, body: Proportions): Limb {
  // A raised upper arm takes the shoulder with it.
  const lift = 'upper' in arm ? 0.018 * Math.max(0, arm.upper[1] + 0.3) : 0;
  const root = add(neck, toWorld(chest, [side * body.shoulder * (1 - lift * 6), lift - 0.02, 0]));
  if ('upper' in arm) {
    const joint = add(root, scale(toWorld(chest, arm.upper), body.upperArm));
    const fore = toWorld(chest, arm.fore);
    const end = add(joint, scale(fore, body.forearm));
    return { root, joint, end, tip: add(end, scale(fore, body.hand)) };
  }
  const target = add(neck, toWorld(chest, arm.hand));
  const { joint, end } = reach(root, target, body.upperArm, body.forearm, toWorld(chest, arm.elbow));
  const fore = scale(add(end, scale(joint, -1)), body.hand / body.forearm);
  return { root, joint, end, tip: add(end, fore) };
}

function legOf(side: Side, foot: Foot, hips: Vec3, place: Vec3, ground: Frame, pelvis: Frame, body: Proportions): Limb {
  const root = add(hips, scale(pelvis.left, side * body.hipWidth));
  const [left, up, forward] = foot.at;
  const target = add(place, toWorld(ground, [left, up + body.ankle, forward]));
  // A little longer than the way to the ground, so that standing knees are soft and strides reach far enough.
  const bone = (body.hip - body.ankle) * 0.507;
  const { joint, end } = reach(root, target, bone, bone, toWorld(ground, [side * 0.15, 0.1, 1]));
  const [s, c] = [Math.sin(foot.pitch), Math.cos(foot.pitch)];
  const toe: Vec3 = [side * 0.25 * body.foot, -s * body.foot - 0.6 * body.ankle * c, c * body.foot];
  return { root, joint, end, tip: add(end, toWorld(ground, toe)) };
}

/** @file A person in a pose, drawn: parts of the body in the order of their depth. */

import type { View } from './camera.ts';
import type { Fabric, Person } from './person.ts';
import type { Layer, Paint, Point } from './raster.ts';
import { plain } from './raster.ts';
import type { Limb, Skeleton } from './skeleton.ts';
import { type Color, dimmed, type Noise } from './texture.ts';
import { add, dot, type Frame, middle, scale, smooth, toWorld, type Vec3 } from './vector.ts';

/** Something to draw and its distance: larger is nearer. */
export interface Part {
  readonly depth: number;
  readonly draw: () => void;
}

/** Draws the person, and other things among its parts, into the layer over what is there. */
export function drawFigure(
  layer: Layer,
  person: Person,
  joints: Skeleton,
  view: View,
  cloth: Noise,
  others: readonly Part[],
): void {
  const parts = [
    ...others,
    ...trunk(layer, person, joints, view, cloth),
    ...headParts(layer, person, joints, view),
    ...joints.arms.flatMap((limb, i) => armParts(layer, person, limb, view, cloth, i)),
    ...joints.legs.flatMap((limb, i) => legParts(layer, person, limb, view, cloth, i)),
  ];
  parts.sort((a, b) => a.depth - b.depth);
  for (const part of parts) part.draw();
}

/** Cloth on a part: its pattern is fixed to the body, so that it moves and turns with it. */
function clothPaint(
  fabric: Fabric,
  cloth: Noise,
  length: number,
  girth: number,
  facing: number,
  offset: number,
): Paint {
  const { color, accent, pattern, stripe, grain } = fabric;
  return (across, along, out) => {
    // Around the part, 0 in front.
    const around = Math.atan2(across, Math.sqrt(Math.max(0, 1 - across * across))) - facing;
    const y = along * length;
    const x = around * girth;
    let mix = 0;
    if (pattern === 'across') mix = Math.floor(y / stripe) & 1;
    else if (pattern === 'along') mix = Math.floor(x / stripe + 100) & 1;
    else if (pattern === 'checks') mix = ((Math.floor(y / stripe) & 1) + (Math.floor(x / stripe + 100) & 1)) * 0.5;
    else if (pattern === 'open') mix = Math.cos(around) > 0.9 ? 1 : 0;
    else if (pattern === 'badge') mix = Math.cos(around) > 0.75 && along > 0.25 && along < 0.75 ? 1 : 0;
    const shade = 1 + grain * cloth.at(x * 60 + offset, y * 60 + offset);
    for (let k = 0; k < 3; k++) out[k] = (color[k]! + (accent[k]! - color[k]!) * mix) * shade;
  };
}

/** On limbs, patterns of the front would look odd. */
function plainOnLimbs(fabric: Fabric): Fabric {
  return fabric.pattern === 'open' || fabric.pattern === 'badge' ? { ...fabric, pattern: 'plain' } : fabric;
}

export function capsule(
  layer: Layer,
  view: View,
  from: Vec3,
  fromRadius: number,
  to: Vec3,
  toRadius: number,
  paint: Paint,
  nearer = 0,
): Part {
  const [a, b] = [view.project(from), view.project(to)];
  return {
    depth: middle(from, to)[2] + nearer,
    draw: () => layer.capsule(a.at, fromRadius * a.unit, b.at, toRadius * b.unit, paint),
  };
}

function trunk(layer: Layer, person: Person, joints: Skeleton, view: View, cloth: Noise): Part[] {
  const { body, radius, hem, belt } = person;
  const { hips, waist, neck, pelvisFrame, chestFrame } = joints;
  const corner = (at: Vec3, frame: Frame, side: number): Point => view.project(add(at, scale(frame.left, side))).at;
  const facing = (frame: Frame): number => Math.atan2(frame.forward[0], frame.forward[2]);
  const block = (
    top: Vec3,
    topFrame: Frame,
    topHalf: number,
    bottom: Vec3,
    bottomFrame: Frame,
    bottomHalf: number,
    round: number,
    paint: Paint,
    nearer: number,
  ): Part => {
    const [a, b] = [view.project(top), view.project(bottom)];
    return {
      depth: middle(top, bottom)[2] + nearer,
      draw: () =>
        layer.quad(
          [
            corner(top, topFrame, topHalf),
            corner(top, topFrame, -topHalf),
            corner(bottom, bottomFrame, -bottomHalf),
            corner(bottom, bottomFrame, bottomHalf),
          ],
          round * a.unit,
          [a.at, b.at],
          paint,
        ),
    };
  };
  const half = (width: number): number => Math.max(0.004, width - radius.chest * 0.75);
  const shoulder = half(body.shoulder + radius.shoulder * 0.2);
  const waistHalf = half(body.shoulder * 0.83 + 0.012);
  const hipHalf = half(body.hipWidth + radius.thigh + 0.008);
  const girth = 0.11;
  const chestTop = add(neck, scale(chestFrame.up, -radius.chest * 0.72));
  const seat = add(hips, scale(pelvisFrame.up, -0.01));
  const shirtEnd = add(hips, scale(pelvisFrame.up, 0.02 - hem));
  const upperLength = body.trunk * 0.6;
  const parts = [
    // The seat of the trousers, the shirt's lower half, the chest.
    block(
      middle(hips, waist, 0.35),
      pelvisFrame,
      hipHalf,
      seat,
      pelvisFrame,
      hipHalf,
      radius.chest * 0.86,
      clothPaint(plainOnLimbs(person.trousers), cloth, 0.1, girth, facing(pelvisFrame), 5),
      -0.006,
    ),
    block(
      waist,
      chestFrame,
      waistHalf,
      shirtEnd,
      pelvisFrame,
      hipHalf,
      radius.chest * 0.93,
      shifted(clothPaint(person.shirt, cloth, body.trunk * 0.45, girth, facing(pelvisFrame), 9), upperLength, person),
      0,
    ),
    block(
      chestTop,
      chestFrame,
      shoulder,
      waist,
      chestFrame,
      waistHalf,
      radius.chest,
      clothPaint(person.shirt, cloth, upperLength, girth, facing(chestFrame), 9),
      0.002,
    ),
  ];
  if (belt && hem < 0.01) {
    const at = add(hips, scale(pelvisFrame.up, 0.012));
    const leather = plain(dimmed(person.shoes, 0.7));
    parts.push(
      block(
        at,
        pelvisFrame,
        hipHalf,
        add(at, scale(pelvisFrame.up, -0.004)),
        pelvisFrame,
        hipHalf,
        0.012,
        leather,
        0.003,
      ),
    );
  }
  return parts;
}

/** The lower half of a shirt has no badge, and its stripes go on where those of the upper half end. */
function shifted(paint: Paint, _length: number, person: Person): Paint {
  if (person.shirt.pattern !== 'badge') return paint;
  return (across, _along, out) => paint(across, 0, out);
}

function headParts(layer: Layer, person: Person, joints: Skeleton, view: View): Part[] {
  const { body, skin, hair, hairStyle, glasses, shirt } = person;
  const { head, neck, headFrame, chestFrame } = joints;
  const centre = view.project(head);
  const top = view.project(add(head, scale(headFrame.up, 0.1)));
  const [dx, dy] = [top.at[0] - centre.at[0], top.at[1] - centre.at[1]];
  const size = Math.hypot(dx, dy);
  const up: Point = size < 0.02 * centre.unit ? [0, -1] : [dx / size, dy / size];
  const hood = hairStyle === 'hood' ? shirt.color : hair;
  const paint = (nx: number, ny: number, nz: number, out: Float32Array): void => {
    const normal: Vec3 = [nx, -ny, nz];
    const u = dot(normal, headFrame.up);
    const f = dot(normal, headFrame.forward);
    const l = Math.abs(dot(normal, headFrame.left));
    let covered = 0;
    if (hairStyle === 'bald') covered = 0;
    else if (hairStyle === 'hood') covered = smooth(0.62, 0.5, f);
    else covered = smooth(-0.06, 0.1, hairStyle === 'long' ? 0.75 * u - f + 0.36 : u * 0.8 - f * 0.75 + 0.02);
    for (let k = 0; k < 3; k++) out[k] = skin[k]! + (hood[k]! - skin[k]!) * covered;
    if (f < 0.35 || covered > 0.5) return;
    const eyes = glasses
      ? smooth(0.17, 0.1, Math.abs(u - 0.08)) * 0.8
      : smooth(0.13, 0.06, Math.abs(u - 0.08)) * smooth(0.2, 0.1, Math.abs(l - 0.36)) * 0.7;
    const mouth = smooth(0.1, 0.05, Math.abs(u + 0.52)) * smooth(0.3, 0.2, l) * 0.35;
    const dark = 1 - Math.max(eyes, mouth);
    for (let k = 0; k < 3; k++) out[k] = out[k]! * dark;
  };
  const width = hairStyle === 'hood' ? 0.86 : 0.76;
  const half = body.head * (hairStyle === 'hood' ? 1.08 : 1);
  const throat = add(neck, scale(chestFrame.up, -0.01));
  const parts: Part[] = [
    capsule(layer, view, throat, 0.031, middle(neck, head, 0.6), 0.029, plain(dimmed(skin, 0.85)), -0.012),
    {
      depth: head[2] + 0.012,
      draw: () => layer.egg(centre.at, half * centre.unit, half * width * centre.unit, up, paint),
    },
  ];
  if (hairStyle === 'long') {
    const from = add(head, toWorld(headFrame, [0, 0.02, -0.025]));
    const to = add(head, toWorld(headFrame, [0, -0.1, -0.035]));
    parts.push(capsule(layer, view, from, 0.055, to, 0.045, plain(dimmed(hair, 0.9)), -0.004));
  }
  return parts;
}

/** The far one of two limbs gets less light, so that they can be told apart. */
function armParts(layer: Layer, person: Person, limb: Limb, view: View, cloth: Noise, index: number): Part[] {
  const { radius, skin, shortSleeves } = person;
  const shirt = plainOnLimbs(person.shirt);
  const sleeve = clothPaint(shirt, cloth, 0.17, 0.03, 0, 20 + 10 * index);
  const lower = shortSleeves ? plain(skin) : clothPaint(shirt, cloth, 0.15, 0.03, 0, 25 + 10 * index);
  const bare = shortSleeves ? 0.85 : 1;
  const near = 0.03;
  const { root, joint, end, tip } = limb;
  return [
    capsule(layer, view, root, radius.shoulder, joint, radius.elbow, sleeve, near),
    capsule(layer, view, joint, radius.elbow * bare, end, radius.wrist * bare, lower, near + 0.004),
    capsule(layer, view, middle(end, tip, 0.25), 0.019, middle(end, tip, 0.8), 0.017, plain(skin), near + 0.003),
  ];
}

function legParts(layer: Layer, person: Person, limb: Limb, view: View, cloth: Noise, index: number): Part[] {
  const { radius, skin, shorts, shoes } = person;
  const trousers = plainOnLimbs(person.trousers);
  const thigh = clothPaint(trousers, cloth, 0.24, 0.05, 0, 40 + 10 * index);
  const shank = shorts ? plain(skin) : clothPaint(trousers, cloth, 0.24, 0.04, 0, 45 + 10 * index);
  const { root, joint, end, tip } = limb;
  const ankle = shorts ? radius.ankle * 0.9 : radius.ankle;
  const knee = shorts ? radius.knee * 0.9 : radius.knee;
  const far: Color = dimmed(shoes, index === 0 ? 1 : 0.9);
  return [
    capsule(layer, view, root, radius.thigh, joint, radius.knee, thigh, -0.03),
    capsule(layer, view, joint, knee, end, ankle, shank, -0.032),
    capsule(layer, view, end, 0.026, tip, 0.018, plain(far), -0.034),
  ];
}

/** @file Who acts: a body's proportions and what it wears. */

import type { Random } from '../../core/random.ts';
import type { Proportions } from './skeleton.ts';
import { blend, type Color, contrast, dimmed, hsv, thingColor } from './texture.ts';

/** How a garment is patterned; sizes in body heights. */
export interface Fabric {
  readonly color: Color;
  /** The pattern's other colour. */
  readonly accent: Color;
  readonly pattern: 'plain' | 'across' | 'along' | 'checks' | 'open' | 'badge';
  /** Width of a stripe. */
  readonly stripe: number;
  /** Strength of the cloth's unevenness. */
  readonly grain: number;
}

export interface Person {
  readonly body: Proportions;
  /** Radii, body heights. */
  readonly radius: {
    readonly shoulder: number;
    readonly elbow: number;
    readonly wrist: number;
    readonly thigh: number;
    readonly knee: number;
    readonly ankle: number;
    /** Half the depth of the chest. */
    readonly chest: number;
  };
  /** How far the shirt goes down below the hips. */
  readonly hem: number;
  readonly shirt: Fabric;
  readonly trousers: Fabric;
  readonly skin: Color;
  readonly hair: Color;
  readonly shoes: Color;
  /** Bare forearms; bare shanks. */
  readonly shortSleeves: boolean;
  readonly shorts: boolean;
  readonly hairStyle: 'short' | 'long' | 'bald' | 'hood';
  readonly glasses: boolean;
  readonly belt: boolean;
}

/** @param behind What colour the background has, so that few people vanish in it. */
export function person(random: Random, behind: Color): Person {
  const build = random.range(0.85, 1.25);
  const loose = random.range(1, 1.35);
  const sturdy = (r: number): number => r * build * random.range(0.92, 1.08);
  const skin = skinColor(random);
  const shirt = fabric(random, behind, clothColor);
  const cut = fabric(random, behind, trouserColor);
  const trousers: Fabric = random.uniform() < 0.8 ? { ...cut, pattern: 'plain' } : cut;
  return {
    body: {
      hip: random.range(0.49, 0.535),
      ankle: 0.045,
      hipWidth: random.range(0.045, 0.058),
      shoulder: random.range(0.092, 0.118) * (0.6 + 0.4 * build),
      trunk: random.range(0.285, 0.305),
      upperArm: random.range(0.165, 0.185),
      forearm: random.range(0.14, 0.155),
      hand: 0.062,
      foot: random.range(0.095, 0.12),
      head: random.range(0.064, 0.074),
    },
    radius: {
      shoulder: sturdy(0.034) * loose,
      elbow: sturdy(0.027) * loose,
      wrist: sturdy(0.019) * (0.5 + 0.5 * loose),
      thigh: sturdy(0.05) * (0.6 + 0.4 * loose),
      knee: sturdy(0.035) * (0.4 + 0.6 * loose),
      ankle: sturdy(0.024) * loose,
      chest: sturdy(0.062) * (0.6 + 0.4 * loose),
    },
    hem: Math.max(0, random.range(-0.05, 0.1)),
    shirt,
    trousers: random.uniform() < 0.12 ? { ...trousers, color: shirt.color } : trousers,
    skin,
    hair: hairColor(random),
    shoes: random.uniform() < 0.6 ? hsv(0, 0, random.range(0.05, 0.3)) : thingColor(random),
    shortSleeves: random.uniform() < 0.4,
    shorts: random.uniform() < 0.18,
    hairStyle: random.pick(['short', 'short', 'short', 'long', 'bald', 'hood']),
    glasses: random.uniform() < 0.15,
    belt: random.uniform() < 0.4,
  };
}

function skinColor(random: Random): Color {
  const dark = random.uniform() ** 1.3;
  return dimmed(blend([0.93, 0.74, 0.63], [0.36, 0.22, 0.15], dark), random.range(0.9, 1.08));
}

function hairColor(random: Random): Color {
  const kind = random.uniform();
  if (kind < 0.7) return hsv(0.07, random.range(0.1, 0.5), random.range(0.04, 0.25));
  if (kind < 0.85) return hsv(0.1, random.range(0.3, 0.6), random.range(0.4, 0.75));
  return hsv(0.08, random.range(0, 0.2), random.range(0.5, 0.9));
}

function clothColor(random: Random): Color {
  const kind = random.uniform();
  if (kind < 0.35) return hsv(random.uniform(), random.range(0, 0.35), random.range(0.06, 0.3));
  if (kind < 0.5) return hsv(random.uniform(), random.range(0, 0.1), random.range(0.7, 0.97));
  return hsv(random.uniform(), random.range(0.3, 0.85), random.range(0.25, 0.9));
}

function trouserColor(random: Random): Color {
  const kind = random.uniform();
  if (kind < 0.4) return hsv(random.range(0.56, 0.66), random.range(0.2, 0.65), random.range(0.2, 0.6));
  if (kind < 0.7) return hsv(random.uniform(), random.range(0, 0.3), random.range(0.06, 0.3));
  if (kind < 0.85) return hsv(random.range(0.08, 0.14), random.range(0.1, 0.4), random.range(0.4, 0.8));
  return clothColor(random);
}

/** Some people may be hard to see against what is behind them, but most are not. */
function fabric(random: Random, behind: Color, color: (random: Random) => Color): Fabric {
  const wanted = random.uniform() < 0.15 ? 0.1 : 0.25;
  let chosen = color(random);
  for (let tries = 0; tries < 12 && contrast(chosen, behind) < wanted; tries++) chosen = color(random);
  return {
    color: chosen,
    accent: random.uniform() < 0.5 ? dimmed(chosen, random.range(0.5, 1.7)) : clothColor(random),
    pattern: random.pick(['plain', 'plain', 'plain', 'plain', 'across', 'along', 'checks', 'open', 'badge'] as const),
    stripe: random.range(0.02, 0.06),
    grain: random.range(0.05, 0.2),
  };
}

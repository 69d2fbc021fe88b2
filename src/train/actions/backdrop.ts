/** @file What is behind the figure: a still picture, larger than the frame, that the camera moves over. */

import type { Random } from '../../core/random.ts';
import type { View } from './camera.ts';
import { blend, type Color, dimmed, hsv, Noise, thingColor } from './texture.ts';
import { between, clamp, smooth } from './vector.ts';

/** The colour at a place: 0 … 1 is the frame, to the right and down. */
type Scene = (x: number, y: number) => Color;

/** Side of the picture in frames. */
const SIDE = 1.5;

export class Backdrop {
  readonly #side: number;
  readonly #pixels: Float32Array;
  /** Of the middle, where the figure is. */
  readonly mean: Color;

  /** @param ground Where the figure stands, share of the frame's height. */
  constructor(
    random: Random,
    readonly size: number,
    ground: number,
  ) {
    const side = Math.ceil(size * SIDE);
    this.#side = side;
    this.#pixels = new Float32Array(side * side * 3);
    const scene = clutter(random, pickScene(random, ground));
    const sum = [0, 0, 0];
    let count = 0;
    for (let y = 0, i = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const color = scene(((x + 0.5) / side - 0.5) * SIDE + 0.5, ((y + 0.5) / side - 0.5) * SIDE + 0.5);
        const middle = Math.abs(x / side - 0.5) < 0.2 && Math.abs(y / side - 0.5) < 0.25;
        if (middle) count++;
        for (let k = 0; k < 3; k++) {
          if (middle) sum[k]! += color[k]!;
          this.#pixels[i++] = color[k]!;
        }
      }
    }
    this.mean = [sum[0]! / count, sum[1]! / count, sum[2]! / count];
  }

  /** Fills a frame, size × size × 3, with what the camera sees of it. Outside the picture it is mirrored. */
  render({ shift, zoom, roll }: View, frame: Float32Array): void {
    const { size } = this;
    const side = this.#side;
    const pixels = this.#pixels;
    const [s, c] = [Math.sin(roll) / zoom, Math.cos(roll) / zoom];
    for (let y = 0, out = 0; y < size; y++) {
      const py = y + 0.5 - size / 2;
      for (let x = 0; x < size; x++, out += 3) {
        const px = x + 0.5 - size / 2;
        const u = px * c + py * s - shift[0] + side / 2 - 0.5;
        const v = -px * s + py * c - shift[1] + side / 2 - 0.5;
        const i = Math.floor(u);
        const j = Math.floor(v);
        const fx = u - i;
        const fy = v - j;
        const i0 = mirrored(i, side) * 3;
        const i1 = mirrored(i + 1, side) * 3;
        const j0 = mirrored(j, side) * side * 3;
        const j1 = mirrored(j + 1, side) * side * 3;
        for (let k = 0; k < 3; k++) {
          const top = between(pixels[j0 + i0 + k]!, pixels[j0 + i1 + k]!, fx);
          frame[out + k] = top + (between(pixels[j1 + i0 + k]!, pixels[j1 + i1 + k]!, fx) - top) * fy;
        }
      }
    }
  }
}

function mirrored(i: number, side: number): number {
  if (i >= 0 && i < side) return i;
  const at = ((i % (2 * side)) + 2 * side) % (2 * side);
  return at < side ? at : 2 * side - 1 - at;
}

function pickScene(random: Random, ground: number): Scene {
  const floor = clamp(ground - random.range(0.02, 0.3), 0.35, 1.1);
  const kind = random.uniform();
  if (kind < 0.42) return wall(random, floor);
  if (kind < 0.66) return outdoors(random, floor);
  if (kind < 0.88) return room(random, floor);
  return abstract(random);
}

/** Plaster or concrete with patches, as outside walls have; below it pavement or grass, or nothing. */
function wall(random: Random, floor: number): Scene {
  const noise = new Noise(random);
  const base = hsv(random.uniform(), random.range(0, 0.22), random.range(0.35, 0.85));
  const stain = dimmed(blend(base, thingColor(random), 0.15), random.range(0.75, 1.05));
  const [wide, tall] = [random.range(8, 24), random.range(4, 14)];
  const [patchy, grainy] = [random.range(0, 0.14), random.range(0.01, 0.06)];
  const edge = random.range(0.3, 0.9);
  const below = random.uniform() < 0.5 ? surface(random, noise) : undefined;
  const seam = random.range(0.002, 0.008);
  return (x, y) => {
    if (below && y > floor) return y < floor + seam * 3 ? dimmed(base, 0.6) : below(x, y - floor);
    const column = Math.floor(x * wide);
    const patch = noise.at(column * 7.3, Math.floor(y * tall + 0.7 * noise.at(column * 3.1, 5)) * 5.7);
    const low = smooth(edge - 0.08, edge + 0.08, y + 0.15 * noise.at(column * 1.7, 40));
    const cloud = noise.cloud(x * 9, y * 9, 4);
    return dimmed(blend(base, stain, low), 1 + patchy * patch + grainy * cloud);
  };
}

/** Grass, sand, pavement. */
function surface(random: Random, noise: Noise): Scene {
  const color =
    random.uniform() < 0.5
      ? hsv(random.range(0.17, 0.36), random.range(0.25, 0.6), random.range(0.25, 0.6))
      : hsv(random.range(0, 0.15), random.range(0, 0.3), random.range(0.25, 0.7));
  const rough = random.range(0.03, 0.16);
  return (x, y) => dimmed(color, 1 + rough * noise.cloud(x * 30, y * 60, 2) - 0.1 * y);
}

function outdoors(random: Random, floor: number): Scene {
  const noise = new Noise(random);
  const sky = hsv(random.range(0.52, 0.64), random.range(0.03, 0.5), random.range(0.6, 1));
  const haze = blend(sky, [0.95, 0.93, 0.9], random.range(0.3, 0.9));
  const trees = hsv(random.range(0.15, 0.4), random.range(0.15, 0.55), random.range(0.12, 0.45));
  const height = random.uniform() < 0.75 ? random.range(0.05, 0.5) : 0;
  const rough = random.range(1, 6);
  const clouds = random.range(0, 0.15);
  const below = surface(random, noise);
  const leaves = random.range(0.05, 0.3);
  return (x, y) => {
    if (y > floor) return below(x, y - floor);
    const line = floor - height * (1 + 0.5 * noise.cloud(x * rough, 3, 3));
    if (y > line) return dimmed(trees, 1 + leaves * noise.cloud(x * 22, y * 22, 2));
    return dimmed(blend(sky, haze, clamp(y / floor, 0, 1)), 1 + clouds * noise.cloud(x * 4, y * 7, 3));
  };
}

function room(random: Random, floor: number): Scene {
  const noise = new Noise(random);
  const paper = hsv(random.uniform(), random.range(0, 0.35), random.range(0.3, 0.95));
  const accent = blend(paper, thingColor(random), random.range(0.1, 0.5));
  const boards = hsv(random.range(0, 0.14), random.range(0.05, 0.5), random.range(0.2, 0.7));
  const pattern = random.integer(4);
  const [columns, rows] = [random.range(4, 18), random.range(4, 18)];
  const corner = random.uniform() < 0.4 ? random.range(0, 1) : 2;
  const side = random.range(0.75, 0.95);
  const grain = random.range(0, 0.05);
  const slope = random.range(-0.25, 0.25);
  return (x, y) => {
    if (y > floor)
      return dimmed(boards, 0.94 + 0.08 * (Math.floor((y - floor) * 22) & 1) + 0.05 * noise.at(x * 9, y * 40));
    let mix = 0;
    if (pattern === 1) mix = Math.floor(x * columns) & 1;
    else if (pattern === 2) {
      const row = Math.floor(y * rows * 2);
      const [bx, by] = [x * columns + 0.5 * (row & 1), y * rows * 2];
      mix =
        bx - Math.floor(bx) < 0.1 || by - Math.floor(by) < 0.16 ? 1 : 0.15 * noise.at(Math.floor(bx) * 3.7, row * 5.3);
    } else if (pattern === 3) mix = smooth(0.55, 0.56, y);
    const light = (1 + slope * (x - 0.5)) * (x > corner ? side : 1);
    return dimmed(blend(paper, accent, mix), light * (1 + grain * noise.cloud(x * 20, y * 20, 3)));
  };
}

/** Two colours that run into each other. */
function abstract(random: Random): Scene {
  const noise = new Noise(random);
  const [a, b] = [thingColor(random), thingColor(random)];
  const close = blend(a, b, random.range(0.15, 0.7));
  const [fine, octaves] = [random.range(1.5, 9), 1 + random.integer(4)];
  const angle = random.range(0, 6.3);
  const [gx, gy] = [Math.cos(angle), Math.sin(angle)];
  const rough = random.range(0, 0.7);
  return (x, y) =>
    blend(
      a,
      close,
      clamp(0.5 + (x - 0.5) * gx + (y - 0.5) * gy + rough * noise.cloud(x * fine, y * fine, octaves), 0, 1),
    );
}

/** Things that stand or hang around: boxes, posts, round things. */
function clutter(random: Random, scene: Scene): Scene {
  const count = random.uniform() < 0.45 ? 0 : 1 + random.integer(6);
  const things = Array.from({ length: count }, () => {
    const post = random.uniform() < 0.3;
    return {
      x: random.range(-0.2, 1.2),
      y: random.range(0, 1),
      width: post ? random.range(0.01, 0.03) : random.range(0.03, 0.16),
      height: post ? 0.6 : random.range(0.03, 0.2),
      round: !post && random.uniform() < 0.3,
      color: thingColor(random),
      opacity: random.range(0.25, 1),
      frame: random.uniform() < 0.3,
    };
  });
  return (x, y) => {
    let color = scene(x, y);
    for (const thing of things) {
      const [u, v] = [Math.abs(x - thing.x) / thing.width, Math.abs(y - thing.y) / thing.height];
      const far = thing.round ? Math.hypot(u, v) : Math.max(u, v);
      if (far > 1) continue;
      color = blend(color, thing.frame && far < 0.8 ? dimmed(thing.color, 1.5) : thing.color, thing.opacity);
    }
    return color;
  };
}

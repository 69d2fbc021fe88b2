/**
 * @file Drawing of soft-edged solids by signed distances: tapered capsules, rounded quadrilaterals, balls. Everything is
 * in pixels, y goes down; a colour is asked for each pixel with the place on the solid's surface that it shows.
 */

import type { Color } from './texture.ts';
import { clamp } from './vector.ts';

export type Point = readonly [x: number, y: number];

/**
 * The colour of a solid's surface before shading.
 * @param across Of the surface's normal, −1 (left edge of the picture of it) … 1.
 * @param along From 0 at the solid's beginning to 1 at its end.
 * @param out Takes red, green, blue.
 */
export type Paint = (across: number, along: number, out: Float32Array) => void;

/** Where light comes from and how much of it there is. */
export interface Light {
  /** Unit vector: right, down, towards the camera. */
  readonly from: readonly [number, number, number];
  /** Share of light that has no direction. */
  readonly ambient: number;
}

/** Colour (premultiplied) and cover of a square picture. */
export class Layer {
  /** size × size × 4. */
  readonly data: Float32Array;
  /** Rows that may hold something: first … end. */
  #first: number;
  #end = 0;
  readonly #out = new Float32Array(3);

  constructor(
    readonly size: number,
    readonly light: Light,
  ) {
    this.data = new Float32Array(size * size * 4);
    this.#first = size;
  }

  clear(): void {
    const row = this.size * 4;
    this.data.fill(0, this.#first * row, Math.max(this.#first, this.#end) * row);
    this.#first = this.size;
    this.#end = 0;
  }

  /** Adds a share of it to another picture of the same size. */
  addTo(sum: Float32Array, share: number): void {
    const { data } = this;
    const row = this.size * 4;
    for (let i = this.#first * row; i < this.#end * row; i++) sum[i]! += data[i]! * share;
  }

  /** Between two circles. */
  capsule(a: Point, ra: number, b: Point, rb: number, paint: Paint): void {
    const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    const square = Math.max(dx * dx + dy * dy, 1e-9);
    // Across is measured to the right of the direction that goes up the picture more than down.
    const sign = dy >= 0 ? 1 : -1;
    const norm = sign / Math.sqrt(square);
    const most = Math.max(ra, rb) + 1;
    const box = this.#box(
      Math.min(a[0], b[0]) - most,
      Math.min(a[1], b[1]) - most,
      Math.max(a[0], b[0]) + most,
      Math.max(a[1], b[1]) + most,
    );
    for (let y = box.top; y < box.bottom; y++) {
      for (let x = box.left; x < box.right; x++) {
        const px = x + 0.5 - a[0];
        const py = y + 0.5 - a[1];
        const along = clamp((px * dx + py * dy) / square, 0, 1);
        const ox = px - along * dx;
        const oy = py - along * dy;
        const r = ra + (rb - ra) * along;
        const cover = 0.5 + r - Math.sqrt(ox * ox + oy * oy);
        if (cover <= 0) continue;
        const inverse = 1 / Math.max(r, 0.3);
        paint(clamp((px * dy - py * dx) * norm * inverse, -1, 1), along, this.#out);
        this.#over(y * this.size + x, Math.min(1, cover), ox * inverse, oy * inverse);
      }
    }
  }

  /**
   * A quadrilateral, its corners in order around it, grown by `round` on all sides.
   * @param axis From the middle of its beginning to the middle of its end; `across` is measured from it.
   */
  quad(
    corners: readonly [Point, Point, Point, Point],
    round: number,
    axis: readonly [Point, Point],
    paint: Paint,
  ): void {
    const xs = corners.map(([x]) => x);
    const ys = corners.map(([, y]) => y);
    const box = this.#box(
      Math.min(...xs) - round - 1,
      Math.min(...ys) - round - 1,
      Math.max(...xs) + round + 1,
      Math.max(...ys) + round + 1,
    );
    const [from, to] = axis;
    const [ax, ay] = [to[0] - from[0], to[1] - from[1]];
    const height = Math.max(Math.hypot(ax, ay), 1e-6);
    const [ux, uy] = [ax / height, ay / height];
    const sign = ay >= 0 ? 1 : -1;
    // Half the width at both ends, with the rounding.
    const flat = Float64Array.from(corners.flat());
    const [c0, c1, c2, c3] = corners;
    const first = Math.abs((c1[0] - c0[0]) * uy - (c1[1] - c0[1]) * ux) / 2 + round;
    const last = Math.abs((c2[0] - c3[0]) * uy - (c2[1] - c3[1]) * ux) / 2 + round;
    for (let y = box.top; y < box.bottom; y++) {
      for (let x = box.left; x < box.right; x++) {
        const cover = 0.5 + round - quadDistance(x + 0.5, y + 0.5, flat);
        if (cover <= 0) continue;
        const px = x + 0.5 - from[0];
        const py = y + 0.5 - from[1];
        const along = clamp((px * ux + py * uy) / height, 0, 1);
        const half = first + (last - first) * along;
        const across = clamp(((px * uy - py * ux) * sign) / half, -1, 1);
        paint(across, along, this.#out);
        this.#over(y * this.size + x, Math.min(1, cover), across * uy * sign, -across * ux * sign);
      }
    }
  }

  /**
   * A ball or an egg that stands along `up` (a unit vector on the picture).
   * @param paint Gets the surface's normal: right, down, towards the camera.
   */
  egg(
    centre: Point,
    half: number,
    wide: number,
    up: Point,
    paint: (nx: number, ny: number, nz: number, out: Float32Array) => void,
  ): void {
    const most = Math.max(half, wide) + 1;
    const box = this.#box(centre[0] - most, centre[1] - most, centre[0] + most, centre[1] + most);
    for (let y = box.top; y < box.bottom; y++) {
      for (let x = box.left; x < box.right; x++) {
        const px = x + 0.5 - centre[0];
        const py = y + 0.5 - centre[1];
        const v = (px * up[0] + py * up[1]) / half;
        const u = (px * up[1] - py * up[0]) / wide;
        const r = Math.sqrt(u * u + v * v);
        // A little wrong for flat eggs, but heads are nearly round.
        const cover = 0.5 + (1 - r) * Math.min(half, wide);
        if (cover <= 0) continue;
        const nx = u * up[1] + v * up[0];
        const ny = v * up[1] - u * up[0];
        const nz = Math.sqrt(Math.max(0, 1 - r * r));
        paint(nx, ny, nz, this.#out);
        this.#over(y * this.size + x, Math.min(1, cover), nx, ny);
      }
    }
  }

  /** Puts the colour in `#out`, lit on a surface of that normal, over what there is. */
  #over(pixel: number, cover: number, nx: number, ny: number): void {
    const { from, ambient } = this.light;
    const nz = Math.sqrt(Math.max(0, 1 - nx * nx - ny * ny));
    const lit = ambient + (1 - ambient) * 1.25 * Math.max(0, nx * from[0] + ny * from[1] + nz * from[2]);
    const at = pixel * 4;
    const { data } = this;
    const keep = 1 - cover;
    const weight = cover * lit;
    const out = this.#out;
    data[at] = data[at]! * keep + out[0]! * weight;
    data[at + 1] = data[at + 1]! * keep + out[1]! * weight;
    data[at + 2] = data[at + 2]! * keep + out[2]! * weight;
    data[at + 3] = data[at + 3]! * keep + cover;
  }

  #box(left: number, top: number, right: number, bottom: number) {
    const { size } = this;
    const box = {
      left: clamp(Math.floor(left), 0, size),
      top: clamp(Math.floor(top), 0, size),
      right: clamp(Math.ceil(right), 0, size),
      bottom: clamp(Math.ceil(bottom), 0, size),
    };
    this.#first = Math.min(this.#first, box.top);
    this.#end = Math.max(this.#end, box.bottom);
    return box;
  }
}

/** A surface of one colour. */
export function plain(color: Color): Paint {
  return (_across, _along, out) => out.set(color);
}

/** Signed distance to a quadrilateral, negative inside. */
function quadDistance(x: number, y: number, corners: Float64Array): number {
  let nearest = Infinity;
  let inside = false;
  let jx = corners[6]!;
  let jy = corners[7]!;
  for (let i = 0; i < 8; i += 2) {
    const ix = corners[i]!;
    const iy = corners[i + 1]!;
    const ex = jx - ix;
    const ey = jy - iy;
    const wx = x - ix;
    const wy = y - iy;
    const s = clamp((wx * ex + wy * ey) / Math.max(ex * ex + ey * ey, 1e-9), 0, 1);
    const dx = wx - ex * s;
    const dy = wy - ey * s;
    nearest = Math.min(nearest, dx * dx + dy * dy);
    if (iy > y !== jy > y && x < (ex * wy) / ey + ix) inside = !inside;
    jx = ix;
    jy = iy;
  }
  return inside ? -Math.sqrt(nearest) : Math.sqrt(nearest);
}

/**
 * @file How the TV-L1 kernels lay out their data. Everything moves in **quads**: 4 neighbouring pixels of a row as one vec4.
 *
 *   frames   one `f32` per pixel, rows padded to whole quads, frames one after the other
 *   u        per quad two vec4f: the flow's u and v of its 4 pixels
 *   dual     per quad two vec4u: each word holds two components of the dual variable as 16-bit fractions,
 *            (p11, p12) for u and (p21, p22) for v. Their magnitude never exceeds 1, the rounding (1.5e-5) is far below
 *            what the stop test sees, and it saves half of the loads and stores
 *   data     per quad two vec4u: the warped gradient (Ix, Iy as two f16) and the constant part of ρ (f32 bits)
 *
 * u and dual exist twice (two halves of one buffer): a step reads one half and writes the other. Which half is current is
 * known on the GPU alone, since it depends on how many steps a pair needed. It is kept per pair in **slots**, two words each:
 * bit 0 the half of u, bit 1 the half of dual; then the error that decides whether the next step has anything to do. Step n
 * reads slot n and writes slot n + 1, so no word is read and written by the same dispatch.
 */

import { divideUp } from './wgsl.ts';

/** The size of one level of the pyramid. Pixels. */
export interface Extent {
  readonly width: number;
  readonly height: number;
}

/** Quads of a row. */
export const quadsOf = ({ width }: Extent): number => divideUp(width, 4);

/** Quads of a picture. */
export const planeOf = (extent: Extent): number => quadsOf(extent) * extent.height;

/** Bytes of one frame. */
export const frameBytes = (extent: Extent): number => planeOf(extent) * 16;

/** Bytes of u, of dual (both halves) and of data, for one pair. */
export const stateBytes = (extent: Extent): { u: number; dual: number; data: number } => ({
  u: planeOf(extent) * 64,
  dual: planeOf(extent) * 64,
  data: planeOf(extent) * 32,
});

/** Words of a slot. */
export const SLOT_WORDS = 2;

/** A pair's error reaches this in fixed point when it equals epsilon² × area; see tvl1_tile.ts. */
export const FIXED_THRESHOLD = 1 << 16;

/** What every kernel on u and dual needs to find its data. `half` is the distance between the two halves, in vec4. */
export interface Tvl1State {
  readonly extent: Extent;
  readonly pairs: number;
  /**
   * Quads from one pair to the next in u, dual and data: those of the finest level, on all levels. Pairs are in different
   * halves, so with a pitch per level one pair's new level would lie over another's old one.
   */
  readonly pitch: number;
  /** Vec4 from one half of u or dual to the other: as many as the finest level needs. */
  readonly half: number;
  /** The slot that is read; the next one is written. */
  readonly slot: number;
}

/** The parameters of the iterations of one warp. */
export interface Iterations {
  /** Outer rounds, each a median and `inner` iterations. */
  readonly outer: number;
  readonly inner: number;
  readonly median: 1 | 3 | 5;
  readonly tau: number;
  readonly lambda: number;
  readonly theta: number;
  /** The loops end when the mean squared change of the flow falls to this. Square pixels. */
  readonly epsilon2: number;
}

/** Iterations that one step does without the stop test: the most, up to 3, that divide a round. */
export const iterationsPerStep = (inner: number): number => [3, 2].find((count) => inner % count === 0) ?? 1;

/** Reads and writes of the dual variable as 16-bit fractions. Adding 1.5·2²³ leaves the rounded integer in the low bits. */
export const DUAL_FUNCTIONS = /* wgsl */ `
fn low_half(v: vec4u) -> vec4f { return vec4f(bitcast<vec4i>(v << vec4u(16u)) >> vec4u(16u)) * (1.0 / 32767.0); }
fn high_half(v: vec4u) -> vec4f { return vec4f(bitcast<vec4i>(v) >> vec4u(16u)) * (1.0 / 32767.0); }
fn halves(low: vec4f, high: vec4f) -> vec4u {
  let l = bitcast<vec4u>(low * 32767.0 + 12582912.0);
  let h = bitcast<vec4u>(high * 32767.0 + 12582912.0);
  return (l & vec4u(0xffffu)) | (h << vec4u(16u));
}`;

/**
 * The arithmetic of one iteration on a quad: the threshold step and the primal update, then the dual update. Needs
 * `p.theta`, `p.step` (lambda · theta) and DUAL_FUNCTIONS. `inverse` is −1 / |∇I|², at most 1e7 where there is no gradient.
 */
export const ITERATION_FUNCTIONS = /* wgsl */ `
struct Flow { u: vec4f, v: vec4f }
struct Dual { a: vec4f, b: vec4f, c: vec4f, d: vec4f }
struct Data { ix: vec4f, iy: vec4f, rho: vec4f, inverse: vec4f }

fn unpack_data(gradient: vec4u, rho: vec4u) -> Data {
  let x = unpack2x16float(gradient.x); let y = unpack2x16float(gradient.y);
  let z = unpack2x16float(gradient.z); let w = unpack2x16float(gradient.w);
  let ix = vec4f(x.x, y.x, z.x, w.x);
  let iy = vec4f(x.y, y.y, z.y, w.y);
  return Data(ix, iy, bitcast<vec4f>(rho), -1.0 / max(ix * ix + iy * iy, vec4f(1e-7)));
}

// left_a, left_c: of the pixel before the quad; up_b, up_d: of the row above. All zero outside the picture.
fn primal(s: Flow, q: Dual, left_a: f32, left_c: f32, up_b: vec4f, up_d: vec4f, data: Data) -> Flow {
  let rho = data.rho + data.ix * s.u + data.iy * s.v;
  let f = clamp(rho * data.inverse, vec4f(-p.step), vec4f(p.step));
  return Flow(
    s.u + f * data.ix + p.theta * (q.a - vec4f(left_a, q.a.xyz) + q.b - up_b),
    s.v + f * data.iy + p.theta * (q.c - vec4f(left_c, q.c.xyz) + q.d - up_d),
  );
}

// right_u, right_v: of the pixel after the quad; below: the row below. x_rate and y_rate are tau / theta inside the
// picture and 0 where the forward difference would leave it.
fn dual_update(q: Dual, s: Flow, right_u: f32, right_v: f32, below: Flow, x_rate: vec4f, y_rate: f32) -> Dual {
  let ux = (vec4f(s.u.yzw, right_u) - s.u) * x_rate;
  let uy = (below.u - s.u) * y_rate;
  let vx = (vec4f(s.v.yzw, right_v) - s.v) * x_rate;
  let vy = (below.v - s.v) * y_rate;
  let nu = 1.0 / (1.0 + sqrt(ux * ux + uy * uy));
  let nv = 1.0 / (1.0 + sqrt(vx * vx + vy * vy));
  return Dual((q.a + ux) * nu, (q.b + uy) * nu, (q.c + vx) * nv, (q.d + vy) * nv);
}`;

/**
 * @file How the TV-L1 kernels lay out their data. Everything moves in **quads**: 4 neighbouring pixels of a row as one vec4.
 *
 *   frames   one `f32` per pixel, rows padded to whole quads, frames one after the other
 *   u        per quad two vec4f: the flow's u and v of its 4 pixels
 *   dual_u   per quad two vec4f: the dual variable of u, p11 and p12; dual_v: that of v, p21 and p22. In two buffers, so that
 *            the smallest binding that browsers have holds a pair of 4K
 *   data     the warped gradient Ix, Iy, the constant part of ρ, and |∇I|², or 1/g where the smoothness is weighted by a g of
 *            each pixel: per quad a vec4f of each; in a texture, per pixel a vec4f of all four
 *
 * u and dual exist twice (two halves of one buffer): a step reads one half and writes the other. Which half is current is
 * known on the GPU alone, since it depends on how many steps a pair needed. It is kept per pair in **slots**, four words each:
 * bit 0 the half of u, bit 1 the half of dual; then the errors of a step's iterations, which decide whether the next step has
 * anything to do. Step n reads slot n and writes slot n + 1, so no word is read and written by the same dispatch.
 */

import { divideUp } from '../shared/wgsl.ts';

/**
 * Where data lies. Only the warp writes it, so a sweep may read it from a texture, which on Mesa's llvmpipe takes a quarter of
 * the time of a buffer.
 */
export type DataIn = 'buffer' | 'texels';

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
  data: planeOf(extent) * 64,
});

/** Words of a slot. */
export const SLOT_WORDS = 4;

/** In a slot's first word: the pair has converged, and has the result of exactly the iterations that it needed. */
export const FINISHED = 4;

/**
 * Of the errors of a step, in fixed point: the number of iterations after which the pair had converged, 0 where it has not.
 * See tile.ts.
 */
export const doneAfter = (count: number): string => /* wgsl */ `
fn done_after(slot: vec4u) -> u32 {
  ${[3, 2, 1]
    .filter((k) => k <= count)
    .reverse()
    .map((k) => `if (slot[${k}] <= p.fixed) { return ${k}u; }`)
    .join('\n  ')}
  return 0u;
}`;

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

/** Uniforms by which a kernel finds its data, where buffers are read as vec4 or as single floats. */
export function stateValues({ extent, pairs, pitch, half, slot }: Tvl1State, element: 'vec4' | 'f32') {
  const floats = element === 'vec4' ? 1 : 4;
  return { ...extent, pitch: pitch * 2 * floats, half: half * floats, pairs, slot };
}

/** Uniform fields of kernels that go through u pixel by pixel; the values are `pixelValues`. */
export const PIXEL_FIELDS = {
  width: 'i32',
  height: 'i32',
  stride: 'i32',
  plane: 'u32',
  pitch: 'u32',
  half: 'u32',
  pairs: 'u32',
  slot: 'u32',
} as const;

/** `stride` and `plane`: floats of a row and of a picture. */
export const pixelValues = (state: Tvl1State) => ({
  ...stateValues(state, 'f32'),
  stride: quadsOf(state.extent) * 4,
  plane: planeOf(state.extent) * 4,
});

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
  /** Round the dual update as OpenCV does. */
  readonly exact: boolean;
  /** The smoothness is weighted: data has 1/g. */
  readonly weighted: boolean;
}

/** Iterations that one step does: the most, up to 3, that divide a round. */
export const iterationsPerStep = (inner: number): number => [3, 2].find((count) => inner % count === 0) ?? 1;

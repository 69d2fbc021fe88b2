/** @file Motion in two bytes for each pixel, for a page that holds hundreds of frames. */

/** Steps from 0 to the end of the range, in each direction. */
export const STEPS = 127;

/** Displacements: finer where they are short. */
export interface MotionSteps {
  readonly width: number;
  readonly height: number;
  /** u and v in turn, −127 … 127. */
  readonly steps: Int8Array<ArrayBuffer>;
  /** What 127 stands for, in pixels. */
  readonly bound: number;
}

/** @param flow Pixels, u and v in turn; beyond `bound` they are cut. */
export const motionSteps = (flow: Float32Array, bound: number): Int8Array<ArrayBuffer> =>
  Int8Array.from(
    flow,
    (value) => Math.sign(value) * Math.round(STEPS * Math.sqrt(Math.min(1, Math.abs(value) / bound))),
  );

/** Pixels that a step stands for. */
export const displacement = (step: number, bound: number): number => Math.sign(step) * bound * (step / STEPS) ** 2;

/**
 * @file How kernels see an activation: N×T×H×W×C, channels last, padded to a multiple of 4 and read as vec4. A view may
 * be a channel slice of a wider tensor (the branches of a Mixed module write into one buffer, so concatenation costs
 * nothing) or a range of its frames. **Padding lanes hold zero**: every kernel that writes keeps it so, and convolutions
 * rely on it.
 */

/** An activation inside a buffer. */
export interface View {
  readonly shape: readonly [n: number, t: number, h: number, w: number, c: number];
  /** Distance from one pixel to the next, in vec4. */
  readonly stride: number;
  /** First element, counted in vec4 from the start of the binding. */
  readonly base: number;
  /** Values of 16 bits (element.ts); of 32 where left out. */
  readonly half?: boolean;
}

/** Bytes of a vec4. */
export const vec4Bytes = ({ half }: Pick<View, 'half'>): 16 | 8 => (half ? 8 : 16);

/** Channels in vec4, rounded up. */
export const vec4s = (channels: number): number => Math.ceil(channels / 4);

/** N·T·H·W. */
export const pixelsOf = ({ shape: [n, t, h, w] }: Pick<View, 'shape'>): number => n * t * h * w;

/** Bytes of what a view covers, without what lies between its pixels. */
export const viewBytes = (view: View): number => pixelsOf(view) * vec4s(view.shape[4]) * vec4Bytes(view);

/** A view of a tensor that fills its own buffer. */
export function denseView(shape: View['shape']): View {
  return { shape, stride: vec4s(shape[4]), base: 0 };
}

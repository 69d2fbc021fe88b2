/** @file What the references compute on: dense row-major N T H W C arrays, float64 results. */

export type Shape5 = readonly [n: number, t: number, h: number, w: number, c: number];

export interface Volume {
  readonly shape: Shape5;
  readonly data: Float32Array | Float64Array;
}

export const sizeOf5 = (shape: Shape5): number => shape.reduce((product, extent) => product * extent, 1);

export const volume = (shape: Shape5): { readonly shape: Shape5; readonly data: Float64Array<ArrayBuffer> } => ({
  shape,
  data: new Float64Array(sizeOf5(shape)),
});

/** Calls `visit` for every pixel of `shape`, in order. */
export function eachPixel(
  shape: Shape5,
  visit: (n: number, t: number, h: number, w: number, pixel: number) => void,
): void {
  let pixel = 0;
  for (let n = 0; n < shape[0]; n++)
    for (let t = 0; t < shape[1]; t++)
      for (let h = 0; h < shape[2]; h++) for (let w = 0; w < shape[3]; w++) visit(n, t, h, w, pixel++);
}

/**
 * Calls `visit` with the tap and the input pixel under it, for every tap of a window whose corner is at `corner` that lies
 * inside `shape`.
 */
export function eachTap(
  shape: Shape5,
  n: number,
  corner: readonly [number, number, number],
  kernel: readonly [number, number, number],
  visit: (tap: number, pixel: number) => void,
): void {
  const [, T, H, W] = shape;
  let tap = 0;
  for (let kt = 0; kt < kernel[0]; kt++)
    for (let kh = 0; kh < kernel[1]; kh++)
      for (let kw = 0; kw < kernel[2]; kw++, tap++) {
        const [t, h, w] = [corner[0] + kt, corner[1] + kh, corner[2] + kw];
        if (t >= 0 && h >= 0 && w >= 0 && t < T && h < H && w < W) visit(tap, ((n * T + t) * H + h) * W + w);
      }
}

/** @file TV-L1 by its definition, in float64 and without any layout: one plain function for each kernel. */

/** Row-major values of one picture. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Float64Array;
}

export function picture(width: number, height: number, value: (x: number, y: number) => number): Picture {
  const data = new Float64Array(width * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data[y * width + x] = value(x, y);
  return { width, height, data };
}

const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

/** The value at a pixel; edges repeated. */
export const at = (p: Picture, x: number, y: number): number =>
  p.data[clamp(y, 0, p.height - 1) * p.width + clamp(x, 0, p.width - 1)]!;

/** Bilinear, half-pixel centres; an output pixel is `step` input pixels wide. */
export function resize(from: Picture, width: number, height: number, step: { x: number; y: number }): Picture {
  return picture(width, height, (x, y) => {
    const sx = clamp((x + 0.5) * step.x - 0.5, 0, from.width - 1);
    const sy = clamp((y + 0.5) * step.y - 0.5, 0, from.height - 1);
    const [ix, iy] = [Math.floor(sx), Math.floor(sy)];
    const [fx, fy] = [sx - ix, sy - iy];
    const top = at(from, ix, iy) * (1 - fx) + at(from, ix + 1, iy) * fx;
    const bottom = at(from, ix, iy + 1) * (1 - fx) + at(from, ix + 1, iy + 1) * fx;
    return top * (1 - fy) + bottom * fy;
  });
}

/** The derivative of three or of five points of `value(offset)`. */
const derivative = (taps: 3 | 5, value: (offset: number) => number): number =>
  taps === 3 ? (value(1) - value(-1)) / 2 : (value(-2) - value(2) + 8 * (value(1) - value(-1))) / 12;
export const gradientX = (p: Picture, taps: 3 | 5 = 3): Picture =>
  picture(p.width, p.height, (x, y) => derivative(taps, (d) => at(p, x + d, y)));
export const gradientY = (p: Picture, taps: 3 | 5 = 3): Picture =>
  picture(p.width, p.height, (x, y) => derivative(taps, (d) => at(p, x, y + d)));

function roundEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

function weights(t: number, kind: 'bicubic' | 'bilinear'): number[] {
  if (kind === 'bilinear') return [0, 1 - t, t, 0];
  const a = -0.75;
  const near = (d: number): number => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number): number => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(1 + t), near(t), near(1 - t), far(2 - t)];
}

/** The value at x, y rounded to 1/32 px; 0 outside. */
export function sample(p: Picture, x: number, y: number, kind: 'bicubic' | 'bilinear' = 'bicubic'): number {
  const [fx, fy] = [roundEven(x * 32), roundEven(y * 32)];
  const [ix, iy] = [Math.floor(fx / 32), Math.floor(fy / 32)];
  const [wx, wy] = [weights(fx / 32 - ix, kind), weights(fy / 32 - iy, kind)];
  let sum = 0;
  for (let j = 0; j < 4; j++) {
    for (let i = 0; i < 4; i++) {
      const [column, row] = [ix - 1 + i, iy - 1 + j];
      if (column < 0 || row < 0 || column >= p.width || row >= p.height) continue;
      sum += wx[i]! * wy[j]! * p.data[row * p.width + column]!;
    }
  }
  return sum;
}

export interface Warped {
  readonly ix: Picture;
  readonly iy: Picture;
  readonly rho: Picture;
}

/**
 * I1 and its gradient at x + u, and the constant part of ρ. Of the gradient `blend` is I0's own; then it is 0 where x + u is
 * outside. With `visible` everything counts by how likely a pixel is visible in both pictures, 0.02 at least.
 */
export function warp(
  i0: Picture,
  i1: Picture,
  u: Picture,
  v: Picture,
  kind: 'bicubic' | 'bilinear' = 'bicubic',
  {
    taps = 3,
    blend = 0,
    visible = false,
  }: { readonly taps?: 3 | 5; readonly blend?: number; readonly visible?: boolean } = {},
): Warped {
  const { width, height } = i0;
  const target = (x: number, y: number): [number, number] => [x + at(u, x, y), y + at(v, x, y)];
  const through = (p: Picture): Picture => picture(width, height, (x, y) => sample(p, ...target(x, y), kind));
  const i1w = through(i1);
  const [ix, iy] = [gradientX, gradientY].map((gradient) => {
    const [warped, own] = [through(gradient(i1, taps)), gradient(i0, taps)];
    if (blend === 0) return warped;
    return picture(width, height, (x, y) => {
      const [tx, ty] = target(x, y);
      const known = tx >= 0 && ty >= 0 && tx <= width - 1 && ty <= height - 1;
      return known ? (1 - blend) * at(warped, x, y) + blend * at(own, x, y) : 0;
    });
  }) as [Picture, Picture];
  const rho = picture(i0.width, i0.height, (x, y) => {
    return at(i1w, x, y) - at(ix, x, y) * at(u, x, y) - at(iy, x, y) * at(v, x, y) - at(i0, x, y);
  });
  if (!visible) return { ix, iy, rho };
  const change = picture(width, height, (x, y) => at(i1w, x, y) - at(i0, x, y));
  const weighted = (p: Picture): Picture =>
    picture(width, height, (x, y) => at(p, x, y) * Math.max(visibleBy(at(change, x, y), u, v, x, y), 0.02));
  return { ix: weighted(ix), iy: weighted(iy), rho: weighted(rho) };
}

/** 1/g at edges of a picture, where g = exp(−α (|∇I| / 255)^0.55), 10 at most. */
export const softness = (p: Picture, alpha: number): Picture =>
  picture(p.width, p.height, (x, y) => {
    const edge = Math.hypot(at(p, x + 1, y) - at(p, x, y), at(p, x, y + 1) - at(p, x, y));
    return Math.min(Math.exp(alpha * (edge / 255) ** 0.55), 10);
  });

/** u, v and the dual variable (p11, p12, p21, p22). */
export interface State {
  readonly u: Picture;
  readonly v: Picture;
  readonly dual: readonly [Picture, Picture, Picture, Picture];
}

export function still(width: number, height: number): State {
  const zero = (): Picture => picture(width, height, () => 0);
  return { u: zero(), v: zero(), dual: [zero(), zero(), zero(), zero()] };
}

export interface Weights {
  readonly tau: number;
  readonly lambda: number;
  readonly theta: number;
}

/**
 * One iteration: threshold step, primal update, dual update; and the sum of the squared change of the flow. `softness` is 1/g
 * where the smoothness is weighted.
 */
export function iterate(
  state: State,
  data: Warped,
  { tau, lambda, theta }: Weights,
  softness?: Picture,
): { state: State; error: number } {
  const { width, height } = state.u;
  const step = lambda * theta;
  const factor = picture(width, height, (x, y) => {
    const [ix, iy] = [at(data.ix, x, y), at(data.iy, x, y)];
    const grad = ix * ix + iy * iy;
    const rho = at(data.rho, x, y) + ix * at(state.u, x, y) + iy * at(state.v, x, y);
    if (rho < -step * grad) return step;
    if (rho > step * grad) return -step;
    return grad > 1e-7 ? -rho / grad : 0;
  });
  const divergence = (a: Picture, b: Picture, x: number, y: number): number =>
    at(a, x, y) - (x > 0 ? at(a, x - 1, y) : 0) + at(b, x, y) - (y > 0 ? at(b, x, y - 1) : 0);
  const [p11, p12, p21, p22] = state.dual;
  const primal = (before: Picture, gradient: Picture, a: Picture, b: Picture): Picture =>
    picture(width, height, (x, y) => {
      return at(before, x, y) + at(factor, x, y) * at(gradient, x, y) + theta * divergence(a, b, x, y);
    });
  const u = primal(state.u, data.ix, p11, p12);
  const v = primal(state.v, data.iy, p21, p22);
  const update = (flow: Picture, a: Picture, b: Picture): [Picture, Picture] => {
    const dx = picture(width, height, (x, y) => (x < width - 1 ? at(flow, x + 1, y) - at(flow, x, y) : 0));
    const dy = picture(width, height, (x, y) => (y < height - 1 ? at(flow, x, y + 1) - at(flow, x, y) : 0));
    const rate = tau / theta;
    const next = (p: Picture, d: Picture): Picture =>
      picture(width, height, (x, y) => {
        const norm = Math.hypot(at(dx, x, y), at(dy, x, y)) * (softness ? at(softness, x, y) : 1);
        return (at(p, x, y) + rate * at(d, x, y)) / (1 + rate * norm);
      });
    return [next(a, dx), next(b, dy)];
  };
  let error = 0;
  for (let i = 0; i < u.data.length; i++) {
    error += (u.data[i]! - state.u.data[i]!) ** 2 + (v.data[i]! - state.v.data[i]!) ** 2;
  }
  return { state: { u, v, dual: [...update(u, p11, p12), ...update(v, p21, p22)] }, error };
}

/** The median of each window of `size` × `size`, edges repeated. */
export function median(p: Picture, size: number): Picture {
  const reach = (size - 1) / 2;
  return picture(p.width, p.height, (x, y) => {
    const values: number[] = [];
    for (let j = -reach; j <= reach; j++) for (let i = -reach; i <= reach; i++) values.push(at(p, x + i, y + j));
    return values.sort((a, b) => a - b)[(size * size - 1) / 2]!;
  });
}

/** A Gaussian over one axis, edges repeated. */
export function smooth(p: Picture, axis: 'x' | 'y', sigma: number): Picture {
  const radius = Math.ceil(4 * sigma);
  return picture(p.width, p.height, (x, y) => {
    let [sum, total] = [0, 0];
    for (let d = -radius; d <= radius; d++) {
      const weight = Math.exp((-0.5 * d * d) / sigma ** 2);
      sum += weight * (axis === 'x' ? at(p, x + d, y) : at(p, x, y + d));
      total += weight;
    }
    return sum / total;
  });
}

/** How likely a pixel is visible in both pictures, by how much it changes and by whether the flow closes over it. */
function visibleBy(change: number, u: Picture, v: Picture, x: number, y: number): number {
  const divergence = (at(u, x + 1, y) - at(u, x - 1, y) + at(v, x, y + 1) - at(v, x, y - 1)) / 2;
  return Math.exp(-(Math.min(divergence, 0) ** 2) / (2 * 0.3 ** 2) - change ** 2 / (2 * 20 ** 2));
}

/** The same of every pixel, by a bilinear sample; 0 where it leaves the picture. */
export function visibility(i0: Picture, i1: Picture, u: Picture, v: Picture): Picture {
  const { width, height } = i0;
  return picture(width, height, (x, y) => {
    const [tx, ty] = [x + at(u, x, y), y + at(v, x, y)];
    if (tx < 0 || ty < 0 || tx > width - 1 || ty > height - 1) return 0;
    const [ix, iy] = [Math.floor(tx), Math.floor(ty)];
    const row = (j: number): number => at(i1, ix, j) * (1 - (tx - ix)) + at(i1, ix + 1, j) * (tx - ix);
    return visibleBy(row(iy) * (1 - (ty - iy)) + row(iy + 1) * (ty - iy) - at(i0, x, y), u, v, x, y);
  });
}

/** The weighted median of every second pixel of a window: of distance, likeness in `grey`, and `seen`. Sorted. */
export function weightedMedian(
  flow: readonly [Picture, Picture],
  grey: Picture,
  seen: Picture,
  size: number,
): Picture[] {
  const reach = (size - 1) / 2;
  const window = (x: number, y: number): [number, number][] => {
    const places: [number, number][] = [];
    for (let j = -reach; j <= reach; j += 2) for (let i = -reach; i <= reach; i += 2) places.push([x + i, y + j]);
    return places;
  };
  const edge = (p: Picture, x: number, y: number): number => {
    const values = window(x, y).map(([i, j]) => at(p, i, j));
    return Math.max(...values) - Math.min(...values);
  };
  return flow.map((p) =>
    picture(p.width, p.height, (x, y) => {
      if (!flow.some((each) => edge(each, x, y) > 0.25)) return at(p, x, y);
      const weighted = window(x, y).map(([i, j]): [number, number] => {
        const far = ((i - x) ** 2 + (j - y) ** 2) / (2 * 7 ** 2);
        const unlike = (at(grey, i, j) - at(grey, x, y)) ** 2 / (2 * 12 ** 2);
        return [at(p, i, j), Math.exp(-far - unlike) * (at(seen, i, j) + 1e-4)];
      });
      weighted.sort(([a], [b]) => a - b);
      const total = weighted.reduce((sum, [, weight]) => sum + weight, 0);
      let below = 0;
      for (const [value, weight] of weighted) {
        below += weight;
        if (below >= total / 2) return value;
      }
      return at(p, x, y);
    }),
  );
}

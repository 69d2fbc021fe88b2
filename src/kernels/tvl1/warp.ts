/**
 * @file The warp: I1 and its gradient at x + u, and from them what an iteration needs of the images: the gradient, its
 * square or the weight of the smoothness, and the constant part of ρ = I1(x+u₀) + ∇I1·(u − u₀) − I0.
 *
 * One thread per pixel. The gradient images are never stored. Central differences commute with interpolation, so the
 * bicubic samples of I1, I1x and I1y come from the same neighbourhood of I1: 4×4 taps and their 16 outer neighbours (a plus
 * shape, 32 loads instead of 48 from three images; of the five-point derivative see `sample5`). As in OpenCV's `remap`, coordinates are rounded to 1/32 px, the cubic
 * has a = −0.75, and taps outside the image count as 0; gradients at the image's edge repeat the edge.
 */

import type { Kernel } from '../../core/kernel.ts';
import {
  divideUp,
  entryPoint,
  foldGrid,
  kernel,
  type LoopBound,
  repeat,
  storage,
  struct,
  writtenTexels,
} from '../shared/wgsl.ts';
import { type DataIn, PIXEL_FIELDS, pixelValues, planeOf, SLOT_WORDS, type Tvl1State } from './layout.ts';
import { VISIBILITY } from './visibility.ts';

const Params = struct('Warp', {
  ...PIXEL_FIELDS,
  stride: 'u32',
  blend: 'f32',
  zero: 'u32',
  rows: 'i32',
  edge: 'f32',
});

interface WarpOptions {
  readonly interpolation: 'bicubic' | 'bilinear';
  /**
   * Share of I0's own gradient in the gradient: 0 is OpenCV's choice, 0.5 the symmetric one of Wedel et al.
   */
  readonly gradientBlend: number;
  /** Taps of the derivative: 3 = (−1 0 1)/2, 5 = (1 −8 0 8 −1)/12. */
  readonly gradientTaps: 3 | 5;
  /** Whether the data term counts by how likely a pixel is visible in both pictures. */
  readonly visibilityWeight: boolean;
  /**
   * α of the weight of the smoothness, g = exp(−α (|∇I0| / 255)^0.55), which is the less the more the first picture has an edge
   * (Werlberger et al., "Anisotropic Huber-L1 optical flow", BMVC 2009); 0 means none, and data has |∇I|² in its place.
   */
  readonly edgeWeight: number;
}

/** The exponent of `edgeWeight`, and what 1/g is at most. */
const EDGE = { exponent: 0.55, most: 10 };

/** What a pixel's data term counts at least: a visibility that is wrong must be able to mend. */
const LEAST_WEIGHT = 0.02;

const WORKGROUP = 64;

/**
 * Bindings: frames (`f32`; pair k lies between frames k and k + 1), u, data (a buffer or a texture: `dataIn`), slots. `loop` is over the
 * rows of the five-point derivative.
 */
export function tvl1Warp(
  state: Tvl1State,
  options: WarpOptions,
  { loop, dataIn }: { readonly loop: LoopBound; readonly dataIn: DataIn },
): Kernel {
  const { extent, pairs } = state;
  const plane = planeOf(extent) * 4;
  return kernel({
    name: `tvl1_warp ${options.interpolation}`,
    params: Params,
    values: {
      ...pixelValues(state),
      blend: options.gradientBlend,
      zero: 0,
      rows: 8,
      edge: options.edgeWeight,
    },
    storage: [
      storage('frames', 'array<f32>'),
      storage('u', 'array<f32>'),
      dataIn === 'texels' ? writtenTexels('data') : storage('data', 'array<f32>'),
      storage('slots', 'array<u32>'),
    ],
    workgroups: foldGrid(divideUp(plane, WORKGROUP), pairs),
    body: /* wgsl */ `
fn column(x: i32) -> i32 { return clamp(x, 0, p.width - 1); }
fn row(y: i32) -> i32 { return clamp(y, 0, p.height - 1) * i32(p.stride); }
${WEIGHTS[options.interpolation]}
${options.gradientTaps === 3 ? '' : SLOPES}
${options.visibilityWeight ? VISIBILITY : ''}
${options.edgeWeight > 0 ? SOFTNESS : ''}
fn difference(${repeat(options.gradientTaps, (i) => `v${i}: f32`, ', ')}) -> f32 {
  return ${options.gradientTaps === 3 ? '0.5 * (v2 - v0)' : '(v0 - v4 + 8.0 * (v3 - v1)) * (1.0 / 12.0)'};
}
// OpenCV sums by rows, and at the picture's edges by pixels.
fn sum(a: vec4f, b: vec4f, c: vec4f, d: vec4f, by_rows: bool) -> f32 {
  let first = ((a.x + a.y) + a.z) + a.w;
  let others = vec3f(((b.x + b.y) + b.z) + b.w, ((c.x + c.y) + c.z) + c.w, ((d.x + d.y) + d.z) + d.w);
  // Compilers may regroup sums of products; what they cannot see through they leave as it is. p.zero is 0.
  let row = bitcast<vec3f>(bitcast<vec3u>(others) ^ vec3u(p.zero));
  let rows = ((first + row.x) + row.y) + row.z;
  let pixels = (((((((((((first + b.x) + b.y) + b.z) + b.w) + c.x) + c.y) + c.z) + c.w) + d.x) + d.y) + d.z) + d.w;
  return select(pixels, rows, by_rows);
}
fn own_gradient(frame: i32, x: i32, y: i32) -> vec2f {
  let here = frame + row(y);
  return vec2f(
    difference(${taps(options.gradientTaps, (d) => `frames[here + column(x + ${d})]`)}),
    difference(${taps(options.gradientTaps, (d) => `frames[frame + row(y + ${d}) + column(x)]`)}),
  );
}
${entryPoint(WORKGROUP, 'thread')} {
  let i = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + thread;
  let pair = workgroup.y;
  if (i >= p.plane) { return; }
  let x = i32(i % p.stride);
  let y = i32(i / p.stride);
  let base = pair * p.pitch + (slots[(p.slot * p.pairs + pair) * ${SLOT_WORDS}u] & 1u) * p.half;
  let current = base + (i / 4u) * 8u + i % 4u;
  let flow = vec2f(u[current], u[current + 4u]);
  // Far outside everything is 0; the clamp keeps the integers small.
  let to = clamp(vec2f(f32(x), f32(y)) + flow, vec2f(-16), vec2f(f32(p.width), f32(p.height)) + 16);
  let fixed = vec2i(round(to * 32.0));
  let corner = (fixed >> vec2u(5u)) - 1;
  let part = vec2f(fixed & vec2i(31)) * (1.0 / 32.0);
  let wx = weights(part.x) * vec4f(inside(corner.x, p.width));
  let wy = weights(part.y) * vec4f(inside(corner.y, p.height));
  let frame = i32((pair + 1u) * p.plane);
  ${options.gradientTaps === 3 ? SAMPLE_3 : sample5(loop)}
  var gradient = vec2f(gx, gy);
  if (p.blend > 0.0) {
    // What comes from outside says nothing; without a gradient it has no part in the solution.
    let known = all(to >= vec2f(0)) && all(to <= vec2f(f32(p.width - 1), f32(p.height - 1)));
    gradient = select(vec2f(0), mix(gradient, own_gradient(i32(pair * p.plane), x, y), p.blend), known);
  }
  var rho = ((value - gradient.x * flow.x) - gradient.y * flow.y) - frames[pair * p.plane + i];
  ${
    options.visibilityWeight
      ? `// λ w |ρ| is λ |w ρ|, so nothing else has to know.
  let weight = max(visibility_of(base, vec2i(x, y), value - frames[pair * p.plane + i]), ${LEAST_WEIGHT});
  gradient *= weight;
  rho *= weight;`
      : ''
  }
  let last = ${options.edgeWeight > 0 ? 'softness(i32(pair * p.plane), x, y)' : 'max(gradient.x * gradient.x + gradient.y * gradient.y, 1e-30)'};
  ${STORE_DATA[dataIn]}
}`,
  });
}

/** 1/g of a pixel of the first picture. */
const SOFTNESS = /* wgsl */ `
fn softness(frame: i32, x: i32, y: i32) -> f32 {
  let own = frames[frame + row(y) + column(x)];
  let edge = vec2f(frames[frame + row(y) + column(x + 1)], frames[frame + row(y + 1) + column(x)]) - own;
  return min(exp(p.edge * pow(max(length(edge) * (1.0 / 255.0), 1e-12), ${EDGE.exponent})), ${EDGE.most}.0);
}`;

const STORE_DATA: Record<DataIn, string> = {
  buffer: /* wgsl */ `let to_data = pair * p.pitch * 2u + (i / 4u) * 16u + i % 4u;
  data[to_data] = gradient.x; data[to_data + 4u] = gradient.y; data[to_data + 8u] = rho; data[to_data + 12u] = last;`,
  texels: 'data_put(pair * (p.pitch / 2u) + i, vec4f(gradient, rho, last));',
};

const taps = (count: 3 | 5, load: (offset: number) => string): string =>
  repeat(count, (i) => load(i - (count - 1) / 2), ', ');

/** Weights of the taps corner … corner + 3, and whether each lies inside. */
const INSIDE = /* wgsl */ `
fn inside(corner: i32, size: i32) -> vec4<bool> {
  let at = vec4i(corner) + vec4i(0, 1, 2, 3);
  return (at >= vec4i(0)) & (at < vec4i(size));
}`;
const WEIGHTS = {
  bicubic: /* wgsl */ `${INSIDE}
const A = -0.75;
fn weights(t: f32) -> vec4f {
  let w0 = ((A * (t + 1.0) - 5.0 * A) * (t + 1.0) + 8.0 * A) * (t + 1.0) - 4.0 * A;
  let w1 = ((A + 2.0) * t - (A + 3.0)) * t * t + 1.0;
  let s = 1.0 - t;
  let w2 = ((A + 2.0) * s - (A + 3.0)) * s * s + 1.0;
  return vec4f(w0, w1, w2, 1.0 - w0 - w1 - w2);
}`,
  bilinear: /* wgsl */ `${INSIDE}
fn weights(t: f32) -> vec4f { return vec4f(0.0, 1.0 - t, t, 0.0); }`,
};

const COMPONENT = ['x', 'y', 'z', 'w'];

/** Columns −1 … 4 and rows −1 … 4 around the 4×4 taps, without the corners. */
const SAMPLE_3 = /* wgsl */ `
  ${repeat(6, (j) => `let c${j} = column(corner.x + ${j - 1}); let r${j} = frame + row(corner.y + ${j - 1});`, '\n  ')}
  let t0 = vec4f(frames[r0 + c1], frames[r0 + c2], frames[r0 + c3], frames[r0 + c4]);
  ${repeat(4, (j) => `let l${j + 1} = frames[r${j + 1} + c0]; let t${j + 1} = vec4f(frames[r${j + 1} + c1], frames[r${j + 1} + c2], frames[r${j + 1} + c3], frames[r${j + 1} + c4]); let e${j + 1} = frames[r${j + 1} + c5];`, '\n  ')}
  let t5 = vec4f(frames[r5 + c1], frames[r5 + c2], frames[r5 + c3], frames[r5 + c4]);
  let whole = corner.x >= 0 && corner.y >= 0 && corner.x + 3 < p.width && corner.y + 3 < p.height;
  ${repeat(4, (j) => `let w${j} = wy.${COMPONENT[j]} * wx;`, ' ')}
  let value = sum(${repeat(4, (j) => `t${j + 1} * w${j}`, ', ')}, whole);
  let gx = sum(${repeat(4, (j) => `(0.5 * (vec4f(t${j + 1}.yzw, e${j + 1}) - vec4f(l${j + 1}, t${j + 1}.xyz))) * w${j}`, ', ')}, whole);
  let gy = sum(${repeat(4, (j) => `(0.5 * (t${j + 2} - t${j})) * w${j}`, ', ')}, whole);`;

/**
 * Columns and rows −2 … 5, for the five-point derivative. Derivative and interpolation are one filter along each axis, of 8
 * weights, so a pixel takes 64 loads, of which 48 count, instead of the 176 of a derivative at each of the 16 taps. Rows in a loop: a
 * software driver takes 3 s to compile them written out.
 */
const sample5 = (loop: LoopBound): string => /* wgsl */ `
  let sx = slopes(wx);
  let sy = slopes(wy);
  ${repeat(8, (j) => `let c${j} = column(corner.x + ${j - 2});`, ' ')}
  // The weights of the rows that are left.
  var near_w = vec4f(0.0, 0.0, wy.xy); var far_w = vec4f(wy.zw, 0.0, 0.0);
  var near_s = sy.near; var far_s = sy.far;
  // Of differences from a pixel in the middle, the gradient of an even surface is 0 and not what rounding leaves.
  let middle = frames[frame + row(corner.y + 1) + column(corner.x + 1)];
  var value = middle * dot(wx, vec4f(1.0)) * dot(wy, vec4f(1.0));
  var gx = 0.0; var gy = 0.0;
  for (var j = 0; j < ${loop === 'uniform' ? 'p.rows' : '8'}; j++) {
    let r = frame + row(corner.y + j - 2);
    let a = vec4f(frames[r + c0], frames[r + c1], frames[r + c2], frames[r + c3]) - middle;
    let b = vec4f(frames[r + c4], frames[r + c5], frames[r + c6], frames[r + c7]) - middle;
    let across = dot(vec4f(a.zw, b.xy), wx);
    value += near_w.x * across;
    gx += near_w.x * (dot(a, sx.near) + dot(b, sx.far));
    gy += near_s.x * across;
    near_w = vec4f(near_w.yzw, far_w.x); far_w = vec4f(far_w.yzw, 0.0);
    near_s = vec4f(near_s.yzw, far_s.x); far_s = vec4f(far_s.yzw, 0.0);
  }`;

/** The weights of −2 … 1 and of 2 … 5 for the derivative of what `w` weights of 0 … 3 interpolate. */
const SLOPES = /* wgsl */ `
struct Slopes { near: vec4f, far: vec4f }
fn slopes(w: vec4f) -> Slopes {
  return Slopes(
    (w + 8.0 * (vec4f(0.0, 0.0, 0.0, w.x) - vec4f(0.0, w.xyz))) * (1.0 / 12.0),
    (8.0 * (vec4f(w.yzw, 0.0) - vec4f(w.w, 0.0, 0.0, 0.0)) - w) * (1.0 / 12.0),
  );
}`;

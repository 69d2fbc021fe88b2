/**
 * @file Layer normalisation over the channels of each pixel, y = (x − mean) · r · gamma + beta with r = 1/√(variance + ε), and its
 * gradient. (Ba, Kiros and Hinton, "Layer Normalization", 2016.)
 *
 * With x̂ = (x − mean)·r, g = dy·gamma and means over the channels:
 *
 *   dx = r · (g − mean(g) − x̂ · mean(g·x̂))        dgamma = Σ dy·x̂        dbeta = Σ dy
 *
 * A pixel belongs to a workgroup, whose threads stride over its vec4 and meet in a tree; on processors to one thread. The gradient by x
 * leaves mean and r of each pixel for the sums over pixels, which come in two stages (shared/channel_reduction.ts). The mean is taken
 * first and then the variance: nothing cancels where the mean is large.
 */

import type { Kernel } from '../../core/kernel.ts';
import { channelPartials, channelTotals, type Reducers } from '../shared/channel_reduction.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';

interface LayerNormProblem {
  readonly x: View;
  readonly y: View;
  readonly epsilon: number;
}

interface LayerNormGradientProblem {
  readonly x: View;
  readonly dy: View;
  readonly dx: View;
  readonly epsilon: number;
}

/** Threads of a pixel: a power of two, 1 on processors. */
type LayerNormThreads = 1 | 64;

const WORKGROUP = 64;

/** WGSL of `total(lane, value)`, the sum over a pixel's threads, and the loop over a pixel's vec4. */
function pixelWise(threads: LayerNormThreads) {
  const shared = threads > 1;
  const tree = /* wgsl */ `
var<workgroup> totals: array<f32, ${WORKGROUP}>;

fn total(lane: u32, value: f32) -> f32 {
  workgroupBarrier();
  totals[lane] = value;
  workgroupBarrier();
  for (var step = ${WORKGROUP / 2}u; step > 0u; step /= 2u) {
    if (lane < step) { totals[lane] += totals[lane + step]; }
    workgroupBarrier();
  }
  return totals[0];
}`;
  return {
    functions: `${shared ? tree : 'fn total(lane: u32, value: f32) -> f32 { return value; }'}

fn real(c: u32) -> vec4<bool> { return 4u * c + vec4u(0, 1, 2, 3) < vec4u(p.channels); }

// x − mean, 0 in the padding lanes.
fn centred(pixel: u32, c: u32, mean: f32) -> vec4f {
  return select(vec4f(0), x[p.x_base + pixel * p.x_stride + c] - mean, real(c));
}`,
    workgroups: (pixels: number) => foldGrid(shared ? pixels : divideUp(pixels, WORKGROUP)),
    pixel: shared
      ? 'workgroup.x + workgroup.z * grid.x'
      : `(workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + lane`,
    each: (body: string): string => `for (var c = ${shared ? 'lane' : '0u'}; c < p.c4; c += ${threads}u) { ${body} }`,
  };
}

/** WGSL that declares `mean` and `r` of `pixel`. */
const moments = (each: (body: string) => string): string => /* wgsl */ `var sum = vec4f(0);
  ${each('sum += centred(pixel, c, 0);')}
  let mean = total(lane, dot(sum, vec4f(1))) / f32(p.channels);
  var squares = vec4f(0);
  ${each('let d = centred(pixel, c, mean); squares += d * d;')}
  let r = 1 / sqrt(total(lane, dot(squares, vec4f(1))) / f32(p.channels) + p.epsilon);`;

const ENTRY = entryPoint(WORKGROUP);

const FIELDS = { pixels: 'u32', c4: 'u32', channels: 'u32', epsilon: 'f32', x_base: 'u32', x_stride: 'u32' } as const;
const valuesOf = (x: View, epsilon: number) => ({
  pixels: pixelsOf(x),
  c4: vec4s(x.shape[4]),
  channels: x.shape[4],
  epsilon,
  x_base: x.base,
  x_stride: x.stride,
});

const Params = struct('LayerNorm', { ...FIELDS, y_base: 'u32', y_stride: 'u32' });

/** Bindings: x, gamma, beta (vectors, zeros in the padding lanes), y. */
export function layerNorm({ x, y, epsilon }: LayerNormProblem, threads: LayerNormThreads): Kernel {
  const { functions, workgroups, pixel, each } = pixelWise(threads);
  return kernel({
    name: 'layer_norm',
    params: Params,
    values: { ...valuesOf(x, epsilon), y_base: y.base, y_stride: y.stride },
    storage: ['x', 'gamma', 'beta', 'y'].map((name) => storage(name)),
    workgroups: workgroups(pixelsOf(x)),
    body: /* wgsl */ `${functions}

${ENTRY} {
  let pixel = ${pixel};
  if (pixel >= p.pixels) { return; }
  ${moments(each)}
  ${each('y[p.y_base + pixel * p.y_stride + c] = centred(pixel, c, mean) * r * gamma[c] + beta[c];')}
}`,
  });
}

const GradientParams = struct('LayerNormGradient', {
  ...FIELDS,
  dy_base: 'u32',
  dy_stride: 'u32',
  dx_base: 'u32',
  dx_stride: 'u32',
});

/** Bytes of what `layerNormGradient` leaves: mean and r of each pixel. */
export const momentsBytes = (x: View): number => 16 * pixelsOf(x);

/** Bindings: x, dy, gamma, moments, dx. */
export function layerNormGradient({ x, dy, dx, epsilon }: LayerNormGradientProblem, threads: LayerNormThreads): Kernel {
  const { functions, workgroups, pixel, each } = pixelWise(threads);
  const g = 'let g = dy[p.dy_base + pixel * p.dy_stride + c] * gamma[c];';
  return kernel({
    name: 'layer_norm_gradient',
    params: GradientParams,
    values: {
      ...valuesOf(x, epsilon),
      dy_base: dy.base,
      dy_stride: dy.stride,
      dx_base: dx.base,
      dx_stride: dx.stride,
    },
    storage: ['x', 'dy', 'gamma', 'moments', 'dx'].map((name) => storage(name)),
    workgroups: workgroups(pixelsOf(x)),
    body: /* wgsl */ `${functions}

${ENTRY} {
  let pixel = ${pixel};
  if (pixel >= p.pixels) { return; }
  ${moments(each)}
  var s0 = vec4f(0);
  var s1 = vec4f(0);
  ${each(`${g} s0 += g; s1 += g * centred(pixel, c, mean);`)}
  let offset = total(lane, dot(s0, vec4f(1))) / f32(p.channels);
  let slope = total(lane, dot(s1, vec4f(1))) * r * r / f32(p.channels);
  ${each(`${g} let d = r * (g - offset - centred(pixel, c, mean) * slope);
    dx[p.dx_base + pixel * p.dx_stride + c] = select(vec4f(0), d, real(c));`)}
  ${threads > 1 ? 'if (lane == 0u) { moments[pixel] = vec4f(mean, r, 0, 0); }' : 'moments[pixel] = vec4f(mean, r, 0, 0);'}
}`,
  });
}

const REDUCTION = { name: 'layer_norm_gradient', quantities: 2, merge: 'sums' } as const;

/** Bindings: x, dy, moments, partials. */
export function layerNormGradientPartials({ x, dy }: LayerNormGradientProblem, reducers: Reducers): Kernel {
  return channelPartials({
    ...REDUCTION,
    reducers,
    inputs: [
      { binding: 'x', view: x },
      { binding: 'dy', view: dy },
    ],
    vectors: ['moments'],
    each: 'let of_pixel = moments[pixel]; s0 += in1; s1 += in1 * (in0 - of_pixel.x) * of_pixel.y;',
  });
}

/** Bindings: partials, dgamma, dbeta. */
export function layerNormGradientTotals({ x }: LayerNormGradientProblem, reducers: Reducers): Kernel {
  return channelTotals({
    ...REDUCTION,
    view: x,
    reducers,
    vectors: ['dgamma', 'dbeta'],
    result: 'dbeta[c] = s0;\n  dgamma[c] = s1;',
  });
}

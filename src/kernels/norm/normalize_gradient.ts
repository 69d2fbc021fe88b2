/**
 * @file The gradient of normalize.ts, in three dispatches: sums per channel in two stages (shared/channel_reduction.ts), then dx.
 *
 * With r = 1/√(variance + ε), x̂ = (x − mean)·r, g the gradient before the activation (dy without one) and M pixels:
 *
 *   dbeta = Σ g        dgamma = Σ g·x̂        dx = gamma·r · (g − dbeta/M − x̂·dgamma/M)
 *
 * where mean and variance are those of x itself; dx = gamma·r·g where they are given. The second stage writes per channel the
 * coefficients that turn this into dx = g·scale + (x − mean)·slope + offset. y is not read: what went into the activation is computed
 * again by the expression of normalize.ts. Every value of x and dy is loaded twice, dx is written once.
 */

import type { Kernel } from '../../core/kernel.ts';
import { type Activation, epilogueGradient } from '../pointwise/activation.ts';
import { channelPartials, channelTotals, type Reducers } from '../shared/channel_reduction.ts';
import { type ChannelSweep, SWEEP_FIELDS, sweepGrid, sweepMain, sweepValues } from '../shared/channel_sweep.ts';
import { type View, vec4s } from '../shared/view.ts';
import { kernel, storage, struct } from '../shared/wgsl.ts';

interface NormalizeGradientProblem {
  readonly x: View;
  readonly dy: View;
  readonly dx: View;
  readonly epsilon: number;
  readonly activation: Activation;
  /** Mean and variance are functions of x. */
  readonly batch: boolean;
}

const REDUCTION = { name: 'normalize_gradient', quantities: 2, merge: 'sums' } as const;

/** Of a kernel's name. */
const suffix = (activation: Activation): string => (activation === 'none' ? '' : ` ${activation}`);

/** WGSL of statements: `g` is the gradient before the activation. */
function masked(activation: Activation, dy: string): string {
  if (activation === 'none') return `let g = ${dy};`;
  return `let y = d * scale + shift; let g = ${epilogueGradient(activation).through('y', dy)};`;
}

/** Bindings: x, dy, mean, variance, gamma, beta, partials. */
export function normalizeGradientPartials(problem: NormalizeGradientProblem, reducers: Reducers): Kernel {
  const { x, dy, epsilon, activation } = problem;
  return channelPartials({
    ...REDUCTION,
    name: `${REDUCTION.name}${suffix(activation)}`,
    reducers,
    epsilon,
    functions: epilogueGradient(activation).functions,
    inputs: [
      { binding: 'x', view: x },
      { binding: 'dy', view: dy },
    ],
    vectors: ['mean', 'variance', 'gamma', 'beta'],
    setup: /* wgsl */ `let center = mean[c];
  let r = 1 / sqrt(variance[c] + p.epsilon);
  let scale = gamma[c] / sqrt(variance[c] + p.epsilon);
  let shift = beta[c];`,
    each: `let d = in0 - center; ${masked(activation, 'in1')} s0 += g; s1 += g * d;`,
    finish: 's1 *= r;',
  });
}

/** Vectors of C/4 that `normalizeGradientTotals` leaves: mean, scale, beta, slope, offset. */
const COEFFICIENTS = 5;

export const coefficientBytes = (x: View): number => COEFFICIENTS * vec4s(x.shape[4]) * 16;

/** Bindings: partials, mean, variance, gamma, beta, dgamma, dbeta, coefficients. */
export function normalizeGradientTotals({ x, epsilon, batch }: NormalizeGradientProblem, reducers: Reducers): Kernel {
  return channelTotals({
    ...REDUCTION,
    view: x,
    reducers,
    epsilon,
    flag: batch,
    vectors: ['mean', 'variance', 'gamma', 'beta', 'dgamma', 'dbeta', 'coefficients'],
    result: /* wgsl */ `dbeta[c] = s0;
  dgamma[c] = s1;
  let r = 1 / sqrt(variance[c] + p.epsilon);
  let scale = gamma[c] / sqrt(variance[c] + p.epsilon);
  let per_pixel = -scale * (p.flag / f32(p.pixels));
  coefficients[c] = mean[c];
  coefficients[p.c4 + c] = scale;
  coefficients[2u * p.c4 + c] = beta[c];
  coefficients[3u * p.c4 + c] = per_pixel * s1 * r;
  coefficients[4u * p.c4 + c] = per_pixel * s0;`,
  });
}

const Params = struct('NormalizeGradient', {
  ...SWEEP_FIELDS,
  x_base: 'u32',
  x_stride: 'u32',
  dy_base: 'u32',
  dy_stride: 'u32',
  dx_base: 'u32',
  dx_stride: 'u32',
});

/** Bindings: x, dy, coefficients, dx. */
export function normalizeGradient({ x, dy, dx, activation }: NormalizeGradientProblem, sweep: ChannelSweep): Kernel {
  return kernel({
    name: `normalize_gradient${suffix(activation)}`,
    params: Params,
    values: {
      ...sweepValues(dx, sweep),
      x_base: x.base,
      x_stride: x.stride,
      dy_base: dy.base,
      dy_stride: dy.stride,
      dx_base: dx.base,
      dx_stride: dx.stride,
    },
    storage: ['x', 'dy', 'coefficients', 'dx'].map((name) => storage(name)),
    workgroups: sweepGrid(dx, sweep),
    body: `${epilogueGradient(activation).functions}${sweepMain(sweep, {
      setup: /* wgsl */ `let center = coefficients[c];
  let scale = coefficients[p.c4 + c];
  let shift = coefficients[2u * p.c4 + c];
  let slope = coefficients[3u * p.c4 + c];
  let offset = coefficients[4u * p.c4 + c];`,
      each: /* wgsl */ `let d = x[p.x_base + pixel * p.x_stride + c] - center;
    ${masked(activation, 'dy[p.dy_base + pixel * p.dy_stride + c]')}
    dx[p.dx_base + pixel * p.dx_stride + c] = g * scale + (d * slope + offset);`,
    })}`,
  });
}

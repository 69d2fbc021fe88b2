/** @file Operators of training by their definitions, in float64. */

import type { Activation } from '../../src/kernels/pointwise/activation.ts';
import type { ReferencePool3d } from './pool3d.ts';
import { eachPixel, eachTap, type Volume, volume } from './volume.ts';

/** Mean and biased variance per channel. */
export function statistics(x: Volume): { mean: Float64Array; variance: Float64Array } {
  const channels = x.shape[4];
  const count = x.data.length / channels;
  const mean = channelSum(x).map((sum) => sum / count);
  const squares = x.data.map((value, i) => (value - mean[i % channels]!) ** 2);
  return { mean, variance: channelSum({ shape: x.shape, data: squares }).map((sum) => sum / count) };
}

export function channelSum(x: Volume): Float64Array {
  const channels = x.shape[4];
  const sums = new Float64Array(channels);
  x.data.forEach((value, i) => {
    sums[i % channels]! += value;
  });
  return sums;
}

type Vector = ArrayLike<number>;

export interface ReferenceNormalize {
  readonly x: Volume;
  readonly mean: Vector;
  readonly variance: Vector;
  readonly gamma: Vector;
  readonly beta: Vector;
  readonly epsilon: number;
  readonly activation: Activation;
}

export function normalize({ x, mean, variance, gamma, beta, epsilon, activation }: ReferenceNormalize): Float64Array {
  const channels = x.shape[4];
  return Float64Array.from(x.data, (value, i) => {
    const c = i % channels;
    const y = ((value - mean[c]!) / Math.sqrt(variance[c]! + epsilon)) * gamma[c]! + beta[c]!;
    return activation === 'relu' ? Math.max(y, 0) : y;
  });
}

/** With mean and variance as functions of x where `batch` is set. */
export function normalizeGradient(problem: ReferenceNormalize, dy: Vector, batch: boolean) {
  const { x, mean, variance, gamma, epsilon, activation } = problem;
  const channels = x.shape[4];
  const count = x.data.length / channels;
  const y = normalize(problem);
  const g = Float64Array.from(y, (value, i) => (activation === 'relu' && value <= 0 ? 0 : dy[i]!));
  const r = Float64Array.from({ length: channels }, (_, c) => 1 / Math.sqrt(variance[c]! + epsilon));
  const hat = Float64Array.from(x.data, (value, i) => (value - mean[i % channels]!) * r[i % channels]!);
  const dbeta = channelSum({ shape: x.shape, data: g });
  const dgamma = channelSum({ shape: x.shape, data: g.map((value, i) => value * hat[i]!) });
  const dx = g.map((value, i) => {
    const c = i % channels;
    const through = batch ? (dbeta[c]! + hat[i]! * dgamma[c]!) / count : 0;
    return gamma[c]! * r[c]! * (value - through);
  });
  return { dx, dgamma, dbeta };
}

/** To the first maximum of each window, or its last NaN, as in PyTorch; or evenly over a window's real inputs. */
export function pool3dGradient(x: Volume, dy: Volume, pool: ReferencePool3d): Float64Array {
  const { kernel, stride, padding, mode } = pool;
  const dx = volume(x.shape);
  const channels = x.shape[4];
  eachPixel(dy.shape, (n, t, h, w, pixel) => {
    const corner = [t * stride[0] - padding[0], h * stride[1] - padding[1], w * stride[2] - padding[2]] as const;
    for (let c = 0; c < channels; c++) {
      const window: number[] = [];
      eachTap(x.shape, n, corner, kernel, (_, from) => window.push(from * channels + c));
      const gradient = dy.data[pixel * channels + c]!;
      if (mode === 'average') {
        for (const at of window) dx.data[at]! += gradient / window.length;
      } else {
        const best = window.reduce((a, b) => (x.data[b]! > x.data[a]! || Number.isNaN(x.data[b]!) ? b : a));
        dx.data[best]! += gradient;
      }
    }
  });
  return dx.data;
}

/** Rows of logits and targets; rows of targets that are zero do not count. */
export function crossEntropy(
  logits: Vector,
  targets: Vector,
  classes: number,
): { loss: number; gradient: Float64Array } {
  const rows = logits.length / classes;
  const gradient = new Float64Array(logits.length);
  let [loss, count] = [0, 0];
  for (let row = 0; row < rows; row++) {
    const x = Array.from({ length: classes }, (_, c) => logits[row * classes + c]!);
    const t = x.map((_, c) => targets[row * classes + c]!);
    const mass = t.reduce((a, b) => a + b, 0);
    if (mass === 0) continue;
    count++;
    const peak = Math.max(...x);
    const log = peak + Math.log(x.reduce((sum, v) => sum + Math.exp(v - peak), 0));
    x.forEach((v, c) => {
      loss += t[c]! * (log - v);
      gradient[row * classes + c] = Math.exp(v - log) * mass - t[c]!;
    });
  }
  return { loss: loss / Math.max(count, 1), gradient: gradient.map((v) => v / Math.max(count, 1)) };
}

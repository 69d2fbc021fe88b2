/**
 * @file Spatial dropout: whole channels of a sample are zeroed with probability `rate`, the others scaled by 1/(1 − rate).
 *
 * Which ones follows from a hash of (seed, step, salt, sample, channel) alone, so nothing is stored: the gradient is the same
 * kernel on dy, and a run repeats exactly. The hash is pcg4d, twice. (Jarzynski and Olano, "Hash Functions for GPU Rendering",
 * JCGT 9(3), 2020.) One thread per vec4, channels first; bound by memory.
 */

import type { Kernel } from '../../core/kernel.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';

interface DropoutProblem {
  readonly x: View;
  readonly y: View;
  /** 0 ≤ rate < 1. */
  readonly rate: number;
  /** Tells the dropouts of a network apart. 32 bits. */
  readonly salt: number;
}

const Params = struct('Dropout', {
  pixels: 'u32',
  /** Pixels of a sample. */
  area: 'u32',
  c4: 'u32',
  x_base: 'u32',
  x_stride: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
  salt: 'u32',
  rate: 'f32',
  scale: 'f32',
});

/** Bindings: x, random (one vec4: lower and upper 24 bits of the seed, step), y. */
export function dropout({ x, y, rate, salt }: DropoutProblem, workgroupSize = 64): Kernel {
  const c4 = vec4s(y.shape[4]);
  return kernel({
    name: 'dropout',
    params: Params,
    values: {
      pixels: pixelsOf(y),
      area: pixelsOf(y) / y.shape[0],
      c4,
      x_base: x.base,
      x_stride: x.stride,
      y_base: y.base,
      y_stride: y.stride,
      salt: salt >>> 0,
      rate,
      scale: 1 / (1 - rate),
    },
    storage: ['x', 'random', 'y'].map((name) => storage(name)),
    workgroups: foldGrid(divideUp(pixelsOf(y) * c4, workgroupSize)),
    body: /* wgsl */ `
fn pcg4d(key: vec4u) -> vec4u {
  var v = key * 1664525u + 1013904223u;
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  v ^= v >> vec4u(16);
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  return v;
}

${entryPoint(workgroupSize)} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + lane;
  let pixel = index / p.c4;
  let c = index % p.c4;
  if (pixel >= p.pixels) { return; }
  let key = vec4u(random[0]);
  let state = pcg4d(vec4u(key.xyz, p.salt));
  // Four hashes in 0 … 1, one for each channel.
  let bits = pcg4d(state ^ vec4u(pixel / p.area, c, 0, 0));
  let keep = vec4f(bits >> vec4u(8)) * ${2 ** -24} >= vec4f(p.rate);
  // A product, as PyTorch has it: what is no number stays none where it is dropped.
  y[p.y_base + pixel * p.y_stride + c] = x[p.x_base + pixel * p.x_stride + c] * select(vec4f(0), vec4f(p.scale), keep);
}`,
  });
}

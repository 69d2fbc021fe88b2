/**
 * @file Whether a kernel's result is right, before its time counts: float64 sums, by the definition, at sampled outputs. The
 * samples cover the corners and the last channels, where tiles have their tails.
 */

import type { Accuracy } from '../src/core/kernel.ts';
import { isOp } from '../src/graph/graph.ts';
import type { Conv3dAttributes } from '../src/ops/conv3d/conv3d.ts';
import type { InputGradientAttributes, WeightGradientAttributes } from '../src/ops/conv3d/gradient.ts';
import { operators } from '../src/ops/index.ts';
import type { Pool3dAttributes } from '../src/ops/pool3d.ts';
import { resolvePadding, type WindowGeometry } from '../src/ops/sliding_window.ts';
import { eachTap, type Shape5 } from '../test/reference/volume.ts';
import type { Case } from './cases.ts';

/** Largest difference over the largest magnitude that is still right. */
export const TOLERANCE: Readonly<Record<Accuracy, number>> = { exact: 1e-5, fast: 1e-4, half: 1e-2 };

const PIXELS = 48;
const CHANNELS = 12;

interface Sample {
  readonly output: number;
  /** Row-major index into that output. */
  readonly index: number;
  readonly value: number;
}

export interface Oracle {
  readonly samples: readonly Sample[];
  /** Largest difference at the samples over the largest magnitude among them; Infinity for NaN. */
  error(outputs: readonly Float32Array[]): number;
}

/** `limit` numbers of 0 … count − 1: the first and last few, and others spread over the rest. */
function spread(count: number, limit: number): number[] {
  if (count <= limit) return Array.from({ length: count }, (_, i) => i);
  const chosen = new Set([0, 1, count - 2, count - 1]);
  // Steps by the golden ratio land everywhere and avoid the periods of tiles.
  for (let i = 1; chosen.size < limit; i++) chosen.add(Math.floor(((i * 0.6180339887) % 1) * count));
  return [...chosen].sort((a, b) => a - b);
}

/** @param data Values of the inputs, dense. */
export function oracle({ node, inputs, outputs }: Case, data: readonly Float32Array[]): Oracle {
  const [, frames, height, width] = outputs[0]!.shape as unknown as Shape5;
  const pixels = outputs[0]!.shape.slice(0, 4).reduce((a, b) => a * b, 1);
  const widths = outputs.map(({ shape }) => shape[4]!);
  const cout = widths.reduce((a, b) => a + b, 0);
  const value = evaluator(
    node,
    inputs.map(({ shape }) => shape),
    cout,
    data,
  );
  const samples: Sample[] = [];
  for (const pixel of spread(pixels, PIXELS)) {
    const w = pixel % width;
    const h = Math.floor(pixel / width) % height;
    const t = Math.floor(pixel / (width * height)) % frames;
    const n = Math.floor(pixel / (width * height * frames));
    for (const channel of spread(cout, CHANNELS)) {
      let [output, c] = [0, channel];
      while (c >= widths[output]!) c -= widths[output++]!;
      samples.push({ output, index: pixel * widths[output]! + c, value: value([n, t, h, w], channel) });
    }
  }
  const largest = samples.reduce((max, sample) => Math.max(max, Math.abs(sample.value)), 0) || 1;
  return {
    samples,
    error(results) {
      let worst = 0;
      for (const sample of samples) {
        const difference = Math.abs(results[sample.output]![sample.index]! - sample.value);
        worst = Math.max(worst, Number.isNaN(difference) ? Infinity : difference);
      }
      return worst / largest;
    },
  };
}

/** Of an output N×T×H×W×C; of weights kt×kh×kw×Cin×Cout the first four. */
type Position = readonly [n: number, t: number, h: number, w: number];
type Evaluator = (at: Position, channel: number) => number;

function evaluator(
  node: Case['node'],
  shapes: readonly (readonly number[])[],
  cout: number,
  data: readonly Float32Array[],
): Evaluator {
  if (isOp(node, operators.conv3dWeightGradient)) {
    return weightGradient(node.attributes, shapes as unknown as Shape5[], data);
  }
  if (isOp(node, operators.conv3dInputGradient)) {
    return inputGradient(node.attributes, shapes as unknown as Shape5[], data);
  }
  if (isOp(node, operators.conv3d) || isOp(node, operators.pool3d)) {
    return forward(node.attributes, shapes[0] as unknown as Shape5, shapes[1], cout, data);
  }
  if (isOp(node, operators.conv3dBranches)) {
    const { channels, ...shared } = node.attributes;
    const couts = channels.map((each) => each.reduce((a, b) => a + b, 0));
    const half = shapes.length / 2;
    const [first, second] = couts.map((count, i) => {
      const own = <T>(list: readonly T[]): readonly T[] => list.slice(i * half, (i + 1) * half);
      const [x, weights] = own(shapes);
      return forward(
        { ...shared, groups: 1, channels: channels[i]! },
        x as unknown as Shape5,
        weights,
        count,
        own(data),
      );
    });
    return (at, channel) => (channel < couts[0]! ? first!(at, channel) : second!(at, channel - couts[0]!));
  }
  throw new Error(`Nothing says what ${node.operator.type} gives.`);
}

const before = (geometry: WindowGeometry, [, t, h, w]: Shape5): number[] =>
  resolvePadding(geometry, [t, h, w]).map(([first]) => first);

function weightGradient(
  geometry: WeightGradientAttributes,
  [x, dy]: readonly Shape5[],
  [values, gradients]: readonly Float32Array[],
): Evaluator {
  const [pt, ph, pw] = before(geometry, x!) as [number, number, number];
  const { stride } = geometry;
  const [samples, frames, height, width, cout] = dy!;
  return ([kt, kh, kw, ci], co) => {
    let sum = 0;
    for (let n = 0; n < samples; n++) {
      for (let t = 0; t < frames; t++) {
        const xt = t * stride[0] + kt - pt;
        if (xt < 0 || xt >= x![1]) continue;
        for (let h = 0; h < height; h++) {
          const xh = h * stride[1] + kh - ph;
          if (xh < 0 || xh >= x![2]) continue;
          for (let w = 0; w < width; w++) {
            const xw = w * stride[2] + kw - pw;
            if (xw < 0 || xw >= x![3]) continue;
            const from = (((n * x![1] + xt) * x![2] + xh) * x![3] + xw) * x![4] + ci;
            sum += values![from]! * gradients![(((n * frames + t) * height + h) * width + w) * cout + co]!;
          }
        }
      }
    }
    return sum;
  };
}

function inputGradient(
  attributes: InputGradientAttributes,
  [dy, weights]: readonly Shape5[],
  [gradients, values]: readonly Float32Array[],
): Evaluator {
  const [kt, kh, kw, cin, cout] = weights!;
  const { stride, size } = attributes;
  const [pt, ph, pw] = before({ ...attributes, kernel: [kt, kh, kw] }, [1, ...size, cin]) as [number, number, number];
  /** The output position that reads this input position through a tap; −1 where there is none. */
  const reader = (at: number, pad: number, tap: number, step: number, limit: number): number => {
    const output = (at + pad - tap) / step;
    return Number.isInteger(output) && output >= 0 && output < limit ? output : -1;
  };
  return ([n, t, h, w], ci) => {
    let sum = 0;
    for (let tap = 0; tap < kt * kh * kw; tap++) {
      const yt = reader(t, pt, Math.floor(tap / (kh * kw)), stride[0], dy![1]);
      const yh = reader(h, ph, Math.floor(tap / kw) % kh, stride[1], dy![2]);
      const yw = reader(w, pw, tap % kw, stride[2], dy![3]);
      if (yt < 0 || yh < 0 || yw < 0) continue;
      const from = (((n * dy![1] + yt) * dy![2] + yh) * dy![3] + yw) * cout;
      const row = (tap * cin + ci) * cout;
      for (let c = 0; c < cout; c++) sum += gradients![from + c]! * values![row + c]!;
    }
    return sum;
  };
}

function forward(
  attributes: Pool3dAttributes | Conv3dAttributes,
  x: Shape5,
  weightShape: readonly number[] | undefined,
  cout: number,
  [values, weights, bias]: readonly Float32Array[],
): Evaluator {
  const kernel = ('mode' in attributes ? attributes.kernel : weightShape!.slice(0, 3)) as WindowGeometry['kernel'];
  const { stride } = attributes;
  const padding = before({ ...attributes, kernel }, x);
  const corner = ([, t, h, w]: Position) =>
    [t * stride[0] - padding[0]!, h * stride[1] - padding[1]!, w * stride[2] - padding[2]!] as const;
  const cin = x[4];
  if ('mode' in attributes) {
    return (at, channel) => {
      let [sum, max, count] = [0, -Infinity, 0];
      eachTap(x, at[0], corner(at), kernel, (_, pixel) => {
        const value = values![pixel * cin + channel]!;
        [sum, max, count] = [sum + value, Math.max(max, value), count + 1];
      });
      return attributes.mode === 'max' ? max : sum / count;
    };
  }
  const { groups, activation } = attributes;
  const inner = cin / groups;
  return (at, channel) => {
    const first = Math.floor(channel / (cout / groups)) * inner;
    let sum: number = bias ? bias[channel]! : 0;
    eachTap(x, at[0], corner(at), kernel, (tap, pixel) => {
      for (let c = 0; c < inner; c++) {
        sum += values![pixel * cin + first + c]! * weights![(tap * inner + c) * cout + channel]!;
      }
    });
    return activation === 'relu' ? Math.max(sum, 0) : sum;
  };
}

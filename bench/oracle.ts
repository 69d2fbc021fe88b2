/**
 * @file Whether a kernel's result is right, before its time counts: float64 sums, by the definition, at sampled outputs. The
 * samples cover the corners and the last channels, where tiles have their tails.
 */

import type { Accuracy } from '../src/core/kernel.ts';
import { resolvePadding, type WindowGeometry } from '../src/ops/window.ts';
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

/**
 * @param data Values of x, and for convolutions of the weights (kt×kh×kw×Cin×Cout) and the bias, dense.
 */
export function oracle({ node, inputs, outputs }: Case, data: readonly Float32Array[]): Oracle {
  const x = inputs[0]!.shape as unknown as Shape5;
  const [, frames, height, width] = outputs[0]!.shape as unknown as Shape5;
  const pixels = outputs[0]!.shape.slice(0, 4).reduce((a, b) => a * b, 1);
  const widths = outputs.map(({ shape }) => shape[4]!);
  const cout = widths.reduce((a, b) => a + b, 0);
  const value = evaluator(node, x, inputs[1]?.shape, cout, data);
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

type Position = readonly [n: number, t: number, h: number, w: number];

function evaluator(
  node: Case['node'],
  x: Shape5,
  weightShape: readonly number[] | undefined,
  cout: number,
  [values, weights, bias]: readonly Float32Array[],
): (at: Position, channel: number) => number {
  const { attributes } = node;
  const kernel = ('mode' in attributes ? attributes.kernel : weightShape!.slice(0, 3)) as WindowGeometry['kernel'];
  const { stride } = attributes;
  const before = resolvePadding({ ...attributes, kernel }, [x[1], x[2], x[3]]).map(([first]) => first);
  const corner = ([, t, h, w]: Position) =>
    [t * stride[0] - before[0]!, h * stride[1] - before[1]!, w * stride[2] - before[2]!] as const;
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
  const { groups, relu } = attributes;
  const inner = cin / groups;
  return (at, channel) => {
    const first = Math.floor(channel / (cout / groups)) * inner;
    let sum: number = bias ? bias[channel]! : 0;
    eachTap(x, at[0], corner(at), kernel, (tap, pixel) => {
      for (let c = 0; c < inner; c++) {
        sum += values![pixel * cin + first + c]! * weights![(tap * inner + c) * cout + channel]!;
      }
    });
    return relu ? Math.max(sum, 0) : sum;
  };
}

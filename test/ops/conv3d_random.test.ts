/**
 * @file Convolutions whose windows, strides, paddings, groups and channels nobody thought of, by a kernel of each family that offers itself.
 * Everything follows from a case's number, which its name begins with.
 */

import { describe, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { conv3dCandidates } from '../../src/ops/conv3d/candidates.ts';
import type { Padding } from '../../src/ops/sliding_window.ts';
import { oneOfEachFamily, runCandidate } from '../candidates.ts';
import { FULL } from '../full.ts';
import { testGpu } from '../harness.ts';
import { build, type ConvolutionCase, expectOutputs, type Triple } from './convolution_case.ts';

const KERNELS: readonly Triple[] = [
  [1, 1, 1],
  [3, 3, 3],
  [3, 1, 1],
  [1, 3, 3],
  [5, 1, 1],
  [7, 1, 1],
  [1, 7, 7],
  [1, 1, 3],
  [2, 2, 2],
  [1, 3, 1],
  [3, 3, 1],
  [1, 5, 5],
  [7, 7, 7],
];
const STRIDES: readonly Triple[] = [
  [1, 1, 1],
  [1, 1, 1],
  [1, 2, 2],
  [2, 1, 1],
  [2, 2, 2],
  [1, 1, 3],
  [3, 1, 2],
];

/** Channels that come in and go out, and their groups. */
function channelsOf(draw: Random): { cin: number; channels: readonly number[]; groups: number } {
  const from = (least: number, most: number): number => least + draw.integer(most - least + 1);
  switch (draw.integer(4)) {
    case 0: {
      const depth = draw.integer(3) === 0 ? from(1, 30) : 4 * from(1, 9);
      return { cin: depth, channels: [depth], groups: depth };
    }
    case 1: {
      const groups = from(2, 4);
      return { cin: groups * draw.pick([3, 4, 8, 12]), channels: [groups * draw.pick([4, 5, 8])], groups };
    }
    default: {
      const cin = draw.pick([1, 2, 3, 4, 5, 8, 13, 16, 24, 33, 64, 100]);
      return {
        cin,
        channels: draw.pick([[from(1, 70)], [4 * from(1, 20)], [4, 9], [8, 4, 13], [from(1, 9)]]),
        groups: 1,
      };
    }
  }
}

function randomCase(seed: number): ConvolutionCase {
  const draw = new Random(seed, 'convolution');
  const [kernel, stride] = [draw.pick(KERNELS), draw.pick(STRIDES)];
  const byHand = kernel.map((extent) => [draw.integer(extent), draw.integer(extent)] as const) as unknown as Padding;
  const padding = draw.pick<Padding>(['same', 'same', 'valid', byHand]);
  // As many as the window has, so that it fits without padding.
  const [t, h, w] = [9, 15, 15].map((most, axis) => kernel[axis]! + draw.integer(most)) as unknown as Triple;
  const short = padding === 'same' && draw.integer(2) === 0 ? 1 + draw.integer(3) : t;
  const { cin, channels, groups } = channelsOf(draw);
  return {
    name: `${seed}: ${cin} to ${channels}, ${kernel.join('×')} / ${stride.join('×')}, ${groups} groups`,
    x: [1 + draw.integer(2), short, h, w, cin],
    channels,
    kernel,
    stride,
    padding,
    groups,
    bias: draw.integer(2) === 0,
    activation: draw.pick(['none', 'relu']),
    sliced: draw.integer(2) === 0,
    // The largest frame, 21×21×100 in the middle of wider pixels, has 198 kB.
    ...(draw.integer(4) === 0 && { limit: 200_000 }),
  };
}

const gpu = testGpu();

describe.each(Array.from({ length: FULL ? 60 : 8 }, (_, seed) => randomCase(seed)))('$name', (test) => {
  it.each([false, true])('is computed as by the definition; weights are states: %s', async (trained) => {
    const { node, io, x, weights, bias, expected } = build(test, trained);
    const profile = { ...gpu().profile, maxStorageBinding: test.limit ?? gpu().profile.maxStorageBinding };
    for (const candidate of oneOfEachFamily(conv3dCandidates(node, io, profile))) {
      const outputs = await runCandidate(gpu(), candidate, io, [x.data, weights, bias], test.limit);
      expectOutputs(candidate, outputs, io, expected);
    }
  });
});

import { describe, expect, it } from 'vitest';
import { flowGrey } from '../../src/kernels/tvl1/grey.ts';
import { FINISHED, type Iterations, planeOf, SLOT_WORDS, type Tvl1State } from '../../src/kernels/tvl1/layout.ts';
import { medianExchanges, tvl1Median } from '../../src/kernels/tvl1/median.ts';
import { tvl1Output } from '../../src/kernels/tvl1/output.ts';
import { tvl1Resize } from '../../src/kernels/tvl1/resize.ts';
import { tvl1Smooth } from '../../src/kernels/tvl1/smooth.ts';
import { tvl1Sweep } from '../../src/kernels/tvl1/sweep.ts';
import { fixedThreshold, tileShape, tvl1Tile } from '../../src/kernels/tvl1/tile.ts';
import { tvl1Upsample } from '../../src/kernels/tvl1/upsample.ts';
import { tvl1Visibility } from '../../src/kernels/tvl1/visibility.ts';
import { tvl1Warp } from '../../src/kernels/tvl1/warp.ts';
import { tvl1WeightedMedian } from '../../src/kernels/tvl1/weighted_median.ts';
import {
  dataWordAt,
  floats,
  packFlow,
  packFrames,
  runSteps,
  unpackFlow,
  unpackFrame,
  wordAt,
} from '../flow/buffers.ts';
import {
  at,
  iterate,
  median,
  type Picture,
  picture,
  resize,
  smooth,
  softness,
  still,
  visibility,
  type Warped,
  warp,
  weightedMedian,
} from '../flow/reference.ts';
import { uniform } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';

const random = (name: string, width: number, height: number, scale: number): Picture =>
  picture(width, height, (x, y) => Math.fround((2 * uniform(name, y * width + x) - 1) * scale));

/** Smooth texture 0 … 255. */
const texture = (width: number, height: number, shift = 0): Picture =>
  picture(width, height, (x, y) => 128 + 60 * Math.sin((x + shift) * 0.7) * Math.cos(y * 0.5) + 40 * Math.sin(y * 0.9));

const SIZES = [
  { width: 37, height: 19 },
  { width: 1, height: 1 },
  { width: 5, height: 3 },
  { width: 64, height: 40 },
  { width: 30, height: 50 },
];

const PAIRS = 2;
const stateOf = (extent: { width: number; height: number }, slot = 0): Tvl1State => ({
  extent,
  pairs: PAIRS,
  pitch: planeOf(extent),
  half: planeOf(extent) * 2 * PAIRS,
  slot,
});

describe('TV-L1 kernels against their definitions', () => {
  const gpu = testGpu();

  it('grey is what OpenCV makes of RGB', async () => {
    const extent = { width: 5, height: 3 };
    const rgb = Uint8Array.from({ length: 2 * 15 * 3 + 2 }, (_, i) => Math.floor(uniform('rgb', i) * 256));
    const { grey } = await runSteps(
      gpu(),
      { rgb: new Uint32Array(rgb.buffer), grey: new Float32Array(2 * planeOf(extent) * 4) },
      [{ kernel: flowGrey(extent, 2), on: ['rgb', 'grey'] }],
    );
    for (let k = 0; k < 2; k++) {
      const at = (x: number, y: number, c: number): number => rgb[((k * 3 + y) * 5 + x) * 3 + c]!;
      const expected = picture(
        5,
        3,
        (x, y) => (at(x, y, 0) * 9798 + at(x, y, 1) * 19235 + at(x, y, 2) * 3735 + 16384) >> 15,
      );
      expect(unpackFrame(floats(grey!), k, extent)).toEqual(expected);
    }
  });

  it.each(SIZES)('resize of $width×$height', async (extent) => {
    const frames = [random('a', extent.width, extent.height, 255), random('b', extent.width, extent.height, 255)];
    for (const [to, step] of [
      [
        { width: Math.ceil(extent.width * 0.8), height: Math.ceil(extent.height * 0.8) },
        { x: 1.25, y: 1.25 },
      ],
      [
        { width: extent.width * 2 + 1, height: extent.height + 3 },
        { x: extent.width / (extent.width * 2 + 1), y: extent.height / (extent.height + 3) },
      ],
    ] as const) {
      const run = await runSteps(
        gpu(),
        { from: packFrames(frames, Number.NaN), to: new Float32Array(planeOf(to) * 8) },
        [{ kernel: tvl1Resize(extent, to, 2, step), on: ['from', 'to'] }],
      );
      for (const k of [0, 1]) {
        const expected = resize(frames[k]!, to.width, to.height, step);
        expectClose(unpackFrame(floats(run.to!), k, to).data, expected.data, 1e-5);
      }
    }
  });

  it.each(['x', 'y'] as const)('smoothing along %s', async (axis) => {
    const frame = random('s', 21, 13, 255);
    const run = await runSteps(
      gpu(),
      { from: packFrames([frame], Number.NaN), to: new Float32Array(planeOf(frame) * 4) },
      [{ kernel: tvl1Smooth(frame, 1, axis, 0.8), on: ['from', 'to'] }],
    );
    expectClose(unpackFrame(floats(run.to!), 0, frame).data, smooth(frame, axis, 0.8).data, 1e-5);
  });

  describe.each([
    { interpolation: 'bicubic', taps: 3, blend: 0, loop: 'constant', dataIn: 'texels' },
    { interpolation: 'bilinear', taps: 3, blend: 0, loop: 'constant' },
    { interpolation: 'bicubic', taps: 3, blend: 0.5, loop: 'constant' },
    { interpolation: 'bicubic', taps: 5, blend: 0.3, loop: 'uniform', dataIn: 'texels' },
    { interpolation: 'bicubic', taps: 5, blend: 0, loop: 'constant' },
    { interpolation: 'bilinear', taps: 5, blend: 0.3, loop: 'uniform' },
    { interpolation: 'bicubic', taps: 5, blend: 0.3, visible: true, loop: 'uniform', dataIn: 'texels' },
    { interpolation: 'bilinear', taps: 3, blend: 0, visible: true, loop: 'constant' },
    { interpolation: 'bilinear', taps: 3, blend: 0, edge: 2.5, loop: 'constant' },
  ] as const)('$interpolation warp, $taps points, blend $blend, visible $visible, edge $edge, $dataIn', (options) => {
    const common = { visible: false, edge: 0, dataIn: 'buffer' } as const;
    const { interpolation, taps, blend, loop, visible, edge, dataIn } = { ...common, ...options };
    // Most of what moves wildly is not visible at all.
    const most = visible ? 0.3 : 4;
    it.each(SIZES)('of $width×$height, with flow that leaves the picture', async (extent) => {
      const { width, height } = extent;
      const frames = [0, 1, 2].map((k) => texture(width, height, k));
      const u = new Float32Array(planeOf(extent) * 8 * PAIRS * 2).fill(Number.NaN);
      // Away from where rounding to 1/32 px turns over, which float32 and float64 would do differently.
      const near = (p: Picture): Picture => ({
        ...p,
        data: p.data.map((value) => Math.fround((Math.round(value * 32) + 0.2) / 32)),
      });
      const flows = [0, 1].map(
        (k) => [near(random(`u${k}`, width, height, most)), near(random(`v${k}`, width, height, most))] as const,
      );
      // Pair 1's flow is in the second half.
      flows.forEach(([fu, fv], k) => {
        packFlow(u, k * planeOf(extent) * 8 * PAIRS, k, fu, fv);
      });
      const { data } = await runSteps(
        gpu(),
        {
          frames: packFrames(frames, Number.NaN),
          u,
          data: new Float32Array(planeOf(extent) * 16 * PAIRS),
          slots: new Uint32Array([0, 0, 0, 0, 1, 0, 0, 0]),
        },
        [
          {
            kernel: tvl1Warp(
              stateOf(extent),
              { interpolation, gradientBlend: blend, gradientTaps: taps, visibilityWeight: visible, edgeWeight: edge },
              { loop, dataIn },
            ),
            on: ['frames', 'u', 'data', 'slots'],
          },
        ],
      );
      flows.forEach(([fu, fv], k) => {
        const expected = warp(frames[k]!, frames[k + 1]!, fu, fv, interpolation, { taps, blend, visible });
        const read = (c: number): Picture =>
          picture(width, height, (x, y) => floats(data!)[dataWordAt(extent, k, x, y, c, dataIn)]!);
        expectClose(read(0).data, expected.ix.data, 1e-4);
        expectClose(read(1).data, expected.iy.data, 1e-4);
        expectClose(read(2).data, expected.rho.data, 2e-4);
        if (edge > 0) {
          expectClose(read(3).data, softness(frames[k]!, edge).data, 1e-4);
          return;
        }
        const square = expected.ix.data.map((ix, i) => Math.max(ix * ix + expected.iy.data[i]! ** 2, 1e-30));
        expectClose(read(3).data, square, 1e-4);
      });
    });
  });

  it.each([3, 5] as const)('the network of size %s finds the median of every arrangement of zeros and ones', (size) => {
    const count = size * size;
    const trials = size === 3 ? 512 : 20_000;
    for (let trial = 0; trial < trials; trial++) {
      const bits = Array.from({ length: count }, (_, i) =>
        size === 3 ? (trial >> i) & 1 : Number(uniform(`m${trial}`, i) < 0.5),
      );
      const m = [...bits];
      for (const [a, b] of medianExchanges(size)) [m[a], m[b]] = [Math.min(m[a]!, m[b]!), Math.max(m[a]!, m[b]!)];
      expect(m[(count - 1) / 2]).toBe(Number(bits.reduce((sum, bit) => sum + bit, 0) > count / 2));
    }
  });

  it.each(SIZES)('median of $width×$height', async (extent) => {
    const { width, height } = extent;
    for (const size of [3, 5] as const) {
      const u = new Float32Array(planeOf(extent) * 8 * PAIRS * 2).fill(Number.NaN);
      const flows = [0, 1].map((k) => [random(`u${k}`, width, height, 4), random(`v${k}`, width, height, 4)] as const);
      flows.forEach(([fu, fv], k) => {
        packFlow(u, 0, k, fu, fv);
      });
      // Pair 1 has converged: it must be left alone, and say so in the next slot.
      const run = await runSteps(
        gpu(),
        { u, slots: new Uint32Array([0, 99, 60, 51, 2, 99, 7, 3, ...new Array(8).fill(0)]) },
        [{ kernel: tvl1Median(stateOf(extent), size, { always: false, count: 3, fixed: 50 }), on: ['u', 'slots'] }],
      );
      expect([...run.slots!.slice(8)]).toEqual([1, 0xffffffff, 0xffffffff, 0xffffffff, 2, 99, 7, 3]);
      const result = unpackFlow(floats(run.u!), planeOf(extent) * 8 * PAIRS, 0, extent);
      expect(result.u.data).toEqual(median(flows[0]![0], size).data);
      expect(result.v.data).toEqual(median(flows[0]![1], size).data);
    }
  });

  it.each([
    [9, 'constant'],
    [13, 'uniform'],
  ] as const)('weighted median %d×, loops %s', async (size, loop) => {
    for (const extent of SIZES) {
      const { width, height } = extent;
      const frames = [0, 1, 2].map((k) => random(`f${k}`, width, height, 12));
      // Two surfaces that meet in the middle, and motion that leaves the picture.
      const flows = [0, 1].map((k): [Picture, Picture] => {
        const [u, v] = [random(`u${k}`, width, height, 0.2), random(`v${k}`, width, height, 0.1)];
        return [picture(width, height, (x, y) => Math.fround(at(u, x, y) + (2 * x < width ? 3 : -1))), v];
      });
      const half = planeOf(extent) * 8 * PAIRS;
      const u = new Float32Array(half * 2).fill(Number.NaN);
      flows.forEach(([fu, fv], k) => {
        packFlow(u, k * half, k, fu, fv);
      });
      const data = new Float32Array(planeOf(extent) * 16 * PAIRS).fill(Number.NaN);
      const slots = new Uint32Array([2 + FINISHED, 0, 0, 0, 1, 0, 0, 0, ...new Array(8).fill(0)]);
      const on = ['frames', 'u', 'data', 'slots'];
      const run = await runSteps(gpu(), { frames: packFrames(frames, Number.NaN), u, data, slots }, [
        { kernel: tvl1Visibility(stateOf(extent)), on },
        { kernel: tvl1WeightedMedian(stateOf(extent), size, loop), on },
      ]);
      expect([...run.slots!.slice(8)]).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
      flows.forEach((flow, k) => {
        const seen = visibility(frames[k]!, frames[k + 1]!, ...flow);
        expectClose(unpackFrame(floats(run.data!), k * 4, extent).data, seen.data, 1e-4);
        const expected = weightedMedian(flow, frames[k]!, seen, size);
        const result = unpackFlow(floats(run.u!), (1 - k) * half, k, extent);
        for (const [found, wanted] of [
          [result.u, expected[0]!],
          [result.v, expected[1]!],
        ] as const) {
          for (let i = 0; i < wanted.data.length; i++) {
            expect(Math.abs(found.data[i]! - wanted.data[i]!)).toBeLessThan(0.006);
          }
        }
      });
    }
  });

  it.each(SIZES)('upsampling to $width×$height starts the dual variable again', async (extent) => {
    const from = { width: Math.ceil(extent.width / 2), height: Math.ceil(extent.height / 2) };
    const half = planeOf(extent) * 8 * PAIRS;
    const u = new Float32Array(half * 2).fill(Number.NaN);
    const flow = [random('u', from.width, from.height, 4), random('v', from.width, from.height, 4)] as const;
    // Pair 0 in the second half, pair 1 in the first, as far apart as on the finer level.
    const shift = (planeOf(extent) - planeOf(from)) * 8;
    packFlow(u, half, 0, ...flow);
    packFlow(u, shift, 1, ...flow);
    const run = await runSteps(
      gpu(),
      {
        u,
        dual_u: new Float32Array(half * 2).fill(7),
        dual_v: new Float32Array(half * 2).fill(7),
        slots: new Uint32Array([1, ...new Array(15).fill(0)]),
        out: new Float32Array(extent.width * extent.height * 2 * PAIRS),
      },
      [
        { kernel: tvl1Upsample(stateOf(extent), from, 2), on: ['u', 'dual_u', 'dual_v', 'slots'] },
        { kernel: tvl1Output(stateOf(extent, 1)), on: ['u', 'slots', 'out'] },
      ],
    );
    expect([...run.slots!.slice(8)]).toEqual([0, 0, 0, 0, 3, 0, 0, 0]);
    const step = { x: from.width / extent.width, y: from.height / extent.height };
    const expected = flow.map((part) => resize(part, extent.width, extent.height, step).data);
    const interleaved = Float64Array.from(
      { length: extent.width * extent.height * 2 },
      (_, i) => 2 * expected[i % 2]![i >> 1]!,
    );
    for (const k of [0, 1])
      expectClose(floats(run.out!).slice(k * interleaved.length, (k + 1) * interleaved.length), interleaved, 1e-5);
    expect(run.dual_u![wordAt(extent, 0, 0, 0, 1)]).toBe(0);
    expect(run.dual_v![half + wordAt(extent, 1, 0, 0, 1)]).toBe(0);
  });

  describe.each([
    ['sweep', true, false, 'texels'],
    ['sweep', false, false, 'buffer'],
    ['sweep', false, true, 'texels'],
    ['sweep', false, true, 'buffer'],
    ['tile', true, false, 'buffer'],
    ['tile', false, false, 'buffer'],
    ['tile', false, true, 'buffer'],
  ] as const)(
    'iterations by %s, exact rounding %s, weighted smoothness %s, data in %s',
    (kind, exact, weighted, dataIn) => {
      it.each(SIZES.filter(({ width }) => width > 1))('of $width×$height', async (extent) => {
        const { width, height } = extent;
        const weights = { tau: 0.25, lambda: 0.15, theta: 0.3 };
        // A sweep does what is left of a round, however much that is; tiles a number that divides it.
        const inner = kind === 'sweep' ? 5 : 6;
        const iterations: Iterations = { outer: 1, inner, median: 1, ...weights, epsilon2: 0, exact, weighted };
        const words = planeOf(extent) * 8 * PAIRS;
        const data = new Float32Array(words * 2).fill(1e-30);
        const soft = [0, 1].map((k) => softness(random(`soft${k}`, width, height, 255), 2.5));
        const gradients = [1, 2, -3, 9, 0, -0.5];
        const warped = [0, 1].map((k): Warped => {
          const pick = (name: string) => random(`${name}${k}`, width, height, 1);
          const choose = (p: Picture): Picture => ({
            ...p,
            data: p.data.map((value) => gradients[Math.floor(((value + 1) / 2) * 5.99)]!),
          });
          const [ix, iy] = [choose(pick('ix')), choose(pick('iy'))];
          const rho = random(`rho${k}`, width, height, 3);
          for (let y = 0; y < height; y++) {
            for (let x = 0; x < width; x++) {
              const i = y * width + x;
              const square = ix.data[i]! ** 2 + iy.data[i]! ** 2;
              const values = [ix.data[i]!, iy.data[i]!, rho.data[i]!, weighted ? soft[k]!.data[i]! : square];
              values.forEach((value, c) => {
                data[dataWordAt(extent, k, x, y, c, dataIn)] = Math.max(value, c === 3 ? 1e-30 : value);
              });
            }
          }
          return { ix, iy, rho };
        });
        const buffers = {
          u: new Float32Array(words * 2),
          dual_u: new Float32Array(words * 2),
          dual_v: new Float32Array(words * 2),
          data,
          slots: new Uint32Array(PAIRS * SLOT_WORDS * 3),
        };
        const on = ['u', 'dual_u', 'dual_v', 'data', 'slots'];
        // Tiles of both sizes, and both ways of summing.
        const shape = tileShape({
          maxWorkgroupStorage: exact ? 16384 : 32768,
          subgroups: !exact && gpu().profile.subgroups,
        });
        const lanes = gpu().profile.subgroupMaxSize;
        if (kind === 'sweep' && ![4, 8, 16].includes(lanes)) return;
        const steps =
          kind === 'sweep'
            ? [{ kernel: tvl1Sweep(stateOf(extent), iterations, lanes, dataIn), on }]
            : [0, 1].map((slot) => ({
                kernel: tvl1Tile(stateOf(extent, slot), iterations, {
                  count: 3,
                  shape,
                  run: slot === 0 ? 'always' : 'unless done',
                }),
                on,
              }));
        const run = await runSteps(gpu(), buffers, steps);
        const final = kind === 'sweep' ? 1 : 2;
        for (const k of [0, 1]) {
          expect(run.slots![(final * PAIRS + k) * SLOT_WORDS]).toBe(0);
          let state = still(width, height);
          for (let i = 0; i < inner; i++)
            state = iterate(state, warped[k]!, weights, weighted ? soft[k] : undefined).state;
          const result = unpackFlow(floats(run.u!), 0, k, extent);
          expectClose(result.u.data, state.u.data, 2e-4);
          expectClose(result.v.data, state.v.data, 2e-4);
        }
      });
    },
  );

  it('a tile leaves the error in fixed point, and stops where it was small', async () => {
    const extent = { width: 37, height: 19 };
    const weights = { tau: 0.25, lambda: 0.15, theta: 0.3 };
    const data = new Float32Array(planeOf(extent) * 16 * PAIRS).fill(1e-30);
    for (let y = 0; y < 19; y++) {
      for (let x = 0; x < 37; x++) {
        [1, 0, x - 18, 1].forEach((value, c) => {
          data[dataWordAt(extent, 0, x, y, c)] = value;
        });
      }
    }
    const warped: Warped = {
      ix: picture(37, 19, () => 1),
      iy: picture(37, 19, () => 0),
      rho: picture(37, 19, (x) => x - 18),
    };
    const first = iterate(still(37, 19), warped, weights);
    const epsilon2 = (2 * first.error) / (37 * 19);
    const words = planeOf(extent) * 16 * PAIRS;
    const tile = { count: 1, shape: tileShape({ maxWorkgroupStorage: 16384, subgroups: gpu().profile.subgroups }) };
    const iterations: Iterations = {
      outer: 1,
      inner: 1,
      median: 1,
      ...weights,
      epsilon2,
      exact: true,
      weighted: false,
    };
    const on = ['u', 'dual_u', 'dual_v', 'data', 'slots'];
    const run = await runSteps(
      gpu(),
      {
        u: new Float32Array(words),
        dual_u: new Float32Array(words),
        dual_v: new Float32Array(words),
        data,
        slots: new Uint32Array(PAIRS * SLOT_WORDS * 3),
      },
      [
        { kernel: tvl1Tile(stateOf(extent), iterations, { ...tile, run: 'always' }), on },
        { kernel: tvl1Tile(stateOf(extent, 1), iterations, { ...tile, run: 'unless done' }), on },
      ],
    );
    expect(run.slots![PAIRS * SLOT_WORDS + 1]! / fixedThreshold(extent, tile)).toBeCloseTo(0.5, 5);
    expect([...run.slots!.slice(PAIRS * SLOT_WORDS * 2)]).toEqual([3 + FINISHED, 0, 0, 0, 3 + FINISHED, 0, 0, 0]);
  });
});

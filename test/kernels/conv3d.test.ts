import { describe, expect, it } from 'vitest';
import type { DeviceProfile, Kernel } from '../../src/core/kernel.ts';
import { conv3dDirect } from '../../src/kernels/conv3d/direct.ts';
import { conv3dMatrix } from '../../src/kernels/conv3d/matrix.ts';
import { type Conv3dProblem, packHalves, packPanels, packWeights } from '../../src/kernels/conv3d/problem.ts';
import { conv3dRegister } from '../../src/kernels/conv3d/processor/register.ts';
import { conv3dSubgroup } from '../../src/kernels/conv3d/processor/subgroup.ts';
import { conv3dSplitKMatrix } from '../../src/kernels/conv3d/split_k_matrix.ts';
import { conv3dTiled, conv3dTiledFits } from '../../src/kernels/conv3d/tiled.ts';
import type { Activation } from '../../src/kernels/pointwise/activation.ts';
import { matrixTileLabel } from '../../src/kernels/shared/matrix_product.ts';
import { padChannels } from '../../src/kernels/shared/stored.ts';
import { denseView, type View, vec4s } from '../../src/kernels/shared/view.ts';
import { emulatedMatrices, emulatesMatrices } from '../emulated_matrix.ts';
import { fill } from '../formula.ts';
import { FULL } from '../full.ts';
import { expectClose, runKernel, testGpu } from '../harness.ts';
import { conv3d } from '../reference/conv3d.ts';
import { type Shape5, sizeOf5, type Volume } from '../reference/volume.ts';

type Triple = readonly [number, number, number];

interface Case {
  readonly name: string;
  readonly x: Shape5;
  /** N T H W of the outputs. */
  readonly y: readonly [number, number, number, number];
  /** Channels of each output. */
  readonly channels: readonly number[];
  readonly kernel: Triple;
  readonly stride?: Triple;
  readonly padding?: Triple;
  readonly groups?: number;
  readonly activation?: Activation;
  /** Put views into the middle of wider tensors. */
  readonly sliced?: boolean;
}

const CASES: readonly Case[] = [
  { name: 'one pixel, one channel', x: [1, 1, 1, 1, 1], y: [1, 1, 1, 1], channels: [1], kernel: [1, 1, 1] },
  {
    name: '3 → 5, 3×3×3 on 2×7×13',
    x: [1, 2, 7, 13, 3],
    y: [1, 2, 7, 13],
    channels: [5],
    kernel: [3, 3, 3],
    padding: [1, 1, 1],
    activation: 'relu',
  },
  {
    name: '5 → 17, stride 2, padding only at the end',
    x: [2, 7, 2, 13, 5],
    y: [2, 4, 1, 7],
    channels: [17],
    kernel: [3, 3, 3],
    stride: [2, 2, 2],
  },
  {
    name: '17 → 33, 1×3×3, stride 1×2×1, asymmetric',
    x: [2, 2, 7, 7, 17],
    y: [2, 2, 4, 8],
    channels: [33],
    kernel: [1, 3, 3],
    stride: [1, 2, 1],
    padding: [0, 0, 2],
  },
  {
    name: '33 → 3, 3×1×1',
    x: [1, 13, 2, 1, 33],
    y: [1, 13, 2, 1],
    channels: [3],
    kernel: [3, 1, 1],
    padding: [1, 0, 0],
    activation: 'relu',
  },
  {
    name: '3 → 8, 7×7×7, stride 2',
    x: [1, 5, 13, 13, 3],
    y: [1, 3, 7, 7],
    channels: [8],
    kernel: [7, 7, 7],
    stride: [2, 2, 2],
    padding: [2, 3, 3],
  },
  { name: '20 → 70, many tiles', x: [2, 2, 13, 13, 20], y: [2, 2, 13, 13], channels: [70], kernel: [1, 1, 1] },
  {
    name: 'window wider than the input',
    x: [1, 1, 2, 2, 4],
    y: [1, 3, 4, 4],
    channels: [4],
    kernel: [5, 5, 5],
    padding: [3, 3, 3],
  },
  {
    name: 'a later range of frames (negative padding)',
    x: [1, 7, 2, 7, 5],
    y: [1, 3, 2, 7],
    channels: [5],
    kernel: [3, 3, 3],
    padding: [-2, 1, 1],
  },
  {
    name: 'channel slices',
    x: [1, 2, 7, 7, 9],
    y: [1, 2, 7, 7],
    channels: [13],
    kernel: [3, 3, 3],
    padding: [1, 1, 1],
    activation: 'relu',
    sliced: true,
  },
  {
    name: 'three outputs',
    x: [1, 2, 7, 13, 17],
    y: [1, 2, 7, 13],
    channels: [32, 4, 33],
    kernel: [1, 1, 1],
    activation: 'relu',
    sliced: true,
  },
];

const GROUPED: readonly Case[] = [
  {
    name: 'depthwise, 33 groups',
    x: [1, 2, 7, 2, 33],
    y: [1, 2, 7, 2],
    channels: [33],
    kernel: [3, 3, 3],
    padding: [1, 1, 1],
    groups: 33,
    activation: 'relu',
  },
  {
    name: '6 → 9, 3 groups',
    x: [2, 2, 2, 7, 6],
    y: [2, 2, 2, 7],
    channels: [9],
    kernel: [3, 1, 3],
    padding: [1, 0, 1],
    groups: 3,
  },
  {
    name: '15 → 5, 5 groups, slices',
    x: [1, 2, 7, 7, 15],
    y: [1, 1, 4, 4],
    channels: [5],
    kernel: [3, 3, 3],
    stride: [2, 2, 2],
    padding: [0, 1, 1],
    groups: 5,
    sliced: true,
  },
];

interface Member {
  readonly name: string;
  /** Takes weights of 16 bits. */
  readonly half?: boolean;
  /** Another tile of a kernel that is there already: only the full run has its shaders for ReLU and for several outputs. */
  readonly another?: boolean;
  applies?(profile: DeviceProfile): boolean;
  kernel(problem: Conv3dProblem, profile: DeviceProfile): Kernel;
}

interface MatrixOptions {
  readonly half?: boolean;
  /** The device says that subgroups may be so many times as large as they are. */
  readonly larger?: number;
  readonly another?: boolean;
}

/** The kernel of subgroup matrices, run on matrices that ordinary subgroups emulate. */
function matrixMember(
  [bm, bn, bk]: Triple,
  [rows, columns]: readonly [number, number],
  [M, N, K]: Triple,
  { half = false, larger = 1, another = false }: MatrixOptions = {},
): Member {
  const tile = { bm, bn, bk, rows, columns, M, N, K, half };
  return {
    name: `matrix ${half ? 'half ' : ''}${matrixTileLabel(tile)}${larger > 1 ? ', idle subgroups' : ''}`,
    half,
    another,
    applies: (profile) => emulatesMatrices(profile) && (profile.shaderF16 || !half),
    kernel: (problem, { subgroupMaxSize }) =>
      conv3dMatrix(problem, tile, {
        lanes: larger * subgroupMaxSize,
        exact: larger === 1,
        pin: false,
        dialect: emulatedMatrices(subgroupMaxSize),
      }),
  };
}

const MEMBERS: readonly Member[] = [
  { name: 'direct', kernel: conv3dDirect },
  { name: 'register', kernel: (problem) => conv3dRegister(problem, { lanes: 8, pixelsPerLane: 3, vectorsPerLane: 2 }) },
  {
    name: 'subgroup',
    applies: ({ subgroups, subgroupMinSize: min, subgroupMaxSize: max }) => subgroups && min === max && max <= 16,
    kernel: (problem, profile) => conv3dSubgroup(problem, { lanes: profile.subgroupMinSize, pixelsPerLane: 2 }),
  },
  {
    name: 'tiled 64×64×16',
    another: true,
    kernel: (problem) => conv3dTiled(problem, { bm: 64, bn: 64, bk: 16, tm: 4, tn: 8 }),
  },
  { name: 'tiled 32×16×8', kernel: (problem) => conv3dTiled(problem, { bm: 32, bn: 16, bk: 8, tm: 4, tn: 4 }) },
  {
    name: 'half tiled 32×16×8',
    half: true,
    applies: ({ shaderF16 }) => shaderF16,
    kernel: (problem) => conv3dTiled(problem, { bm: 32, bn: 16, bk: 8, tm: 4, tn: 4, half: true }),
  },
  // Small tiles: a software adapter compiles a step of 64×64×32 for half a minute.
  matrixMember([32, 32, 16], [2, 2], [8, 8, 8], { another: true }),
  matrixMember([16, 32, 8], [2, 1], [8, 16, 8]),
  matrixMember([16, 16, 8], [1, 2], [16, 8, 8], { larger: 2, another: true }),
  matrixMember([32, 32, 16], [2, 2], [16, 16, 16], { half: true, another: true }),
  matrixMember([32, 32, 16], [2, 2], [8, 16, 16], { half: true }),
];

const gpu = testGpu();

/** All else is uniforms and data: these cases share one shader. */
const isPlain = ({ channels }: Case): boolean => channels.length === 1;

function casesOf({ name, another }: Member): readonly Case[] {
  if (name === 'direct') return [...CASES, ...GROUPED];
  return another && !FULL ? CASES.filter(isPlain) : CASES;
}

describe.each(MEMBERS)('conv3d $name', (member) => {
  it.for(casesOf(member))('$name', async (test, { skip }) => {
    const { profile } = gpu();
    skip(member.applies?.(profile) === false, 'this adapter has no narrow subgroups of one size, or no f16');
    const { problem, x, weights, bias, shape } = build(test);
    const kernel = member.kernel(problem, profile);
    const inner = test.x[4] / problem.groups;
    const results = await runKernel(gpu(), kernel, {
      inputs: {
        x: { view: problem.x, data: x.data },
        weights: member.half
          ? packHalves(packWeights(weights, taps(test), inner, shape[4]))
          : packWeights(weights, taps(test), inner, shape[4]),
        bias: padChannels(bias),
      },
      outputs: Object.fromEntries(problem.outputs.map((view, i) => [`y${i}`, view])),
    });
    const expected = conv3d(x, weights, bias, shape, problem);
    let first = 0;
    problem.outputs.forEach((view, i) => {
      expectClose(results[`y${i}`]!, channelRange(expected, first, view.shape[4]), member.half ? 1e-3 : 1e-5);
      first += view.shape[4];
    });
  });
});

describe('conv3d_splitk_matrix', () => {
  const tile = { bm: 16, bn: 32, bk: 8, rows: 2, columns: 1, M: 8, N: 16, K: 8 } as const;

  // 23 steps of K: the parts have 4 each, and the last of 7 none.
  it.for(CASES.filter(({ name }) => name.startsWith('17 →') || name.startsWith('33 →')))(
    'adds up the parts of K: $name',
    async (test, { skip }) => {
      const { profile } = gpu();
      skip(!emulatesMatrices(profile), 'this adapter has no narrow subgroups of one size');
      const { problem, x, weights, shape } = build(test);
      const parts = 7;
      const lanes = profile.subgroupMaxSize;
      const device = { lanes, exact: true, pin: false, dialect: emulatedMatrices(lanes) };
      const width = 4 * vec4s(shape[4]);
      const pixels = sizeOf5(shape) / shape[4];
      const { sums } = await runKernel(gpu(), conv3dSplitKMatrix(problem, parts, tile, device), {
        inputs: {
          x: { view: problem.x, data: x.data },
          weights: packWeights(weights, taps(test), test.x[4], shape[4]),
        },
        outputs: { sums: denseView([parts, 1, 1, pixels, width]) },
      });
      const linear = { ...problem, activation: 'none' } as const;
      const expected = conv3d(x, weights, new Float32Array(shape[4]), shape, linear).data;
      const found = Float32Array.from(expected, (_, i) => {
        const at = Math.floor(i / shape[4]) * width + (i % shape[4]);
        return Array.from({ length: parts }, (_, part) => sums![part * pixels * width + at]!).reduce((a, b) => a + b);
      });
      expectClose(found, expected, 1e-5);
    },
  );
});

describe('conv3d', () => {
  it('folds grids of more than 65535 workgroups', async () => {
    const x: Shape5 = [1, 1, 1, 70_001, 1];
    const problem: Conv3dProblem = {
      x: denseView(x),
      outputs: [denseView(x)],
      kernel: [1, 1, 1],
      stride: [1, 1, 1],
      padding: [0, 0, 0],
      groups: 1,
      activation: 'none',
    };
    const kernel = conv3dRegister(problem, { lanes: 1, pixelsPerLane: 1, vectorsPerLane: 1 });
    expect(kernel.workgroups).toEqual([35_001, 1, 2]);
    const data = fill('fold', sizeOf5(x));
    const { y0 } = await runKernel(gpu(), kernel, {
      inputs: {
        x: { view: problem.x, data },
        weights: packWeights(Float32Array.of(2), 1, 1, 1),
        bias: padChannels(Float32Array.of(1)),
      },
      outputs: { y0: problem.outputs[0]! },
    });
    expectClose(
      y0!,
      data.map((value) => 2 * value + 1),
      1e-6,
    );
  });

  it.for(MEMBERS.filter(({ half }) => half))(
    '$name takes what f16 cannot hold for the largest value that it can',
    async (member, { skip }) => {
      const { profile } = gpu();
      skip(member.applies?.(profile) === false, 'this adapter has no f16');
      const shape: Shape5 = [1, 1, 1, 6, 1];
      const problem: Conv3dProblem = {
        x: denseView(shape),
        outputs: [denseView(shape)],
        kernel: [1, 1, 1],
        stride: [1, 1, 1],
        padding: [0, 0, 0],
        groups: 1,
        activation: 'none',
      };
      const run = async (x: number[], weight: number) => {
        const { y0 } = await runKernel(gpu(), member.kernel(problem, profile), {
          inputs: {
            x: { view: problem.x, data: Float32Array.from(x) },
            weights: packHalves(packWeights(Float32Array.of(weight), 1, 1, 1)),
            bias: padChannels(Float32Array.of(0)),
          },
          outputs: { y0: problem.outputs[0]! },
        });
        return [...y0!];
      };
      // The product and the sum are f32: 2 · 65504 is not infinite.
      const x = [65504, 1e5, 3e38, -65519, -1e9, 1];
      expect(await run(x, 2)).toEqual([131008, 131008, 131008, -131008, -131008, 2]);
      expect(await run([1, -1, 2, 0, 0.5, -2], 1e6)).toEqual([65504, -65504, 131008, 0, 32752, -131008]);
    },
  );

  it('knows which tiles a device can run', () => {
    const profile = { ...gpu().profile, maxWorkgroupStorage: 16_384, maxInvocationsPerWorkgroup: 256 };
    expect(conv3dTiledFits(profile, { bm: 64, bn: 64, bk: 16, tm: 8, tn: 8 })).toBe(true);
    expect(conv3dTiledFits(profile, { bm: 128, bn: 128, bk: 8, tm: 8, tn: 8 })).toBe(true);
    expect(conv3dTiledFits(profile, { bm: 128, bn: 128, bk: 16, tm: 8, tn: 8 })).toBe(false);
    const roomy = { ...profile, maxWorkgroupStorage: 32_768 };
    expect(conv3dTiledFits(roomy, { bm: 128, bn: 128, bk: 16, tm: 8, tn: 8 })).toBe(true);
    expect(conv3dTiledFits(roomy, { bm: 128, bn: 64, bk: 32, tm: 4, tn: 4 })).toBe(false);
    const half = { bm: 128, bn: 128, bk: 16, tm: 8, tn: 8, half: true };
    expect(conv3dTiledFits({ ...profile, shaderF16: true }, half)).toBe(true);
    expect(conv3dTiledFits({ ...profile, shaderF16: false }, half)).toBe(false);
    expect(() => conv3dTiledFits(profile, { bm: 48, bn: 64, bk: 16, tm: 8, tn: 8 })).toThrow(RangeError);
  });
});

const taps = ({ kernel }: Case): number => kernel[0] * kernel[1] * kernel[2];

function build(test: Case): {
  problem: Conv3dProblem;
  x: Volume;
  weights: Float32Array;
  bias: Float32Array;
  shape: Shape5;
} {
  const { groups = 1, activation = 'none', stride = [1, 1, 1], padding = [0, 0, 0], kernel, sliced = false } = test;
  const cout = test.channels.reduce((sum, c) => sum + c, 0);
  const inner = test.x[4] / groups;
  return {
    problem: {
      x: view(test.x, sliced),
      outputs: test.channels.map((c) => view([...test.y, c], sliced)),
      kernel,
      stride,
      padding,
      groups,
      activation,
    },
    x: { shape: test.x, data: fill(`${test.name}.x`, sizeOf5(test.x)) },
    weights: fill(`${test.name}.w`, taps(test) * inner * cout),
    bias: fill(`${test.name}.b`, cout),
    shape: [...test.y, cout],
  };
}

function view(shape: Shape5, sliced: boolean): View {
  return sliced ? { shape, stride: vec4s(shape[4]) + 3, base: 2 } : denseView(shape);
}

function channelRange({ shape, data }: Volume, first: number, count: number): number[] {
  return Array.from(data).filter((_, i) => i % shape[4] >= first && i % shape[4] < first + count);
}

describe('packPanels', () => {
  it('puts what a workgroup reads into one run, and narrows the last panel', () => {
    // 2 groups of 2 rows of 3 vec4; values say group, row, vec4.
    const packed = Float32Array.from({ length: 2 * 2 * 3 * 4 }, (_, i) => {
      const [vector, at] = [i >> 2, i & 3];
      return at === 0 ? 100 * Math.floor(vector / 6) + 10 * (Math.floor(vector / 3) % 2) + (vector % 3) : 0;
    });
    const first = (values: Float32Array) => [...values].filter((_, i) => i % 4 === 0);
    expect(first(packPanels(packed, 2, 3, 2))).toEqual([0, 1, 10, 11, 2, 12, 100, 101, 110, 111, 102, 112]);
    expect(packPanels(packed, 2, 3, 3)).toEqual(packed);
  });
});

import { describe, expect, it } from 'vitest';
import { floatToHalf, halfToFloat } from '../../src/core/half.ts';
import type { DeviceProfile } from '../../src/core/kernel.ts';
import { conv3dCandidates } from '../../src/ops/conv3d/candidates.ts';
import type { ConvolutionNode } from '../../src/ops/conv3d/family.ts';
import { bestFirst } from '../../src/ops/estimate.ts';
import { oneOfEachFamily, operand, runCandidate } from '../candidates.ts';
import { FULL } from '../full.ts';
import { testGpu } from '../harness.ts';
import { MADE_UP_GPU } from '../made_up_device.ts';
import { AMD, APPLE, INTEL, NVIDIA } from '../matrix_devices.ts';
import { withValues } from '../nan.ts';
import type { Shape5 } from '../reference/volume.ts';
import { build, type ConvolutionCase, expectOutputs, operands } from './convolution_case.ts';

interface Case extends ConvolutionCase {
  /** Candidates that must be among those tested, by the start of their names. */
  readonly has: readonly string[];
}

const OVER_TIME = ['winograd 4×1×1', 'winograd 2×1×1'];
const WINOGRAD = ['winograd 1×4×4', 'winograd 1×2×2', 'winograd 2×2×2'];

const CASES: readonly Case[] = [
  { name: 'one pixel, one channel', x: [1, 1, 1, 1, 1], channels: [1], kernel: [3, 3, 3], has: WINOGRAD },
  { name: '5 → 17 on 2×7×13', x: [1, 2, 7, 13, 5], channels: [17], kernel: [3, 3, 3], has: WINOGRAD },
  { name: '33 → 5 on 7×2×1', x: [1, 7, 2, 1, 33], channels: [5], kernel: [3, 3, 3], activation: 'relu', has: WINOGRAD },
  { name: '17 → 33, batch 2, bias', x: [2, 3, 7, 7, 17], channels: [33], kernel: [3, 3, 3], bias: true, has: WINOGRAD },
  {
    name: '1×3×3, padding by hand',
    x: [1, 2, 7, 13, 3],
    channels: [5],
    kernel: [1, 3, 3],
    padding: [
      [0, 0],
      [2, 1],
      [0, 2],
    ],
    bias: true,
    has: WINOGRAD.slice(0, 2),
  },
  {
    name: '5×3×3, valid over time',
    x: [1, 7, 5, 6, 8],
    channels: [12],
    kernel: [5, 3, 3],
    padding: [
      [0, 0],
      [1, 1],
      [1, 1],
    ],
    has: WINOGRAD.slice(0, 2),
  },
  {
    name: 'slices, three outputs',
    x: [1, 3, 7, 6, 9],
    channels: [8, 4, 13],
    kernel: [3, 3, 3],
    bias: true,
    activation: 'relu',
    sliced: true,
    has: WINOGRAD,
  },
  {
    name: 'in parts over batch and time',
    x: [2, 7, 13, 13, 12],
    channels: [12],
    kernel: [3, 3, 3],
    bias: true,
    sliced: true,
    limit: 200_000,
    has: WINOGRAD,
  },
  { name: 'many rows and channels', x: [1, 4, 13, 14, 36], channels: [70], kernel: [3, 3, 3], has: WINOGRAD },
  {
    name: '3×1×1, batch 2, bias, slices',
    x: [2, 7, 5, 3, 17],
    channels: [4, 33],
    kernel: [3, 1, 1],
    bias: true,
    activation: 'relu',
    sliced: true,
    has: OVER_TIME,
  },
  {
    name: '3×1×1 in parts, padding by hand',
    x: [2, 13, 7, 6, 12],
    channels: [20],
    kernel: [3, 1, 1],
    padding: [
      [2, 0],
      [0, 0],
      [0, 0],
    ],
    limit: 40_000,
    has: OVER_TIME,
  },
  // Of F(4) over time they are large enough for the device to transform them.
  { name: '3×1×1, one frame', x: [1, 1, 3, 5, 290], channels: [310], kernel: [3, 1, 1], has: OVER_TIME },
  // Of F(4×4) they are large enough for that.
  { name: 'weights that the device transforms', x: [1, 2, 5, 6, 69], channels: [73], kernel: [3, 3, 3], has: WINOGRAD },
  {
    name: 'stride 2',
    x: [1, 7, 13, 7, 17],
    channels: [5],
    kernel: [3, 3, 3],
    stride: [2, 2, 2],
    has: ['subgroup', 'tiled'],
  },
  {
    name: '5×5 of stride 2, 17 channels',
    x: [1, 5, 13, 7, 17],
    channels: [5],
    kernel: [3, 5, 5],
    stride: [1, 2, 2],
    bias: true,
    has: WINOGRAD,
  },
  { name: '4×4', x: [1, 2, 7, 13, 5], channels: [33], kernel: [2, 4, 4], has: ['winograd 1×4×4', 'winograd 1×3×3'] },
  { name: '5×5×5', x: [1, 3, 7, 13, 9], channels: [33], kernel: [5, 5, 5], bias: true, has: ['winograd 1×2×2'] },
  {
    name: '3×9×9 of stride 2',
    x: [1, 3, 13, 14, 5],
    // Two outputs are other shaders than three.
    channels: FULL ? [4, 9] : [4, 4, 5],
    kernel: [3, 9, 9],
    stride: [1, 2, 2],
    sliced: true,
    has: ['winograd 1×2×2'],
  },
  { name: 'groups', x: [1, 2, 7, 7, 6], channels: [9], kernel: [3, 3, 3], groups: 3, has: ['direct'] },
  {
    name: 'depthwise 3×3×3, batch 2, slices',
    x: [2, 3, 5, 17, 9],
    channels: [9],
    kernel: [3, 3, 3],
    groups: 9,
    bias: true,
    sliced: true,
    activation: 'relu',
    has: ['depthwise lanes 4', 'direct'],
  },
  {
    name: 'depthwise 3×3×3, stride 1×2×2, in parts',
    x: [2, 5, 6, 37, 8],
    channels: [8],
    kernel: [3, 3, 3],
    stride: [1, 2, 2],
    groups: 8,
    limit: 60_000,
    has: ['depthwise lanes 4'],
  },
  {
    name: 'depthwise 2×2×2, stride 2×1×3, padding by hand',
    x: [1, 5, 7, 9, 5],
    channels: [5],
    kernel: [2, 2, 2],
    stride: [2, 1, 3],
    padding: [
      [0, 2],
      [1, 0],
      [1, 2],
    ],
    groups: 5,
    has: ['depthwise lanes 4'],
  },
  {
    name: 'depthwise 5×1×1 on 2 frames',
    x: [1, 2, 3, 8, 4],
    channels: [4],
    kernel: [5, 1, 1],
    groups: 4,
    has: ['depthwise lanes 4'],
  },
  {
    name: 'two groups of several vec4, slices',
    x: [2, 3, 7, 6, 16],
    channels: [24],
    kernel: [3, 1, 3],
    stride: [1, 1, 2],
    groups: 2,
    bias: true,
    sliced: true,
    activation: 'relu',
    has: ['direct'],
  },
  {
    name: 'two channels for each of the input',
    x: [1, 2, 4, 5, 6],
    channels: [12],
    kernel: [3, 3, 3],
    groups: 6,
    has: ['direct'],
  },
  {
    name: 'stem, 3 channels',
    x: [1, 5, 13, 13, 3],
    channels: [8],
    kernel: [7, 7, 7],
    stride: [2, 2, 2],
    activation: 'relu',
    has: ['packed subgroup 3', 'packed tiled', 'winograd 1×4×4', 'winograd 1×3×3'],
  },
  {
    name: 'stem, 2 channels, slices, in parts',
    x: [2, 9, 7, 13, 2],
    channels: [17],
    kernel: [7, 7, 7],
    stride: [2, 2, 2],
    bias: true,
    sliced: true,
    limit: 60_000,
    has: ['packed subgroup 3', 'packed tiled', 'winograd 1×4×4', 'winograd 1×3×3'],
  },
  { name: 'stem, 1 channel, 3 columns', x: [1, 2, 2, 2, 1], channels: [3], kernel: [1, 2, 3], has: ['packed'] },
  {
    name: 'few pixels, long K',
    x: [1, 2, 7, 7, 33],
    channels: [65],
    kernel: [3, 3, 3],
    bias: true,
    has: ['split-k 7', 'split-k 5 32×32'],
  },
  {
    name: 'few pixels, long K, three outputs',
    x: [1, 1, 2, 7, 600],
    channels: [4, 8, 5],
    kernel: [1, 1, 1],
    activation: 'relu',
    sliced: true,
    has: ['split-k 4', 'split-k 4 32×32'],
  },
  {
    name: 'one row: a dense layer over a volume',
    x: [1, 1, 3, 4, 30],
    channels: [50],
    kernel: [1, 3, 4],
    padding: 'valid',
    bias: true,
    activation: 'relu',
    has: ['few rows'],
  },
  {
    name: 'three rows, sliced',
    x: [3, 1, 1, 1, 270],
    channels: [36, 33],
    kernel: [1, 1, 1],
    sliced: true,
    has: ['few rows'],
  },
];

/** Cases that are run once more with NaN in x: every epilogue, with ReLU and without, into one output and several. */
const WITH_NAN = new Set([
  '17 → 33, batch 2, bias',
  'slices, three outputs',
  '3×1×1, batch 2, bias, slices',
  'groups',
  'depthwise 3×3×3, batch 2, slices',
  'stem, 3 channels',
  'few pixels, long K, three outputs',
  'one row: a dense layer over a volume',
]);

/** Where the adapter has matrix units, their kernels are among the candidates. */
const gpu = testGpu({ experimental: true });

describe.each(CASES)('$name', (test) => {
  const profile = (): DeviceProfile => ({
    ...gpu().profile,
    maxStorageBinding: test.limit ?? gpu().profile.maxStorageBinding,
  });

  it.each([
    { weights: 'parameters', trained: false },
    { weights: 'states', trained: true },
  ])('is computed by every candidate as by the definition, weights being $weights', async ({ trained }) => {
    const { node, io, x, weights, bias, expected } = build(test, trained);
    const candidates = conv3dCandidates(node, io, profile());
    const { subgroups } = gpu().profile;
    for (const name of test.has.filter((start) => subgroups || !start.includes('subgroup'))) {
      expect(candidates.map((candidate) => candidate.name).filter((found) => found.startsWith(name))).not.toEqual([]);
    }
    const half = candidates.filter(({ accuracy }) => accuracy === 'half').map(({ name }) => name);
    expect(half.every((name) => name.startsWith('half '))).toBe(true);
    const whole = node.groups === 1 || test.name.startsWith('two groups');
    expect(half.length > 0).toBe(gpu().profile.shaderF16 && whole && !trained);
    if (node.groups > 1) {
      expect(candidates.some(({ name }) => name.startsWith('grouped'))).toBe(whole && !trained);
      if (whole && !trained) expect(bestFirst(candidates, profile())[0]!.name).toMatch(/^(half )?grouped/);
    }
    expect(new Set(candidates.map(({ name }) => name)).size).toBe(candidates.length);
    const nan = WITH_NAN.has(test.name) && build(test, trained, withValues(x.data, [1, x.data.length - 1]));
    // All else is uniforms and data, so that single outputs share their shaders.
    for (const candidate of test.channels.length === 1 ? candidates : oneOfEachFamily(candidates)) {
      const run = (values: Float32Array) => runCandidate(gpu(), candidate, io, [values, weights, bias], test.limit);
      expectOutputs(candidate, await run(x.data), io, expected);
      if (nan) expectOutputs(candidate, await run(nan.x.data), io, nan.expected);
    }
  });
});

describe('depthwise on GPUs', () => {
  // The software adapter takes seconds to compile a tile of 27 taps that is written out.
  const own = CASES.filter(({ name }) => name.startsWith('depthwise'));
  const small = own.filter(({ kernel }) => kernel[0] * kernel[1] * kernel[2] < 27);
  it.each(FULL ? own : small)('$name', async (test) => {
    const { node, io, x, weights, bias, expected } = build(test, false);
    const profile = { ...gpu().profile, software: false };
    const candidates = conv3dCandidates(node, io, {
      ...profile,
      maxStorageBinding: test.limit ?? profile.maxStorageBinding,
    });
    const tiles = candidates.filter(({ name }) => name.startsWith('depthwise'));
    expect(tiles.length).toBe(5);
    expect(bestFirst(candidates, profile)[0]!.name).toMatch(/^depthwise/);
    for (const candidate of FULL ? tiles : tiles.slice(0, 2)) {
      const outputs = await runCandidate(gpu(), candidate, io, [x.data, weights, bias], test.limit);
      expectOutputs(candidate, outputs, io, expected);
    }
  });
});

it('few rows are computed on GPUs without subgroups, in parts', async () => {
  const test = CASES.find(({ name }) => name === 'three rows, sliced')!;
  const { node, io, x, weights, bias, expected } = build(test, false);
  const candidates = conv3dCandidates(node, io, { ...gpu().profile, software: false });
  const found = candidates.filter(({ name }) => /^(half )?few rows/.test(name));
  expect(found.map(({ name }) => name)).toContain('few rows 4');
  for (const candidate of found)
    expectOutputs(candidate, await runCandidate(gpu(), candidate, io, [x.data, weights, bias]), io, expected);
});

describe('activations in f16', () => {
  const all = () => true;

  // Each combination is a shader of its own, which the software adapter takes seconds to compile.
  it.for([
    { name: '17 → 33, batch 2, bias', what: 'read and written', x: true, y: all },
    { name: 'in parts over batch and time', what: 'read and written', x: true, y: all },
    { name: 'groups', what: 'read and written', x: true, y: all },
    { name: 'depthwise 5×1×1 on 2 frames', what: 'read and written', x: true, y: all },
    { name: 'few pixels, long K', what: 'read and written', x: true, y: all },
    {
      name: 'slices, three outputs',
      what: 'read, and every second output written',
      x: true,
      y: (i: number) => i % 2 === 1,
    },
    { name: 'stem, 3 channels', what: 'written', x: false, y: all },
  ])('are $what by every candidate that is offered: $name', async ({ name, ...halved }, { skip }) => {
    skip(!gpu().profile.shaderF16, 'this adapter has no f16');
    const test = CASES.find((other) => other.name === name)!;
    const whole = build(test, false);
    const rounded = Float32Array.from(whole.x.data, (value) => halfToFloat(floatToHalf(value)));
    const { x, weights, bias, expected } = halved.x ? build(test, false, rounded) : whole;
    const io = {
      inputs: whole.io.inputs.map((input, i) => (i === 0 ? operand(input.type.shape, test.sliced, halved.x) : input)),
      outputs: whole.io.outputs.map(({ type }, i) => operand(type.shape, test.sliced, halved.y(i))),
    };
    const profile = { ...gpu().profile, maxStorageBinding: test.limit ?? gpu().profile.maxStorageBinding };
    const candidates = conv3dCandidates(whole.node, io, profile);
    expect(candidates.map(({ name }) => name)).toContain('direct');
    if (whole.node.groups === 1) expect(candidates.some(({ name }) => name.startsWith('half tiled'))).toBe(true);
    const nan = WITH_NAN.has(test.name) && build(test, false, withValues(x.data, [1, x.data.length - 1]));
    for (const candidate of oneOfEachFamily(candidates)) {
      const run = (values: Float32Array) => runCandidate(gpu(), candidate, io, [values, weights, bias], test.limit);
      expectOutputs(candidate, await run(x.data), io, expected);
      if (nan) expectOutputs(candidate, await run(nan.x.data), io, nan.expected);
    }
  });
});

describe('the first candidate', () => {
  const cube = { kernel: [3, 3, 3] } as const;
  const stem = { kernel: [7, 7, 7], stride: [2, 2, 2] } as const;
  const PROCESSOR = { vendor: 'mesa', software: true, subgroups: true, subgroupMinSize: 8, subgroupMaxSize: 8 };

  it.each([
    ['early 3×3×3', [1, 8, 56, 56, 64], 192, cube, 'fast', 'winograd 1×4×4 subgroup panels 1'],
    ['early 3×3×3', [1, 8, 56, 56, 64], 192, cube, 'exact', 'subgroup panels 1'],
    ['late 3×3×3', [1, 2, 7, 7, 160], 320, cube, 'fast', 'subgroup panels 1'],
    ['late 3×3×3', [1, 2, 7, 7, 160], 320, cube, 'exact', 'subgroup panels 1'],
    ['3×3×3 on few channels', [1, 8, 28, 28, 4], 64, cube, 'fast', 'subgroup panels 1'],
    ['the stem', [1, 16, 224, 224, 3], 64, stem, 'fast', 'winograd 1×4×4 subgroup panels 1'],
    ['the stem', [1, 16, 224, 224, 3], 64, stem, 'exact', 'packed subgroup panels 1'],
    ['1×1×1', [1, 8, 28, 28, 192], 176, {}, 'fast', 'subgroup panels 1'],
    ['3×1×1', [1, 8, 28, 28, 288], 128, { kernel: [3, 1, 1] }, 'fast', 'winograd 4×1×1 subgroup panels 1'],
  ] as const)('on a processor: %s, %j → %i', (_, x, cout, window, accuracy, name) => {
    expect(first(PROCESSOR, x, cout, window, accuracy)).toBe(name);
    // Where shaders cannot read textures, or do so slowly, the weights are in a buffer.
    for (const other of [{ texels: false }, { vendor: 'google', subgroupMinSize: 4, subgroupMaxSize: 4 }]) {
      expect(first({ ...PROCESSOR, ...other }, x, cout, window, accuracy)).toBe(name.replace('panels 1', '2'));
    }
  });

  it('on a processor is the same in the class half: conversions cost it more than they save', () => {
    const processor = { ...PROCESSOR, shaderF16: true };
    expect(first(processor, [1, 8, 56, 56, 64], 192, cube, 'half')).toBe('winograd 1×4×4 subgroup panels 1');
    expect(first(processor, [1, 8, 28, 28, 192], 176, {}, 'half')).toBe('subgroup panels 1');
  });

  it('on a processor reads the weights of a dense layer once', () => {
    const dense = (profile: Partial<DeviceProfile>, rows: number) =>
      first(profile, [rows, 1, 1, 1, 8192], 4096, {}, 'exact');
    expect(dense(PROCESSOR, 1)).toBe('few rows panels 1');
    expect(dense({ ...PROCESSOR, texels: false }, 1)).toBe('few rows 4');
    expect(dense(PROCESSOR, 64)).toBe('subgroup panels 1');
  });

  it('on a processor without subgroups is the register tile', () => {
    const processor = { software: true, subgroups: false, subgroupMinSize: 0, subgroupMaxSize: 0 };
    expect(first(processor, [1, 8, 28, 28, 192], 176, {}, 'exact')).toBe('register 4×8');
  });

  it.each([
    ['early 3×3×3', [1, 8, 56, 56, 64], 192, cube, 'fast', 'winograd 1×4×4 tiled 64×64×16 8×8'],
    ['early 3×3×3', [1, 8, 56, 56, 64], 192, cube, 'exact', 'tiled 128×64×16 8×8'],
    ['late 3×3×3', [1, 8, 7, 7, 160], 320, cube, 'exact', 'split-k 14'],
    ['3×3×3 on few channels', [1, 8, 28, 28, 16], 32, cube, 'fast', 'winograd 1×2×2 tiled 64×32×16 8×4'],
    ['a dense layer', [1, 1, 1, 1, 8192], 4096, {}, 'exact', 'few rows 32'],
  ] as const)('on a GPU: %s, %j → %i', (_, x, cout, window, accuracy, name) => {
    expect(first({}, x, cout, window, accuracy)).toBe(name);
  });

  it.each([
    // A quarter of the products in f32 is less work than all of them from f16.
    ['early 3×3×3', [1, 8, 56, 56, 64], 192, cube, 'winograd 1×4×4 tiled 64×64×16 8×8'],
    ['1×1×1', [1, 16, 56, 56, 192], 176, {}, 'half tiled 128×64×16 8×8'],
    ['late 1×1×1', [1, 2, 7, 7, 832], 448, {}, 'half split-k 6 32×32'],
    ['a dense layer', [1, 1, 1, 1, 8192], 4096, {}, 'half few rows 32'],
  ] as const)('on a GPU with f16, in the class half: %s, %j → %i', (_, x, cout, window, name) => {
    expect(first({ shaderF16: true }, x, cout, window, 'half')).toBe(name);
    expect(first({ shaderF16: true }, x, cout, window, 'fast')).toBe(first({}, x, cout, window, 'fast'));
  });
});

describe('on a GPU with matrix units, the first candidate', () => {
  const pointwise = [[1, 16, 28, 28, 512], 256, {}] as const;
  const [nvidia, intel, apple] = [
    { ...NVIDIA, vendor: 'nvidia' },
    { ...INTEL, vendor: 'intel' },
    { ...APPLE, vendor: 'apple' },
  ];

  it.each([
    ['NVIDIA, class half', nvidia, 'half', 'half matrix 64×64×32 16×16×16'],
    ['Intel, class half', intel, 'half', 'half matrix 64×64×32 8×16×16'],
    // Its units add up f16 in f16, which no class allows; f32 they multiply as f32.
    ['Apple, class half', apple, 'half', 'matrix 64×64×16 8×8×8'],
    ['Apple, class exact', apple, 'exact', 'matrix 64×64×16 8×8×8'],
    ['NVIDIA, class exact', nvidia, 'exact', 'tiled 128×64×16 8×8'],
    ['NVIDIA without its shapes', { ...nvidia, subgroupMatrix: undefined }, 'half', 'half tiled 128×64×16 8×8'],
    ['NVIDIA, little memory', { ...nvidia, maxWorkgroupStorage: 15_000 }, 'half', 'half matrix 32×32×64 16×16×16'],
  ] as const)('for %s', (_, profile, accuracy, name) => {
    expect(first(profile, ...pointwise, accuracy)).toBe(name);
  });

  it('on AMD has few lanes where the compiler pairs multiply-adds for them', () => {
    const amd = { ...AMD, vendor: 'amd', subgroupMatrix: undefined, shaderF16: false };
    const of = (architecture: string, more: Partial<DeviceProfile> = {}) =>
      first({ ...amd, architecture, ...more }, ...pointwise, 'exact');
    expect(of('rdna-3')).toMatch(/^tiled .* on 32 lanes$/);
    expect(of('rdna-2')).toMatch(/^tiled [^a-z]*$/);
    expect(of('rdna-3', { subgroupSizeControl: false })).toMatch(/^tiled [^a-z]*$/);
  });

  it('is theirs for most 3×3×3, too: four times the rate is more than a quarter of the products', () => {
    expect(first(nvidia, [1, 8, 56, 56, 64], 192, { kernel: [3, 3, 3] }, 'half')).toBe(
      'half matrix 128×64×32 16×16×16',
    );
    expect(first(nvidia, [1, 2, 7, 7, 832], 448, {}, 'half')).toBe('half matrix 32×32×64 16×16×16');
  });

  it('is none of theirs on software adapters, and with groups', () => {
    const names = (profile: Partial<DeviceProfile>, groups = 1) => {
      const { node, io } = operands({ name: 'none', x: [1, 2, 7, 7, 8], channels: [8], kernel: [1, 1, 1] });
      const found = conv3dCandidates({ ...node, groups }, io, { ...MADE_UP_GPU, ...profile });
      return found.map(({ name }) => name).filter((name) => name.includes('matrix'));
    };
    expect(names(APPLE)).toHaveLength(2);
    expect(names({ ...APPLE, software: true })).toEqual([]);
    // Groups of whole vec4 are convolutions of their own; of others there are none.
    expect(names(APPLE, 2).every((name) => name.startsWith('grouped'))).toBe(true);
    expect(names(APPLE, 4)).toEqual([]);
  });
});

describe('the class half', () => {
  const offered = (profile: Partial<DeviceProfile>, more: Partial<ConvolutionNode> = {}, trained = false) => {
    const { node, io } = operands({ name: 'half', x: [1, 1, 7, 7, 512], channels: [512], kernel: [1, 1, 1] }, trained);
    return conv3dCandidates({ ...node, ...more }, io, { ...MADE_UP_GPU, ...profile })
      .filter(({ name, accuracy }) => accuracy === 'half' || name.startsWith('half'))
      .map(({ name }) => name);
  };

  it('is for devices with f16', () => {
    expect(offered({ shaderF16: true })).toEqual([
      'half tiled 64×64×16 8×8',
      'half tiled 128×64×16 8×8',
      'half tiled 32×32×32 4×4',
      'half split-k 4',
      'half split-k 4 32×32',
    ]);
    expect(offered({ shaderF16: false })).toEqual([]);
  });

  it('is not for weights that are being trained, nor for gradients', () => {
    expect(offered({ shaderF16: true }, {}, true)).toEqual([]);
    expect(offered({ shaderF16: true }, { flipped: true })).toEqual([]);
  });
});

/** The name of the first candidate that is accurate enough. */
function first(
  profile: Partial<DeviceProfile>,
  x: Shape5,
  cout: number,
  window: Partial<Case>,
  accuracy: string,
): string {
  const { node, io } = operands({ name: 'choice', x, channels: [cout], kernel: [1, 1, 1], ...window });
  const whole = { ...MADE_UP_GPU, ...profile };
  const candidates = bestFirst(conv3dCandidates(node, io, whole), whole);
  const classes = ['exact', 'fast', 'half'];
  return candidates.find((candidate) => classes.indexOf(candidate.accuracy) <= classes.indexOf(accuracy))!.name;
}

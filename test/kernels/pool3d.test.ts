import { describe, expect, it } from 'vitest';
import { maxPool3dUnrolledFits } from '../../src/kernels/pool/max_gradient_unrolled.ts';
import { type Pool3dProblem, pool3d as pool3dKernel } from '../../src/kernels/pool/pool3d.ts';
import { pool3dStrip, pool3dStripFits } from '../../src/kernels/pool/strip.ts';
import { pool3dSweep, pool3dSweepFits } from '../../src/kernels/pool/sweep.ts';
import { denseView, type View, vec4s } from '../../src/kernels/shared/view.ts';
import { fill } from '../formula.ts';
import { expectClose, runKernel, testGpu } from '../harness.ts';
import { pool3d } from '../reference/pool3d.ts';
import { type Shape5, sizeOf5 } from '../reference/volume.ts';

type Triple = readonly [number, number, number];

interface Case {
  readonly name: string;
  readonly x: Shape5;
  readonly y: readonly [number, number, number, number];
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly padding: Triple;
  readonly sliced?: boolean;
}

const CASES: readonly Case[] = [
  { name: 'one pixel', x: [1, 1, 1, 1, 1], y: [1, 1, 1, 1], kernel: [1, 1, 1], stride: [1, 1, 1], padding: [0, 0, 0] },
  {
    name: '3×3×3 around one pixel',
    x: [2, 1, 1, 1, 3],
    y: [2, 1, 1, 1],
    kernel: [3, 3, 3],
    stride: [1, 1, 1],
    padding: [1, 1, 1],
  },
  {
    name: '1×3×3, stride 2, padding only at the end',
    x: [1, 2, 13, 13, 5],
    y: [1, 2, 7, 7],
    kernel: [1, 3, 3],
    stride: [1, 2, 2],
    padding: [0, 1, 0],
  },
  {
    name: '3×3×3, stride 1, 17 channels',
    x: [2, 2, 7, 2, 17],
    y: [2, 2, 7, 2],
    kernel: [3, 3, 3],
    stride: [1, 1, 1],
    padding: [1, 1, 1],
  },
  {
    name: '2×2×2, stride 2, 33 channels',
    x: [1, 7, 2, 13, 33],
    y: [1, 4, 1, 7],
    kernel: [2, 2, 2],
    stride: [2, 2, 2],
    padding: [0, 0, 0],
  },
  { name: '2×7×7', x: [1, 3, 7, 7, 5], y: [1, 2, 1, 1], kernel: [2, 7, 7], stride: [1, 1, 1], padding: [0, 0, 0] },
  {
    name: 'a later range of frames, slices',
    x: [1, 7, 7, 7, 6],
    y: [1, 3, 4, 4],
    kernel: [3, 3, 3],
    stride: [1, 2, 2],
    padding: [-2, 1, 1],
    sliced: true,
  },
];

const MODES = [
  { mode: 'max' },
  { mode: 'average' },
  { mode: 'average', includePadding: true },
] as const satisfies readonly Pick<Pool3dProblem, 'mode' | 'includePadding'>[];

const gpu = testGpu();

describe.each(MODES)('pool3d %o', (mode) => {
  it.each(CASES)('$name', async ({ name, x: shape, y, kernel, stride, padding, sliced = false }) => {
    const problem = { kernel, stride, padding, ...mode };
    const views = { x: view(shape, sliced), y: view([...y, shape[4]], sliced) };
    // Below zero, so that padding taken for zeros would win every maximum.
    const data = fill(name, sizeOf5(shape)).map((value) => value - 2);
    const result = await runKernel(gpu(), pool3dKernel({ ...views, ...problem }), {
      inputs: { x: { view: views.x, data } },
      outputs: { y: views.y },
    });
    expectClose(result.y!, pool3d({ shape, data }, views.y.shape, problem).data, mode.mode === 'max' ? 0 : 1e-6);
  });
});

const TILES = [
  { columns: 1, span: 1 },
  { columns: 2, span: 4 },
  { columns: 3, span: 2 },
];

describe.each(MODES)('pool3dStrip %o', (mode) => {
  const more: readonly Case[] = [
    {
      name: 'two planes kept',
      x: [2, 9, 5, 7, 6],
      y: [2, 9, 5, 7],
      kernel: [3, 3, 3],
      stride: [1, 1, 1],
      padding: [1, 1, 1],
    },
    {
      name: 'one plane kept',
      x: [1, 12, 7, 9, 5],
      y: [1, 6, 4, 5],
      kernel: [3, 3, 3],
      stride: [2, 2, 2],
      padding: [0, 0, 1],
    },
    {
      name: 'three kept, two new',
      x: [1, 13, 3, 4, 4],
      y: [1, 6, 3, 4],
      kernel: [5, 1, 2],
      stride: [2, 1, 1],
      padding: [1, 0, 1],
      sliced: true,
    },
    {
      name: 'gaps between windows',
      x: [1, 7, 9, 11, 4],
      y: [1, 3, 3, 3],
      kernel: [1, 2, 2],
      stride: [3, 4, 4],
      padding: [0, 0, 0],
    },
  ];
  it.each([...CASES, ...more])('$name', async ({ name, x: shape, y, kernel, stride, padding, sliced = false }) => {
    const problem = { kernel, stride, padding, ...mode };
    const views = { x: view(shape, sliced), y: view([...y, shape[4]], sliced) };
    expect(pool3dStripFits({ ...views, ...problem })).toBe(true);
    const data = fill(name, sizeOf5(shape)).map((value) => value - 2);
    const expected = pool3d({ shape, data }, views.y.shape, problem).data;
    // Compiling is what takes time: one tile for each case.
    const tile = TILES[name.length % TILES.length]!;
    const result = await runKernel(gpu(), pool3dStrip({ ...views, ...problem }, tile), {
      inputs: { x: { view: views.x, data } },
      outputs: { y: views.y },
    });
    expectClose(result.y!, expected, mode.mode === 'max' ? 0 : 1e-6);
  });

  it.each([{ padding: [0, 2, 0] }, { padding: [-9, 0, 0] }, { kernel: [1, 17, 1] }] as const)(
    'leaves %o to others',
    (change) => {
      const views = { x: denseView([1, 4, 4, 4, 4]), y: denseView([1, 4, 4, 4, 4]) };
      const problem = { kernel: [2, 2, 2], stride: [1, 1, 1], padding: [0, 0, 0], ...mode } as const;
      expect(pool3dStripFits({ ...views, ...problem, ...change })).toBe(false);
    },
  );
});

it('leaves more frames than a grid has workgroups along z to others', () => {
  const many = denseView([2, 40_000, 1, 1, 4]);
  const window = { kernel: [2, 1, 1], stride: [1, 1, 1], padding: [0, 0, 0] } as const;
  const views = { x: many, y: denseView([2, 39_999, 1, 1, 4]) };
  expect(pool3dStripFits({ ...views, ...window, mode: 'max' })).toBe(false);
  expect(maxPool3dUnrolledFits(views.x, views.y, window)).toBe(false);
  expect(maxPool3dUnrolledFits(denseView([1, 4, 1, 1, 4]), denseView([1, 3, 1, 1, 4]), window)).toBe(true);
});

it('a maximum of any signs, infinities and NaN is the one that the order of floats has', async () => {
  const values = [
    0,
    -0,
    1,
    -1,
    3e38,
    -3e38,
    1e-40,
    -1e-40,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
  ].map(Math.fround);
  const shape: Shape5 = [1, 1, values.length, values.length * 2, 4];
  const data = new Float32Array(sizeOf5(shape));
  const bits = new Uint32Array(data.buffer);
  // Pairs of all values, side by side; in lane 1 NaN has its sign set.
  for (const [i, a] of values.entries()) {
    for (const [j, b] of values.entries()) {
      for (const [k, value] of [a, b].entries()) {
        const at = ((i * values.length + j) * 2 + k) * 4;
        data.fill(value, at, at + 4);
        if (Number.isNaN(value)) bits[at + 1] = 0xffc00000;
      }
    }
  }
  const problem = { kernel: [1, 1, 2], stride: [1, 1, 2], padding: [0, 0, 0], mode: 'max' } as const;
  const views = { x: denseView(shape), y: denseView([1, 1, values.length, values.length, 4]) };
  const { y } = await runKernel(gpu(), pool3dStrip({ ...views, ...problem }, { columns: 2, span: 1 }), {
    inputs: { x: { view: views.x, data } },
    outputs: { y: views.y },
  });
  const expected = values.flatMap((a) => values.flatMap((b) => Array<number>(4).fill(Math.max(a, b))));
  expect([...y!]).toEqual(expected);
});

describe('pool3dSweep', () => {
  it.each([
    { x: [2, 1, 1, 1, 3], y: [2, 1, 1, 1], padding: [1, 1, 1], columns: 2, span: 4 },
    { x: [1, 2, 7, 2, 17], y: [1, 2, 7, 2], padding: [1, 1, 1], columns: 1, span: 64 },
    { x: [2, 13, 5, 7, 33], y: [2, 13, 5, 7], padding: [1, 1, 1], columns: 4, span: 5, sliced: true },
    { x: [1, 5, 4, 13, 5], y: [1, 3, 4, 11], padding: [0, 1, 0], columns: 2, span: 2, sliced: true },
  ] as const)('%o', async ({ x: shape, y, padding, columns, span, ...rest }) => {
    const problem = { kernel: [3, 3, 3], stride: [1, 1, 1], padding, mode: 'max' } as const;
    const sliced = 'sliced' in rest;
    const views = { x: view(shape, sliced), y: view([...y, shape[4]], sliced) };
    expect(pool3dSweepFits({ ...views, ...problem })).toBe(true);
    const data = fill('sweep', sizeOf5(shape)).map((value) => value - 2);
    const kernel = pool3dSweep({ ...views, ...problem }, { columns, span });
    const result = await runKernel(gpu(), kernel, { inputs: { x: { view: views.x, data } }, outputs: { y: views.y } });
    expectClose(result.y!, pool3d({ shape, data }, views.y.shape, problem).data, 0);
  });

  it.each([{ stride: [1, 2, 2] }, { kernel: [2, 3, 3] }, { mode: 'average' }, { padding: [-1, 1, 1] }] as const)(
    'leaves %o to others',
    (change) => {
      const views = { x: denseView([1, 4, 4, 4, 4]), y: denseView([1, 4, 4, 4, 4]) };
      const problem = { kernel: [3, 3, 3], stride: [1, 1, 1], padding: [1, 1, 1], mode: 'max' } as const;
      expect(pool3dSweepFits({ ...views, ...problem, ...change })).toBe(false);
    },
  );
});

function view(shape: Shape5, sliced: boolean): View {
  return sliced ? { shape, stride: vec4s(shape[4]) + 1, base: 5 } : denseView(shape);
}

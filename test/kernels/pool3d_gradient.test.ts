import { describe, expect, it } from 'vitest';
import { operators } from '../../src/ops/index.ts';
import { resolvePadding, type WindowGeometry, windowOutput } from '../../src/ops/sliding_window.ts';
import { fill } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';
import { runOperator } from '../operator.ts';
import { pool3dGradient } from '../reference/training.ts';
import { type Shape5, sizeOf5 } from '../reference/volume.ts';

const WINDOWS: readonly WindowGeometry[] = [
  { kernel: [3, 3, 3], stride: [1, 1, 1], padding: 'same' },
  { kernel: [1, 3, 3], stride: [1, 2, 2], padding: 'same' },
  { kernel: [3, 3, 3], stride: [2, 2, 2], padding: 'same' },
  { kernel: [2, 2, 2], stride: [2, 2, 2], padding: 'same' },
  {
    kernel: [2, 3, 1],
    stride: [1, 2, 3],
    padding: [
      [1, 0],
      [1, 1],
      [0, 0],
    ],
  },
];
const SHAPES: readonly Shape5[] = [
  [1, 1, 2, 1, 1],
  [2, 2, 7, 5, 3],
  [1, 7, 2, 13, 5],
  [2, 3, 13, 7, 17],
  [1, 5, 4, 7, 33],
];
const gpu = testGpu();

describe.each(WINDOWS)('kernel $kernel, stride $stride', (geometry) => {
  it.each(SHAPES.map((shape) => ({ shape })))('on $shape', async ({ shape }) => {
    const size = [shape[1], shape[2], shape[3]] as const;
    const dyShape: Shape5 = [shape[0], ...windowOutput(geometry, size), shape[4]];
    // Few different values and many zeros, as after ReLU: the first of several maxima has to win.
    const x = fill(`x ${shape}`, sizeOf5(shape), 3).map((value) => Math.max(Math.round(value), 0));
    const dy = fill(`dy ${shape}`, sizeOf5(dyShape));
    const padding = resolvePadding(geometry, size).map(([before]) => before) as unknown as readonly [
      number,
      number,
      number,
    ];
    const pool = { ...geometry, padding };
    const volumes = [
      { shape, data: x },
      { shape: dyShape, data: dy },
    ] as const;
    const runs = [true, false].flatMap((software) => [
      { profile: { software } },
      { profile: { software }, candidate: 'gather' },
    ]);
    for (const run of runs) {
      const [dx] = await runOperator(
        gpu(),
        operators.maxPool3dGradient,
        geometry,
        [
          { ...volumes[0], slice: 1 },
          { ...volumes[1], slice: 2 },
        ],
        { ...run, slice: 3 },
      );
      expectClose(dx!, pool3dGradient(...volumes, { ...pool, mode: 'max' }), 1e-6);
    }
    const [dx] = await runOperator(
      gpu(),
      operators.averagePool3dGradient,
      { ...geometry, size },
      [{ ...volumes[1], slice: 1 }],
      { slice: 2 },
    );
    expectClose(dx!, pool3dGradient(...volumes, { ...pool, mode: 'average' }), 1e-6);
  });
});

it('the gradient of a mean over everything', async () => {
  const size = [3, 5, 4] as const;
  const dy = { shape: [2, 1, 1, 1, 5], data: fill('dy', 10) };
  const geometry = { kernel: size, stride: size, padding: 'valid' } as const;
  const [dx] = await runOperator(gpu(), operators.averagePool3dGradient, { ...geometry, size }, [dy]);
  expect(dx!.length).toBe(2 * 60 * 5);
  expectClose(
    dx!,
    dx!.map((_, i) => dy.data[Math.floor(i / 300) * 5 + (i % 5)]! / 60),
    1e-6,
  );
});

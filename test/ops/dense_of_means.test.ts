import { describe, expect, it } from 'vitest';
import { type Shape, sizeOf } from '../../src/core/tensor.ts';
import type { Activation } from '../../src/kernels/pointwise/activation.ts';
import { type DenseOfMeansAttributes, denseOfMeans } from '../../src/ops/dense_of_means.ts';
import { f32 } from '../../src/ops/operator.ts';
import { operand, parameter, runCandidate } from '../candidates.ts';
import { fill } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';
import { denseOfMeans as reference } from '../reference/dense_of_means.ts';

interface Case {
  readonly name: string;
  readonly shape: Shape;
  readonly layers: readonly (readonly [cout: number, activation: Activation, bias: boolean])[];
  readonly sliced?: boolean;
}

const CASES: readonly Case[] = [
  {
    name: 'odd channels in a slice of a wider tensor',
    shape: [1, 3, 5, 4, 7],
    layers: [
      [3, 'relu', true],
      [7, 'sigmoid', true],
    ],
    sliced: true,
  },
  {
    name: 'several clips, more pixels than a workgroup has rows, no bias',
    shape: [3, 4, 19, 17, 54],
    layers: [
      [8, 'relu', false],
      [54, 'sigmoid', true],
    ],
  },
  {
    name: 'more channels than a workgroup has threads',
    shape: [2, 2, 3, 3, 1023],
    layers: [
      [13, 'relu', true],
      [1301, 'sigmoid', false],
    ],
    sliced: true,
  },
  { name: 'one layer of several workgroups', shape: [2, 2, 7, 7, 130], layers: [[150, 'sigmoid', true]] },
  {
    name: 'as many hidden channels as there may be',
    shape: [1, 1, 2, 2, 5],
    layers: [
      [1024, 'relu', true],
      [6, 'sigmoid', true],
    ],
  },
  { name: 'one pixel', shape: [4, 1, 1, 1, 9], layers: [[2, 'tanh', true]] },
];

/** As for convolutions. */
const TOLERANCE = { exact: 1e-5, fast: 3e-5, half: 1e-3 } as const;

const gpu = testGpu();

function build({ name, shape, layers, sliced = false }: Case) {
  const inputs = [operand(shape, sliced)];
  const data = [fill(name, sizeOf(shape), 2)];
  const parts = layers.map(([cout, activation, biased], i) => {
    const cin = i === 0 ? shape.at(-1)! : layers[i - 1]![0];
    const weights = fill(`weights ${i}`, cin * cout, 2 / Math.sqrt(cin));
    const bias = biased ? fill(`bias ${i}`, cout) : undefined;
    // Either of the shapes that such layers have.
    inputs.push(parameter(i === 0 ? [1, 1, 1, cin, cout] : [cin, cout]), ...(bias ? [parameter([cout])] : []));
    data.push(weights, ...(bias ? [bias] : []));
    return { weights, bias, cout, activation };
  });
  const attributes: DenseOfMeansAttributes = {
    layers: layers.map(([, activation, bias]) => ({ activation, bias })),
  };
  const types = denseOfMeans.infer(
    attributes,
    inputs.map(({ type }) => type),
  );
  const io = { inputs, outputs: types.map((type) => operand(type.shape, sliced)) };
  return { attributes, io, data, expected: (x = data[0]!) => reference(x, shape, parts) };
}

describe.each(CASES)('$name', (test) => {
  it('is computed by every candidate as by the definition', async () => {
    const { attributes, io, data, expected } = build(test);
    const candidates = await denseOfMeans.candidates(attributes, io, { ...gpu().profile, software: false });
    const halves = candidates.filter(({ accuracy }) => accuracy === 'half');
    expect(halves.length).toBe(gpu().profile.shaderF16 ? 1 : 0);
    for (const candidate of candidates) {
      const [y] = await runCandidate(gpu(), candidate, io, data);
      expectClose(y!, expected(), TOLERANCE[candidate.accuracy]);
    }
  });
});

it('is NaN for the clip that has NaN and for no other', async () => {
  const { attributes, io, data, expected } = build(CASES[1]!);
  const x = data[0]!.slice();
  x[x.length / 3] = Number.NaN;
  const [candidate] = await denseOfMeans.candidates(attributes, io, { ...gpu().profile, software: false });
  const [y] = await runCandidate(gpu(), candidate!, io, [x, ...data.slice(1)]);
  const found = expected(x);
  expect([...y!].map(Number.isNaN)).toEqual(found.map(Number.isNaN));
  expect(found.map(Number.isNaN)).toEqual(found.map((_, i) => Math.floor(i / 54) === 1));
});

it('says what does not fit', () => {
  const infer = (shapes: readonly Shape[], bias = true) =>
    denseOfMeans.infer({ layers: [{ activation: 'relu', bias }] }, shapes.map(f32));
  expect(() => infer([[2, 3, 4, 5, 6], [7, 8], [8]])).toThrow('its weights 7×8 must be 6×Cout');
  expect(() => infer([[2, 3, 4, 5, 6], [6, 8], [7]])).toThrow('its bias 7 must have 8 values');
  expect(() => infer([[2, 6], [6, 8], [8]])).toThrow('its input must be a float32 tensor N×T×H×W×C');
  expect(() => denseOfMeans.infer({ layers: [] }, [f32([2, 3, 4, 5, 6])])).toThrow('it has no layer');
});

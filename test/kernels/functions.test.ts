import { describe, expect, it } from 'vitest';
import { type Shape, sizeOf } from '../../src/core/tensor.ts';
import { BINARY_NAMES, UNARY, UNARY_NAMES } from '../../src/kernels/pointwise/functions.ts';
import { conv3dCandidates } from '../../src/ops/conv3d/candidates.ts';
import { operators } from '../../src/ops/index.ts';
import { oneOfEachFamily, operand, parameter, runCandidate } from '../candidates.ts';
import { fill } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';
import { expectNaNs } from '../nan.ts';
import { runOperator, type Tensor } from '../operator.ts';
import { conv3d } from '../reference/conv3d.ts';
import { BINARY_REFERENCE, slope, UNARY_REFERENCE } from '../reference/functions.ts';
import { normalize, normalizeGradient } from '../reference/training.ts';
import type { Shape5 } from '../reference/volume.ts';

const gpu = testGpu();
const POSITIVE = ['log', 'sqrt', 'rsqrt'];

const tensor = (name: string, shape: Shape, scale = 4, slice = 0): Tensor => ({
  shape,
  data: fill(name, sizeOf(shape), scale),
  slice,
});
const shiftedUp = ({ data, ...rest }: Tensor, by: number): Tensor => ({
  ...rest,
  data: Float32Array.from(data, (value) => by + Math.abs(value)),
});

describe.each(UNARY_NAMES)('%s', (fn) => {
  const reference = UNARY_REFERENCE[fn];
  const positive = POSITIVE.includes(fn);

  it.each([[[1]], [[2, 7, 3]], [[2, 1, 7, 2, 5]]] as const)('of %j, and its gradient', async (shape) => {
    for (const profile of [{ software: true }, { software: false }]) {
      const random = tensor(`${fn} ${shape}`, shape, 5, 1);
      const x = positive ? shiftedUp(random, 0.1) : random;
      const dy = tensor(`dy ${shape}`, shape, 1, 2);
      const [y] = await runOperator(gpu(), operators.unary, { fn }, [x], { slice: 3, profile });
      const expected = Array.from(x.data, reference);
      expectClose(y!, expected, 2e-6);
      const v = UNARY[fn].gradient.by === 'x' ? x : { ...x, data: Float32Array.from(expected) };
      const [dx] = await runOperator(gpu(), operators.unaryGradient, { fn }, [v, dy], { slice: 1, profile });
      const gradient = Array.from(x.data, (value, i) => dy.data[i]! * slope(reference, value));
      // 1 − y² has lost digits where y is nearly 1.
      expectClose(dx!, gradient, 1e-5);
    }
  });

  it('keeps its digits near 0 and far out', async () => {
    const values = [1e-6, 1e-3, 0.01, 0.1, 0.62, 0.63, 1, 2, 5, 9, 20, 60];
    const data = Float32Array.from([...values, ...(positive ? [] : values.map((value) => -value))]);
    const [y] = await runOperator(gpu(), operators.unary, { fn }, [{ shape: [data.length], data }]);
    for (const [i, x] of data.entries()) {
      const expected = reference(x);
      // The tail of a normal distribution is a number that 1 + erf(x) has lost all digits of.
      const cancels = fn.startsWith('gelu') && x < -3;
      if (cancels || Math.abs(expected) < 1e-30) expect(Math.abs(y![i]! - expected), `${fn}(${x})`).toBeLessThan(1e-6);
      else expect(Math.abs(y![i]! / expected - 1), `${fn}(${x}) = ${y![i]}`).toBeLessThan(2e-5);
    }
  });

  it("has PyTorch's results for NaN, infinities and zeros", async () => {
    const data = Float32Array.of(Number.NaN, 1, Infinity, -Infinity, 0, -0, -1, 2, 100, -100, 1e30, -1e30);
    const x = { shape: [4, 3], data };
    const [y] = await runOperator(gpu(), operators.unary, { fn }, [x]);
    const expected = data.map((value) => UNARY[fn].value(value));
    expectNaNs(y!, expected.map(Math.fround), { what: fn });
    const v = UNARY[fn].gradient.by === 'x' ? data : expected;
    const dy = { shape: [4, 3], data: data.map((_, i) => 1 + i) };
    const [dx] = await runOperator(gpu(), operators.unaryGradient, { fn }, [{ shape: [4, 3], data: v }, dy]);
    const gradient = v.map((value, i) => UNARY[fn].gradient.value(value, dy.data[i]!));
    const [found, expectedGradient] = [dx!, gradient].map((list) => list.filter((_, i) => !(Math.abs(data[i]!) > 100)));
    expectNaNs(found!, expectedGradient!, { what: `${fn}'s gradient` });
  });
});

describe.each(BINARY_NAMES)('%s', (fn) => {
  const reference = BINARY_REFERENCE[fn];

  it.each([
    { a: [1], b: [1] },
    { a: [2, 3, 5], b: [2, 3, 5] },
    { a: [2, 3, 4, 5, 7], b: [7] },
    { a: [2, 3, 4, 5, 7], b: [2, 1, 1, 1, 7] },
    { a: [3, 1, 5], b: [2, 1, 4, 1] },
    { a: [2, 1, 3, 1, 2, 1, 6], b: [4, 1, 5, 2, 3, 6] },
    { a: [1], b: [3, 6] },
  ] as const)('of $a and $b, and its gradients', async ({ a: aShape, b: bShape }) => {
    const a = tensor(`a ${aShape}`, aShape, 2, 1);
    const b = shiftedUp(tensor(`b ${bShape}`, bShape, 2, 2), 0.3);
    const shape = operators.binary.infer(
      { fn, activation: 'none' },
      [a, b].map(({ shape: of }) => ({ dtype: 'f32', shape: of }) as const),
    )[0]!.shape;
    const [left, right] = [repeated(a, shape), repeated(b, shape)];
    const dy = tensor('dy', shape, 1, 1);
    for (const activation of ['none', 'relu', 'sigmoid'] as const) {
      const [y] = await runOperator(gpu(), operators.binary, { fn, activation }, [a, b], { slice: 1 });
      const end = activation === 'none' ? (x: number) => x : UNARY_REFERENCE[activation];
      expectClose(
        y!,
        left.map((value, i) => end(reference(value, right[i]!))),
        1e-6,
      );
    }
    for (const of of ['a', 'b'] as const) {
      const [dx] = await runOperator(gpu(), operators.binaryGradient, { fn, of }, [a, b, dy], { slice: 2 });
      const slopes = left.map((value, i) =>
        of === 'a' ? slope((x) => reference(x, right[i]!), value) : slope((x) => reference(value, x), right[i]!),
      );
      expectClose(
        dx!,
        slopes.map((value, i) => value * dy.data[i]!),
        2e-6,
      );
    }
  });

  it("has PyTorch's results for NaN and infinities", async () => {
    const values = [Number.NaN, 1, Infinity, -Infinity, 0, -2];
    const a = { shape: [6, 6], data: Float32Array.from({ length: 36 }, (_, i) => values[Math.floor(i / 6)]!) };
    const b = { shape: [6, 6], data: Float32Array.from({ length: 36 }, (_, i) => values[i % 6]!) };
    const [y] = await runOperator(gpu(), operators.binary, { fn, activation: 'none' }, [a, b]);
    expectNaNs(
      y!,
      a.data.map((value, i) => reference(value, b.data[i]!)),
      { what: fn },
    );
  });
});

it('halves the gradient of a maximum among equal values', async () => {
  const x = { shape: [3], data: Float32Array.of(1, 2, Number.NaN) };
  const run = (of: 'a' | 'b') =>
    runOperator(gpu(), operators.binaryGradient, { fn: 'max', of }, [x, x, { ...x, data: Float32Array.of(2, 4, 6) }]);
  expect([...(await run('a'))[0]!]).toEqual([1, 2, 6]);
  expect([...(await run('b'))[0]!]).toEqual([1, 2, 6]);
});

/** As often as the result has it. */
function repeated({ shape, data }: Tensor, to: Shape): number[] {
  return Array.from({ length: sizeOf(to) }, (_, number) => {
    let [rest, at, step] = [number, 0, 1];
    for (let axis = 1; axis <= to.length; axis++) {
      const [size, own] = [to.at(-axis)!, shape.at(-axis) ?? 1];
      if (axis <= shape.length) at += (own === 1 ? 0 : rest % size) * step;
      if (axis <= shape.length) step *= own;
      rest = Math.floor(rest / size);
    }
    return data[at]!;
  });
}

/** Two that leave other values than zero in the padding lanes, one that does not; derivatives by y and by x. */
describe.each(['sigmoid', 'gelu', 'hardsigmoid'] as const)('the epilogue %s', (activation) => {
  const end = UNARY_REFERENCE[activation];

  it('ends convolutions', async () => {
    const x: Shape5 = [1, 2, 5, 4, 3];
    const y: Shape5 = [1, 2, 5, 4, 5];
    const geometry = { kernel: [3, 3, 3], stride: [1, 1, 1], padding: 'same' } as const;
    const io = { inputs: [operand(x, true), parameter([3, 3, 3, 3, 5]), parameter([5])], outputs: [operand(y, true)] };
    const data = [fill('x', 120), fill('w', 405), fill('b', 5)] as const;
    const reference = conv3d({ shape: x, data: data[0] }, data[1], data[2], y, { ...geometry, padding: [1, 1, 1] });
    const expected = reference.data.map(end);
    const candidates = conv3dCandidates({ geometry, groups: 1, activation, bias: true }, io, gpu().profile);
    const few = oneOfEachFamily(candidates).filter(({ name }) => /^(direct|tiled|winograd)/.test(name));
    expect(few.length).toBeGreaterThan(1);
    for (const candidate of few) {
      const [found] = await runCandidate(gpu(), candidate, io, data);
      expectClose(found!, expected, candidate.accuracy === 'exact' ? 1e-5 : 3e-5);
    }
  });

  it('ends normalisation, which has its gradient', async () => {
    const shape: Shape5 = [1, 2, 3, 2, 5];
    const [x, dy] = [
      { shape, data: fill('x', 60, 2), slice: 1 },
      { shape, data: fill('dy', 60) },
    ];
    const vectors = ['mean', 'variance', 'gamma', 'beta'].map((name) => shiftedUp(tensor(name, [5], 1), 0.2));
    const [mean, variance, gamma, beta] = vectors.map(({ data }) => data);
    const attributes = { epsilon: 1e-3, activation, batch: false };
    const problem = { x, mean: mean!, variance: variance!, gamma: gamma!, beta: beta!, ...attributes };
    const [y] = await runOperator(gpu(), operators.normalize, attributes, [x, ...vectors]);
    const before = normalize({ ...problem, activation: 'none' });
    expectClose(y!, before.map(end), 1e-5);
    const found = await runOperator(gpu(), operators.normalizeGradient, attributes, [x, ...vectors, dy]);
    const g = before.map((value, i) => dy.data[i]! * slope(end, value));
    const expected = normalizeGradient({ ...problem, activation: 'none' }, g, false);
    expectClose(found[0]!, expected.dx, 2e-5);
    expectClose(found[1]!, expected.dgamma, 2e-5);
    expectClose(found[2]!, expected.dbeta, 2e-5);
  });
});

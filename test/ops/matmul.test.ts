import { describe, expect, it } from 'vitest';
import { type Shape, sizeOf } from '../../src/core/tensor.ts';
import { viewShape } from '../../src/kernels/shared/layout.ts';
import { denseView } from '../../src/kernels/shared/view.ts';
import { bestFirst } from '../../src/ops/estimate.ts';
import { operators } from '../../src/ops/index.ts';
import { f32, operand } from '../../src/ops/operator.ts';
import { fill } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';
import { MADE_UP_GPU } from '../made_up_device.ts';
import { expectNaNs } from '../nan.ts';
import { runOperator } from '../operator.ts';
import { matmul } from '../reference/tensors.ts';

const gpu = testGpu();
const KERNELS = ['blocks 4×8', 'blocks 4×4', 'subgroup 32×32', 'tiled 64×64×16 8×8', 'tiled 32×32×16 8×4'];

/** M×K times K×N in every case, before transposes. */
const CASES: readonly { readonly a: Shape; readonly b: Shape }[] = [
  { a: [1, 1], b: [1, 1] },
  { a: [5, 7], b: [7, 3] },
  { a: [2, 3, 33, 18], b: [2, 3, 18, 37] },
  { a: [3, 6, 5], b: [5, 9] },
  { a: [2, 1, 4, 5], b: [3, 5, 6] },
  { a: [2, 1, 2, 3, 9], b: [1, 3, 1, 9, 66] },
];

const turned = (shape: Shape): number[] => [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];

describe.each(KERNELS)('%s', (candidate) => {
  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) {
      // Software adapters take long to compile long shaders: some of the cases have every kind of end.
      const cases = /^(tiled|subgroup)/.test(candidate) ? CASES.slice(2, 3) : CASES;
      it.each(cases)(`$a by $b, transposed ${transposeA} ${transposeB}`, async ({ a: left, b: right }) => {
        const [aShape, bShape] = [transposeA ? turned(left) : left, transposeB ? turned(right) : right];
        const a = { shape: aShape, data: fill('a', sizeOf(aShape)), slice: 1 };
        const b = { shape: bShape, data: fill('b', sizeOf(bShape)), slice: 2 };
        const attributes = { transposeA, transposeB };
        const [y] = await runOperator(gpu(), operators.matmul, attributes, [a, b], { slice: 3, candidate });
        expectClose(y!, matmul(a, b, attributes).data);
      });
    }
  }

  it('keeps NaN to its rows and columns', async () => {
    const a = { shape: [5, 6], data: fill('a', 30) };
    const b = { shape: [6, 7], data: fill('b', 42) };
    [a.data[8], b.data[15]] = [Number.NaN, Number.NaN];
    const attributes = { transposeA: false, transposeB: false };
    const [y] = await runOperator(gpu(), operators.matmul, attributes, [a, b], { candidate });
    expectNaNs(y!, matmul(a, b, attributes).data);
  });
});

it('takes operands of one buffer', async () => {
  const x = { shape: [2, 5, 6], data: fill('x', 60) };
  const type = f32(x.shape);
  const view = denseView(viewShape(x.shape));
  const at = operand(type, view, 0, 960);
  const y = operand(f32([2, 5, 5]), denseView(viewShape([2, 5, 5])), 1, 320);
  const io = { inputs: [at, at], outputs: [y] };
  const [first] = await operators.matmul.candidates({ transposeA: false, transposeB: true }, io, gpu().profile);
  const [dispatch] = first!.lower();
  expect(dispatch!.args).toHaveLength(2);
  expect(dispatch!.kernel.bindings.map(({ name }) => name)).toEqual(['p', 'a', 'y']);
});

it('says what does not fit together', () => {
  const infer = (a: Shape, b: Shape, transposeB = false) =>
    operators.matmul.infer({ transposeA: false, transposeB }, [f32(a), f32(b)]);
  expect(() => infer([5], [5, 3])).toThrow('its operands 5 and 5×3 must be matrices, of two axes or more');
  expect(() => infer([2, 5], [4, 3], true)).toThrow(
    'its operands 2×5 and 4×3 (transposed) must agree in what is summed over: 5 columns, and 3 rows',
  );
  expect(() => infer([2, 4, 5], [3, 5, 3])).toThrow(
    'must have the same axes before the last two, or 1 where they differ',
  );
});

it('takes tiles on GPUs where they are full, and blocks on processors', async () => {
  const of = (shape: Shape, storage: number) =>
    operand(f32(shape), denseView(viewShape(shape)), storage, 4 * sizeOf(shape));
  const names = async (software: boolean, m: number) => {
    const io = { inputs: [of([8, m, 64], 0), of([8, 64, m], 1)], outputs: [of([8, m, m], 2)] };
    const attributes = { transposeA: false, transposeB: false };
    const profile = { ...MADE_UP_GPU, software, vendor: software ? 'mesa' : 'nvidia' };
    return bestFirst(await operators.matmul.candidates(attributes, io, profile), profile).map(({ name }) => name);
  };
  expect((await names(false, 1024))[0]).toBe('tiled 64×64×16 8×8');
  expect((await names(true, 1024))[0]).toBe('blocks 4×8');
});

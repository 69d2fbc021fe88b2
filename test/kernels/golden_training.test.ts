import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { operators } from '../../src/ops/index.ts';
import { fill } from '../formula.ts';
import { channelsLast, type GoldenCase, input, volumeShape } from '../golden.ts';
import { expectClose, testGpu } from '../harness.ts';
import { runOperator, type Tensor } from '../operator.ts';
import { type Shape5, sizeOf5 } from '../reference/volume.ts';
import { describeWithShared } from '../shared.ts';

/** Eight steps on six parameters. */
interface SgdCase {
  readonly op: 'sgd';
  readonly attrs: { readonly momentum: number; readonly weight_decay: number; readonly clip_norm: number };
  readonly lr: readonly number[];
  readonly grad_norm_before_clip: readonly number[];
  readonly parameters_after_step: readonly (readonly number[])[];
}

const gpu = testGpu();
const KINDS = [{ software: true }, { software: false }];

const vector = (data: ArrayLike<number>): Tensor => ({ shape: [data.length], data: Float32Array.from(data) });

describeWithShared('operators of training give what PyTorch gives', ['golden/ops.json'], (path) => {
  const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: (GoldenCase | SgdCase)[] };
  const of = (...ops: string[]): { id: string; test: GoldenCase }[] =>
    cases.flatMap((test) =>
      test.op !== 'sgd' && ops.includes(test.op)
        ? [{ id: (test as GoldenCase).attrs.id, test: test as GoldenCase }]
        : [],
    );

  /** An input of a case, channels last. */
  const volume = (test: GoldenCase, name: string): Tensor & { shape: Shape5 } => {
    const shape = volumeShape(test.inputs[name]!);
    return { shape, data: channelsLast(input(test, name), shape) };
  };
  /** The gradient of what a case sums up. */
  const gradient = (test: GoldenCase): Tensor => {
    const shape = volumeShape(test.outputs.y!.shape);
    return { shape, data: channelsLast(fill(`${test.attrs.id}.dy`, sizeOf5(shape)), shape) };
  };
  const expected = (test: GoldenCase, name: string, shape: Shape5) => channelsLast(test.grads![name]!.value, shape);

  it.each(of('maxpool3d', 'avgpool3d'))('$id', async ({ test }) => {
    const { kernel, stride, pad } = test.attrs;
    const x = volume(test, 'x');
    const geometry = { kernel, stride, padding: pad ?? 'valid' };
    for (const profile of KINDS) {
      const size = [x.shape[1], x.shape[2], x.shape[3]] as const;
      const [dx] =
        test.op === 'maxpool3d'
          ? await runOperator(gpu(), operators.maxPool3dGradient, geometry, [x, gradient(test)], { profile })
          : await runOperator(gpu(), operators.averagePool3dGradient, { ...geometry, size }, [gradient(test)], {
              profile,
            });
      expectClose(dx!, expected(test, 'x', x.shape));
    }
  });

  it.each(of('batchnorm3d'))('$id', async ({ test }) => {
    const { training, eps, momentum, mean: runningMean, var: runningVariance } = test.attrs;
    const x = volume(test, 'x');
    const count = sizeOf5(x.shape) / x.shape[4];
    const running = [vector(runningMean), vector(runningVariance)];
    for (const profile of KINDS) {
      const run = { profile };
      let [mean, variance] = running;
      if (training) {
        const statistics = await runOperator(gpu(), operators.batchStatistics, {}, [x], run);
        [mean, variance] = statistics.map(vector);
        const updated = await runOperator(gpu(), operators.updateStatistics, { momentum, count }, [
          ...running,
          mean!,
          variance!,
        ]);
        expectClose(updated[0]!, test.outputs.mean!.value);
        expectClose(updated[1]!, test.outputs.var!.value);
      }
      const attributes = { epsilon: eps, activation: 'none', batch: training === true } as const;
      const inputs = [x, mean!, variance!, vector(input(test, 'gamma')), vector(input(test, 'beta'))];
      const [y] = await runOperator(gpu(), operators.normalize, attributes, inputs, run);
      expectClose(y!, channelsLast(test.outputs.y!.value, x.shape));
      const found = await runOperator(gpu(), operators.normalizeGradient, attributes, [...inputs, gradient(test)], run);
      expectClose(found[0]!, expected(test, 'x', x.shape));
      expectClose(found[1]!, test.grads!.gamma!.value);
      expectClose(found[2]!, test.grads!.beta!.value);
    }
  });

  it.each(of('relu'))('$id', async ({ test }) => {
    const x = volume(test, 'x');
    const y = { shape: x.shape, data: channelsLast(test.outputs.y!.value, x.shape) };
    const [dx] = await runOperator(gpu(), operators.unaryGradient, { fn: 'relu' }, [y, gradient(test)]);
    expectClose(dx!, expected(test, 'x', x.shape));
  });

  it.each(of('softmax_cross_entropy'))('$id', async ({ test }) => {
    const [rows, classes] = test.inputs.x as [number, number];
    const logits = { shape: [rows, classes], data: input(test, 'x') };
    const targets = { shape: [rows, classes], data: new Float32Array(rows * classes) };
    test.attrs.target.forEach((label, row) => {
      targets.data[row * classes + label] = 1;
    });
    const [loss] = await runOperator(gpu(), operators.crossEntropy, {}, [logits, targets]);
    expectClose(loss!, test.outputs.loss!.value);
    const [dx] = await runOperator(gpu(), operators.crossEntropyGradient, {}, [logits, targets, vector([1])]);
    expectClose(dx!, test.grads!.x!.value);
  });

  it('sgd with clipping and a cosine schedule, eight steps', async () => {
    const test = cases.find((found): found is SgdCase => found.op === 'sgd')!;
    const { momentum, weight_decay: weightDecay, clip_norm: clip } = test.attrs;
    let state = [vector(fill('sgd.p', 6)), vector(new Float32Array(6))];
    for (const [step, rate] of test.lr.entries()) {
      const found = vector(fill(`sgd.g${step}`, 6, 6));
      const [norm] = await runOperator(gpu(), operators.gradientNorm, { clip }, [found]);
      expectClose(norm!.subarray(0, 1), [test.grad_norm_before_clip[step]!]);
      const schedule = vector([rate, 0, 0, 0]);
      const inputs = [...state, found, vector(norm!), schedule];
      state = (await runOperator(gpu(), operators.sgdUpdate, { momentum, weightDecay }, inputs)).map(vector);
      expectClose(state[0]!.data, test.parameters_after_step[step]!);
    }
    expect(test.lr.length).toBe(8);
  });
});

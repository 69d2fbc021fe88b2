import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { TrainingStep, type TrainingStepOptions } from '../../src/train/run/step.ts';
import { expectClose, testGpu } from '../harness.ts';
import { describeWithShared } from '../shared.ts';
import { CLASSES, fromTorch, tinyBatch, tinyNetwork, tinyParameters, torchName } from './tiny_network.ts';

const gpu = testGpu();

const OPTIONS: TrainingStepOptions = {
  trainable: () => true,
  batchNorm: 'batch',
  statisticsMomentum: 0.01,
  recompute: false,
  momentum: 0.9,
  weightDecay: 0,
  decays: () => true,
  clip: 5,
  seed: 1,
};

const model = tinyNetwork();
const parameters = tinyParameters(model);
const create = (options: Partial<TrainingStepOptions> = {}) =>
  TrainingStep.create(gpu(), model, parameters, { ...OPTIONS, ...options });

interface Golden {
  readonly logits_step0: readonly number[];
  readonly grads_step0: Readonly<Record<string, readonly number[]>>;
  readonly steps: readonly { loss: number; lr: number; grad_norm: number }[];
}

describeWithShared('ten steps as PyTorch makes them', ['golden/train_tiny.json'], (path) => {
  const golden = JSON.parse(readFileSync(path, 'utf8')) as Golden;

  it('has the gradients of the first step', async () => {
    const step = await create();
    const { loss, norm, logits } = await step.run(tinyBatch(0), { learningRate: 0.1, step: 0 });
    expectClose(logits.data, golden.logits_step0, 1e-4);
    expect(loss).toBeCloseTo(golden.steps[0]!.loss, 4);
    expect(norm).toBeCloseTo(golden.steps[0]!.grad_norm, 3);
    const state = await step.state();
    // The first velocity is the gradient: nothing was clipped, and there is no L2 term.
    for (const [name, { shape }] of parameters) {
      const theirs = golden.grads_step0[torchName(name)];
      if (!theirs) continue;
      const expected = fromTorch(theirs, shape);
      const actual = state.get(`optimizer/${name}/velocity`)!.data;
      const distance = Math.hypot(...actual.map((value, i) => value - expected[i]!));
      expect(distance / Math.hypot(...expected), name).toBeLessThan(1e-3);
    }
    step.dispose();
  });

  it.each([false, true])('has the losses of all steps (recompute: %s)', async (recompute) => {
    const step = await create({ weightDecay: 1e-4, recompute });
    for (const [k, { loss, lr, grad_norm }] of golden.steps.entries()) {
      const result = await step.run(tinyBatch(k), { learningRate: lr, step: k });
      expect(Math.abs(result.loss / loss - 1), `loss of step ${k}`).toBeLessThan(0.01);
      expect(Math.abs(result.norm! / grad_norm - 1), `norm of step ${k}`).toBeLessThan(0.02);
    }
    step.dispose();
  });
});

describe('a training step', () => {
  it('gives the same bits when it is run again from the same state', async () => {
    const [a, b] = [await create(), await create()];
    for (let k = 0; k < 3; k++) {
      const schedule = { learningRate: 0.1, step: k };
      const results = await Promise.all([a.run(tinyBatch(k), schedule), b.run(tinyBatch(k), schedule)]);
      expect(results[0]).toEqual(results[1]);
      if (k === 1) b.load(await a.state());
    }
    expect(await a.state()).toEqual(await b.state());
    a.dispose();
    b.dispose();
  });

  it('averages gradients over several batches', async () => {
    const [one, two] = [await create({ batchNorm: 'frozen' }), await create({ batchNorm: 'frozen', accumulate: 2 })];
    const schedule = { learningRate: 0.1, step: 0 };
    await one.run(tinyBatch(0), schedule);
    expect((await two.run(tinyBatch(0), schedule)).norm).toBeUndefined();
    await two.run(tinyBatch(0), schedule);
    const [expected, actual] = [await one.state(), await two.state()];
    for (const [name, { data }] of expected) expectClose(actual.get(name)!.data, data, 1e-4);
    one.dispose();
    two.dispose();
  });

  it('leaves frozen layers as they are', async () => {
    const step = await create({ trainable: (name) => name.startsWith('logits') });
    await step.run(tinyBatch(0), { learningRate: 0.1, step: 0 });
    const state = await step.state();
    for (const [name, tensor] of parameters) {
      if (name.startsWith('logits')) expect(state.get(name), name).not.toEqual(tensor);
      else expect(state.get(name), name).toEqual(tensor);
    }
    expect([...state.keys()].filter((name) => name.startsWith('optimizer/'))).toHaveLength(2);
    step.dispose();
  });

  it('learns one batch by heart', async () => {
    const step = await create();
    let loss = Number.POSITIVE_INFINITY;
    const schedule = (k: number) => ({ learningRate: 0.1, step: k });
    for (let k = 0; k < 12; k++) ({ loss } = await step.run(tinyBatch(0), schedule(k)));
    expect(loss).toBeLessThan(Math.log(CLASSES) / 2);
    expect(await step.firstNonFinite(tinyBatch(0), schedule(11))).toBeUndefined();
    step.dispose();
  });

  it('changes no parameter where gradients are not finite, and says where that began', async () => {
    const step = await create();
    const { clip, targets } = tinyBatch(0);
    await step.run({ clip, targets }, { learningRate: 0.1, step: 0 });
    const before = await step.state();
    // Too large to be squared: the variance of the first layer overflows, and what it normalises, an end point, is no number.
    const huge = { ...clip, data: clip.data.map((value) => value * 1e30) };
    const schedule = { learningRate: 0.1, step: 1 };
    const { norm } = await step.run({ clip: huge, targets }, schedule);
    expect(norm).toBeNaN();
    const after = await step.state();
    for (const name of ['stem/weights', 'optimizer/stem/weights/velocity']) {
      expect(after.get(name), name).toEqual(before.get(name));
    }
    // Whatever was trained on since.
    await step.run({ clip, targets }, { learningRate: 0.1, step: 2 });
    expect(await step.firstNonFinite({ clip: huge, targets }, schedule)).toBe('c2');
    step.dispose();
  });
});

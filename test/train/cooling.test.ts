import { describe, expect, test } from 'vitest';
import { floatTensor } from '../../src/core/tensor.ts';
import { Cooling } from '../../src/train/run/cooling.ts';
import { type LoopOptions, type Position, train } from '../../src/train/run/loop.ts';
import { learningRateAt } from '../../src/train/run/schedule.ts';
import type { PlannedStage } from '../../src/train/run/stages.ts';
import type { StepReport, Trainer } from '../../src/train/run/step_runner.ts';

const STAGE: PlannedStage = {
  name: 'all',
  first: 10,
  length: 100,
  stepsPerEpoch: 8,
  trains: 'all',
  learningRate: 0.1,
  schedule: 'cosine',
  warmup: 0.05,
  drops: [0.5],
  dropFactor: 0.1,
  learned: 0.9,
};

/** Takes steps from `first` on, of which `right` says how many clips were recognised; the numbers of those that bring the end nearer. */
function take(cooling: Cooling, first: number, count: number, right: (step: number) => number): number[] {
  const found: number[] = [];
  for (let step = first; step < first + count; step++) if (cooling.add(step + 1, right(step))) found.push(step + 1);
  return found;
}

describe('a stage whose clips are learned', () => {
  test('goes down in half as many steps as it has taken', () => {
    const cooling = new Cooling(STAGE, 8);
    expect(cooling.end).toBe(110);
    // Three epochs of 8 steps; the last one is good enough.
    expect(take(cooling, 10, 24, (step) => (step < 26 ? 0.8 : 0.95))).toEqual([34]);
    expect(cooling.end).toBe(35 + 13);
    const rates = Array.from({ length: 38 }, (_, i) => cooling.learningRate(10 + i));
    const planned = Array.from({ length: 38 }, (_, i) => learningRateAt(STAGE, i, 100));
    // The step after the one that decided is with the device already.
    expect(rates.slice(0, 26)).toEqual(planned.slice(0, 26));
    for (let i = 26; i < rates.length; i++) expect(rates[i]).toBeLessThan(rates[i - 1]!);
    expect(rates.at(-1)).toBeLessThan(0.02 * planned[25]!);
    expect(take(cooling, 34, 13, () => 1)).toEqual([]);
  });

  test.each([
    ['that a single step knows', (step: number) => Number(step % 8 === 0)],
    ['that are known in another part of two epochs', (step: number) => Number(step >= 14 && step < 22)],
  ])('not one %s', (_, right) => {
    expect(take(new Cooling(STAGE, 8), 10, 16, right)).toEqual([]);
  });

  test('an epoch of few clips is not enough', () => {
    const cooling = new Cooling({ ...STAGE, stepsPerEpoch: 2 }, 8);
    expect(take(cooling, 10, 20, () => 1)).toEqual([18]);
    // At least as many steps as say something.
    expect(cooling.end).toBe(19 + 8);
  });

  test('late ones end where they were planned', () => {
    const cooling = new Cooling(STAGE, 8);
    expect(take(cooling, 10, 100, (step) => Number(step >= 90))).toEqual([]);
    expect(cooling.end).toBe(110);
  });

  test('nothing of the kind without the setting', () => {
    const cooling = new Cooling({ ...STAGE, learned: 0 }, 8);
    expect(take(cooling, 10, 90, () => 1)).toEqual([]);
    expect(cooling.state).toEqual({ seen: 0, sum: 0 });
  });
});

describe('in a run', () => {
  const stages: PlannedStage[] = [
    { ...STAGE, first: 0, length: 60, stepsPerEpoch: 4 },
    { ...STAGE, name: 'then', first: 60, length: 2, learned: 0 },
  ];

  /** Its parameter is a trace of all learning rates; clips are recognised from step 6 on. */
  function network(): Trainer {
    let trace = 0;
    return {
      async run(_, { learningRate, step }) {
        trace = Math.fround(trace * 0.75 + learningRate);
        return { loss: 1, norm: 1, logits: floatTensor([1, 2], step >= 6 ? [1, 0] : [0, 1]) };
      },
      state: async () => new Map([['w', floatTensor([1], [trace])]]),
      load: (state) => {
        trace = state.get('w')!.data[0]!;
      },
      firstNonFinite: async () => undefined,
      dispose: () => undefined,
    };
  }

  function setting(changes: Partial<LoopOptions> = {}) {
    const log = { steps: [] as StepReport[], saved: [] as Position[], ends: [] as unknown[], asked: [] as number[] };
    const options: LoopOptions = {
      stages,
      accumulate: 1,
      // Windows of 4 steps.
      clips: 16,
      start: { step: 0, state: new Map([['w', floatTensor([1], [0])]]) },
      open: async (_, state) => {
        const trainer = network();
        trainer.load(state);
        return trainer;
      },
      batch: async (index) => {
        log.asked.push(index);
        return { targets: floatTensor([1, 2], [1, 0]) };
      },
      onStep: (report) => void log.steps.push(report),
      onLearned: (end) => void log.ends.push(end),
      save: async (position) => void log.saved.push(position),
      saveDue: () => false,
      ...changes,
    };
    return { log, options };
  }

  test('the steps that are left out count, and later stages are where they were', async () => {
    const { log, options } = setting();
    expect((await train(options)).step).toBe(62);
    // Known from step 6 on: the window of steps 8 to 11 is the first whole one, so the way down is 13 to 19.
    expect(log.ends).toEqual([{ stage: 'all', step: 12, end: 20, planned: 60 }]);
    const taken = Array.from({ length: 20 }, (_, i) => i);
    expect(log.asked).toEqual([...taken, 60, 61]);
    expect(log.steps.map(({ step }) => step)).toEqual([...taken.map((step) => step + 1), 61, 62]);
    expect(log.saved.map(({ step }) => step)).toEqual([60, 62]);
  });

  test.each([3, 9, 11, 12, 13, 18, 19])('one that goes on from step %i has the same bits', async (at) => {
    const whole = setting();
    const { state } = await train({ ...whole.options, stages: stages.slice(0, 1) });
    const broken = setting({ saveDue: (step) => step === at });
    await train(broken.options);
    const start = JSON.parse(JSON.stringify(broken.log.saved[0]!.cooling));
    const { log, options } = setting({
      stages: stages.slice(0, 1),
      start: { ...broken.log.saved[0]!, cooling: start },
    });
    expect((await train(options)).state).toEqual(state);
    expect(log.steps.at(-1)).toMatchObject({ step: 20, learningRate: whole.log.steps.at(-1)!.learningRate });
  });
});

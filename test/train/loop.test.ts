import { describe, expect, test } from 'vitest';
import { type FloatTensor, floatTensor } from '../../src/core/tensor.ts';
import { DeviceLostError } from '../../src/gpu/errors.ts';
import { type LoopOptions, type Position, train } from '../../src/train/run/loop.ts';
import type { PlannedStage } from '../../src/train/run/stages.ts';
import type { State, StepReport, Trainer } from '../../src/train/run/step_runner.ts';

/** A "network" of one number per class whose gradient is the batch: enough to see every step in the bits. */
class Scale implements Trainer {
  disposed = false;
  private velocity = 0;

  constructor(
    private parameter: number,
    private readonly poison = Number.POSITIVE_INFINITY,
  ) {}

  async run(
    inputs: { readonly x?: { data: ArrayLike<number | bigint> } },
    { learningRate, step }: { learningRate: number; step: number },
  ) {
    const x = Number(inputs.x!.data[0]);
    const loss = step >= this.poison ? Number.NaN : Math.abs(this.parameter);
    this.velocity = Math.fround(0.9 * this.velocity + x * this.parameter);
    this.parameter = Math.fround(this.parameter - learningRate * this.velocity);
    return { loss, norm: Math.abs(x), logits: floatTensor([2, 2], [1, 0, 1, 0]) };
  }

  async state(): Promise<State> {
    return new Map([
      ['frozen', floatTensor([1], [7])],
      ['w', floatTensor([1], [this.parameter])],
      ['optimizer/w/velocity', floatTensor([1], [this.velocity])],
    ]);
  }

  load(state: State): void {
    this.parameter = state.get('w')!.data[0]!;
    this.velocity = state.get('optimizer/w/velocity')!.data[0]!;
  }

  async firstNonFinite(): Promise<string | undefined> {
    return 'Mixed_4b/weights';
  }

  dispose(): void {
    this.disposed = true;
  }
}

const planned = (name: string, first: number, length: number): PlannedStage => ({
  name,
  first,
  length,
  stepsPerEpoch: 2,
  trains: 'all',
  learningRate: 0.1,
  schedule: 'cosine',
  warmup: 0,
  drops: [0.5],
  dropFactor: 0.1,
  learned: 0,
});

const STAGES = [planned('head', 0, 3), planned('all', 3, 5)];
const FRESH: Position = { step: 0, state: new Map<string, FloatTensor>([['w', floatTensor([1], [1])]]) };
const value = (state: State, name = 'w') => state.get(name)!.data[0];

function setting(changes: Partial<LoopOptions> = {}) {
  const log = {
    steps: [] as StepReport[],
    saved: [] as Position[],
    asked: [] as number[],
    evaluated: [] as number[],
    trainers: [] as Scale[],
  };
  const options: LoopOptions = {
    stages: STAGES,
    accumulate: 1,
    clips: 1,
    start: FRESH,
    open: async (_, state) => {
      const trainer = new Scale(value(state)!);
      log.trainers.push(trainer);
      return trainer;
    },
    batch: async (index) => {
      log.asked.push(index);
      return { x: floatTensor([1], [1 + (index % 3)]), targets: floatTensor([2, 2], [1, 0, 0, 0]) };
    },
    onStep: (report) => void log.steps.push(report),
    save: async (position) => void log.saved.push(position),
    saveDue: () => false,
    evaluate: async ({ step }) => void log.evaluated.push(step),
    ...changes,
  };
  return { log, options };
}

test('all stages, each batch once, and what is reported', async () => {
  const { log, options } = setting({ evaluateEvery: 2 });
  const { step } = await train(options);
  expect(step).toBe(8);
  expect(log.asked).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(log.steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(log.steps[3]).toMatchObject({ stage: 'all', epoch: 0.5, accuracy: 1, learningRate: 0.1 });
  expect(log.saved.map(({ step }) => step)).toEqual([3, 8]);
  expect(log.evaluated).toEqual([2, 5, 7]);
  expect(log.trainers.map(({ disposed }) => disposed)).toEqual([true, true]);
});

describe('a device that is lost', () => {
  const lost = () => new DeviceLostError('unknown', 'The GPU device was lost.');

  /** Loses the device when it is to do a step for the first time. */
  function losing(at: readonly number[], changes: Partial<LoopOptions> = {}) {
    const due = new Set(at);
    const from: number[] = [];
    const { log, options } = setting({
      onLost: async (_, { step }) => void from.push(step),
      saveDue: (step) => step === 5,
      ...changes,
    });
    const open = async (...args: Parameters<LoopOptions['open']>) => {
      const trainer = await options.open(...args);
      const run = trainer.run.bind(trainer);
      trainer.run = async (inputs, schedule) => {
        if (due.delete(schedule.step)) throw lost();
        return run(inputs, schedule);
      };
      return trainer;
    };
    return { log, options: { ...options, open }, from };
  }

  test.each([[0], [2], [4], [7], [1, 6]])(
    'before step %i: training goes on from what was saved last',
    async (...at) => {
      const whole = await train(setting().options);
      const { log, options, from } = losing(at);
      const position = await train(options);
      expect(position).toEqual(whole);
      const saved = (step: number) => (step < 3 ? 0 : step < 5 ? 3 : 5);
      expect(from).toEqual(at.map(saved));
      expect(log.trainers.every(({ disposed }) => disposed)).toBe(true);
    },
  );

  test('without another one is an error', async () => {
    const error = lost();
    const { options } = losing([2], {
      onLost: async () => {
        throw error;
      },
    });
    await expect(train(options)).rejects.toBe(error);
  });
});

describe('an interrupted run that goes on', () => {
  // The next step is with the device when a step is reported, unless a stage ends with it.
  test.each([
    [1, 2],
    [2, 3],
    [3, 3],
    [4, 5],
    [7, 8],
  ])('at step %i ends after step %i and has the bits of an unbroken one', async (stop, last) => {
    const whole = await train(setting().options);
    const controller = new AbortController();
    const broken = setting({
      signal: controller.signal,
      onStep: ({ step }) => {
        if (step === stop) controller.abort();
      },
    });
    const left = await train(broken.options);
    expect(left.step).toBe(last);
    expect(broken.log.saved.at(-1)!.step).toBe(last);
    const resumed = await train(setting({ start: left }).options);
    expect(resumed.step).toBe(8);
    expect(resumed.state).toEqual(whole.state);
  });

  test('a signal during an evaluation saves the steps since the last save', async () => {
    const controller = new AbortController();
    const { log, options } = setting({
      signal: controller.signal,
      evaluateEvery: 2,
      evaluate: async () => controller.abort(),
    });
    await train(options);
    expect(log.saved.map(({ step }) => step)).toEqual([2]);
  });

  test('a finished one computes nothing', async () => {
    const { log, options } = setting({ start: { step: 8, state: FRESH.state } });
    expect((await train(options)).step).toBe(8);
    expect(log.trainers).toEqual([]);
  });
});

describe('one step ahead', () => {
  /** Notes when batches are taken and when their results come, one after the other and some turns later. */
  function noting(changes: Partial<LoopOptions> = {}) {
    const events: string[] = [];
    const { log, options } = setting({ onStep: ({ step }) => void events.push(`report ${step}`), ...changes });
    let batches = 0;
    let device = Promise.resolve();
    const open = async (...args: Parameters<LoopOptions['open']>) => {
      const trainer = await options.open(...args);
      const [run, dispose] = [trainer.run.bind(trainer), trainer.dispose.bind(trainer)];
      trainer.run = async (inputs, schedule) => {
        const batch = batches++;
        events.push(`take ${batch}`);
        const result = run(inputs, schedule);
        device = device.then(async () => {
          for (let turn = 0; turn < 20; turn++) await Promise.resolve();
          events.push(`give ${batch}`);
        });
        await device;
        return result;
      };
      trainer.dispose = () => {
        events.push('dispose');
        dispose();
      };
      return trainer;
    };
    return { events, log, options: { ...options, open } };
  }

  test('the next batch is with the device before the results of a step are there', async () => {
    const { events, options } = noting({ stages: [planned('all', 0, 3)] });
    await train(options);
    expect(events).toEqual([
      'take 0',
      'take 1',
      'give 0',
      'report 1',
      'take 2',
      'give 1',
      'report 2',
      'give 2',
      'report 3',
      'dispose',
    ]);
  });

  test('of several batches that make a step, too: two at a time', async () => {
    const { events, options } = noting({ stages: [planned('all', 0, 2)], accumulate: 3 });
    await train(options);
    const open = new Set<string>();
    let most = 0;
    for (const event of events) {
      const [what, batch] = event.split(' ');
      if (what === 'take') open.add(batch!);
      if (what === 'give') open.delete(batch!);
      most = Math.max(most, open.size);
    }
    expect(most).toBe(2);
    expect(events.filter((event) => event.startsWith('take'))).toHaveLength(6);
  });

  test('no step is ahead of a checkpoint or an evaluation', async () => {
    const states: string[] = [];
    const { events, options } = noting({
      stages: [planned('all', 0, 4)],
      saveDue: (step) => step === 2,
      evaluateEvery: 3,
    });
    const save: LoopOptions['save'] = async ({ step }) => void states.push(`save ${step} after ${events.at(-1)}`);
    const evaluate: LoopOptions['evaluate'] = async ({ step }) =>
      void states.push(`evaluate ${step} after ${events.at(-1)}`);
    await train({ ...options, save, evaluate });
    expect(states).toEqual(['save 2 after report 2', 'evaluate 3 after report 3', 'save 4 after report 4']);
  });

  test('a step that failed is told before the one that was given to the device after it', async () => {
    const { events, log, options } = noting({ stages: [planned('all', 0, 6)], saveDue: (step) => step === 2 });
    let asked: unknown;
    const open = async (...args: Parameters<LoopOptions['open']>) => {
      const trainer = await options.open(...args);
      const run = trainer.run.bind(trainer);
      trainer.run = async (inputs, schedule) => {
        const result = await run(inputs, schedule);
        if (schedule.step === 4) throw new Error('step 5 failed');
        return schedule.step === 3 ? { ...result, norm: Number.POSITIVE_INFINITY } : result;
      };
      trainer.firstNonFinite = async (inputs, schedule) => {
        asked = { x: inputs.x!.data[0], ...schedule };
        return undefined;
      };
      return trainer;
    };
    await expect(train({ ...options, open })).rejects.toThrow(
      'Training stopped at step 4: the norm of the gradients is Infinity; a lower',
    );
    expect(asked).toMatchObject({ x: 1, step: 3 });
    expect(log.saved.map(({ step }) => step)).toEqual([2]);
    expect(events.filter((event) => event === 'take 4' || event === 'dispose')).toEqual(['take 4', 'dispose']);
  });
});

test('several batches make a step', async () => {
  const { log, options } = setting({ accumulate: 2, stages: [planned('all', 0, 3)] });
  await train(options);
  expect(log.asked).toEqual([0, 1, 2, 3, 4, 5]);
  expect(log.steps.length).toBe(3);
});

test('saves every n steps', async () => {
  const { log, options } = setting({ saveDue: (step) => step % 2 === 0 });
  await train(options);
  expect(log.saved.map(({ step }) => step)).toEqual([2, 3, 4, 6, 8]);
});

test('a loss that is no number ends the run with the step and a tensor', async () => {
  const { log, options } = setting({
    open: async (_, state) => new Scale(value(state)!, 4),
    saveDue: (step) => step % 2 === 0,
  });
  await expect(train(options)).rejects.toThrow(
    'Training stopped at step 5: the loss is NaN, and Mixed_4b/weights is the first tensor that is not finite; a lower learning rate (it was 0.0905) or more warm-up may help.',
  );
  expect(log.saved.at(-1)!.step).toBe(4);
});

test('a batch that cannot be made ends the run, wherever it was asked for', async () => {
  const { log, options } = setting({
    batch: async (index) => {
      if (index === 2) throw new Error('the disk is gone');
      return { x: floatTensor([1], [1]), targets: floatTensor([2, 2], [1, 0, 0, 1]) };
    },
  });
  await expect(train(options)).rejects.toThrow('the disk is gone');
  expect(log.steps.length).toBe(2);
  expect(log.steps[0]!.accuracy).toBe(0.5);
});

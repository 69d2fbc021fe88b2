import { expect, test } from 'vitest';
import type { Session } from '../../src/cli/session.ts';
import { TrainProgress } from '../../src/cli/terminal/train-progress.ts';
import type { StepReport } from '../../src/train/run/step_runner.ts';
import type { StreamPlan } from '../../src/train/run/stream_run.ts';

test('the time that is left knows of a stage that ends early', () => {
  const lines: string[] = [];
  const warnings: string[] = [];
  const session = {
    progress: { say: (line: string) => void lines.push(line) },
    warn: (line: string) => void warnings.push(line),
  } as unknown as Session;
  const progress = new TrainProgress(session, 8, true);
  const plan = { steps: 60, done: 0 } as StreamPlan;
  const report = (step: number): StepReport => ({
    stage: 'all',
    epoch: 1,
    step,
    loss: 0.1,
    accuracy: 1,
    norm: 1,
    learningRate: 0.1,
    clipsPerSecond: 8,
  });
  const left = (step: number) => {
    progress.onStep('rgb', report(step), plan);
    return lines.at(-1)!.split(' · ').at(-1);
  };
  expect(left(10)).toBe('50 s left');
  progress.onLearned('rgb', { stage: 'all', step: 10, end: 16, planned: 50 });
  expect(warnings).toEqual([
    'rgb: nearly all training clips are recognised at step 10; stage all ends after step 16 instead of 50.',
  ]);
  expect(left(11)).toBe('15 s left');
  expect(left(16)).toBe('10 s left');
  // The steps that are left out count as done.
  expect(left(51)).toBe('9 s left');
});

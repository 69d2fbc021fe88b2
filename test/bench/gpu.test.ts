/** @file A session with a GPU: how its time is divided, what becomes of things that fail, hang or crash, and what it leaves. */

import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { allowance, SHARES } from '../../bench/gpu/budget.ts';
import { contestants, promising } from '../../bench/gpu/candidate_stages.ts';
import { groupsOf } from '../../bench/gpu/groups.ts';
import { startProcess } from '../../bench/gpu/node/process.ts';
import { type Event, type Outcome, type Session, STAGES } from '../../bench/gpu/outcome.ts';
import { tableModule } from '../../bench/gpu/records.ts';
import { Runner, type Stage, type StageContext } from '../../bench/gpu/runner.ts';
import { summary } from '../../bench/gpu/summary.ts';
import { supervise } from '../../bench/gpu/supervisor.ts';
import { clearChoices } from '../../bench/gpu/tables.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { DeviceLostError } from '../../src/gpu/errors.ts';
import type { Candidate } from '../../src/ops/operator.ts';
import { testFolder } from '../folder.ts';
import { program } from '../program.ts';
import { madeUpSession, row } from './session.ts';

describe('the time of a session', () => {
  it('is divided by shares, and what a stage leaves goes to those after it', () => {
    const whole = STAGES.reduce((sum, stage) => sum + SHARES[stage], 0);
    expect(whole).toBe(100);
    expect(allowance(600, STAGES)).toBeCloseTo(600 * 0.01);
    expect(allowance(100, ['candidates', 'timings'])).toBeCloseTo((100 * 20) / 34);
    expect(allowance(100, ['timings'])).toBe(100);
    expect(allowance(-5, ['timings'])).toBe(0);
  });
});

/** A device that does nothing. */
const device = (lost = new Promise<never>(() => undefined)): Gpu =>
  ({ lost, dispose: () => undefined }) as unknown as Gpu;

/** Runs one stage on devices that do nothing; what it told, and how many devices there were. */
async function run(
  body: (context: StageContext<'flow'>) => Promise<void>,
  { budget = 60_000, known = [] }: { budget?: number; known?: readonly Outcome[] } = {},
) {
  const events: Event[] = [];
  let opened = 0;
  const open = async () => {
    opened++;
    return device();
  };
  const runner = new Runner({ open, emit: (event) => events.push(event), known, budget });
  await runner.run([{ name: 'flow', run: body }] as unknown as Stage[]);
  const outcomes = events.flatMap((event) => (event.kind === 'outcome' ? [event.outcome] : []));
  const [end] = events.flatMap((event) => (event.kind === 'stage' ? [event.end] : []));
  return { outcomes, end: end!, opened };
}

const attempt = <T>(id: string, work: () => Promise<T>, patience = 10_000) => ({ id, title: id, patience, work });
const nothing = async () => undefined;

describe('a stage', () => {
  it('goes on after what fails', async () => {
    const { outcomes, end, opened } = await run(async (context) => {
      await context.attempt(attempt('a', () => Promise.reject(new Error('wrong\nsecond line'))));
      await context.attempt(attempt('b', nothing));
    });
    expect(outcomes.map(({ id, problem }) => [id, problem])).toEqual([
      ['a', 'wrong'],
      ['b', undefined],
    ]);
    expect([end.how, opened]).toEqual(['done', 1]);
  });

  it('gives a device up that does not answer', async () => {
    const { outcomes, opened } = await run(async (context) => {
      await context.attempt(attempt('hangs', () => new Promise(() => undefined), 20));
      await context.attempt(attempt('next', nothing));
    });
    expect(outcomes.map(({ problem }) => problem)).toEqual(['no answer for 0 s', undefined]);
    expect(opened).toBe(2);
  });

  it('tries once more where the device is lost, and then leaves it', async () => {
    const losses: Gpu[] = [];
    let reject: (() => void)[] = [];
    const events: Event[] = [];
    const open = async () => {
      return device(
        new Promise((_, fail) => {
          reject.push(() => fail(new DeviceLostError('unknown', 'lost')));
        }),
      );
    };
    const runner = new Runner({ open, emit: (event) => events.push(event), known: [], budget: 60_000 });
    const stage: Stage<'flow'> = {
      name: 'flow',
      run: async (context) => {
        const work = async (gpu: Gpu) => {
          losses.push(gpu);
          for (const lose of reject) lose();
          reject = [];
          await new Promise((resolve) => setTimeout(resolve, 1));
          throw new DeviceLostError('unknown', 'The GPU device was lost.');
        };
        await context.attempt({ ...attempt('kills', nothing), work });
        await context.attempt(attempt('next', nothing));
      },
    };
    await runner.run([stage] as unknown as Stage[]);
    expect(new Set(losses).size).toBe(2);
    const outcomes = events.flatMap((event) => (event.kind === 'outcome' ? [event.outcome.problem] : []));
    expect(outcomes).toEqual(['The GPU device was lost.', undefined]);
  });

  it('stops when its time is over', async () => {
    const { outcomes, end } = await run(
      async (context) => {
        for (let i = 0; ; i++) {
          await context.attempt(attempt(`${i}`, () => new Promise((resolve) => setTimeout(resolve, 5))));
        }
      },
      { budget: 50 },
    );
    expect(outcomes.length).toBeGreaterThan(0);
    expect(end.how).toBe('cut short');
  });

  it('blames nothing for what was under way when all time was over', async () => {
    const { outcomes, end } = await run(
      (context) =>
        context.attempt(attempt('slow', () => new Promise<undefined>(() => undefined))).then(() => undefined),
      { budget: 30 },
    );
    expect(outcomes).toEqual([]);
    expect(end.how).toBe('cut short');
  });

  it('does nothing again that an earlier process did', async () => {
    const known: Outcome[] = [{ stage: 'flow', id: 'a', title: 'a', seconds: 1, problem: 'the process ended' }];
    const { outcomes } = await run(
      async (context) => {
        expect(await context.attempt(attempt('a', () => Promise.reject(new Error('done again'))))).toBeUndefined();
        await context.attempt(attempt('b', nothing));
      },
      { known },
    );
    expect(outcomes.map(({ id }) => id)).toEqual(['b']);
  });
});

/** A process that says what it is told to, line by line of JavaScript; `say` sends a message, `known` is what it was told. */
function child(body: string, options: { budget?: number; silence?: number; signal?: AbortSignal } = {}) {
  const script = `process.once('message', ({ known }) => {
    const say = (message) => new Promise((resolve) => process.send(message, resolve));
    const begin = (id, patience = 0) => say({ kind: 'begin', stage: 'flow', id, title: id, patience });
    const end = (id) => say({ kind: 'outcome', outcome: { stage: 'flow', id, title: id, seconds: 0 } });
    const finish = () => say({ kind: 'finished' });
    (async () => { ${body} })();
  }); setInterval(() => {}, 1000);`;
  const known: string[] = [];
  const problems: (string | undefined)[] = [];
  const ended = supervise({
    start: (order, listener) => startProcess(process.execPath, ['-e', script], order, listener),
    noun: 'process',
    order: () => ({ known }),
    onEvent(event) {
      if (event.kind !== 'outcome') return;
      known.push(event.outcome.id);
      problems.push(event.outcome.problem);
    },
    budget: 60_000,
    grace: 100,
    ...options,
  });
  return ended.then((why) => ({ why, known, problems }));
}

describe('the process that works with the device', () => {
  it('is started again after what it crashed at', async () => {
    const { why, known, problems } = await child(`
      if (!known.includes('a')) { await begin('a'); console.error('driver error'); process.exit(3); }
      await begin('b'); await end('b'); await finish();`);
    expect(why).toBeUndefined();
    expect(known).toEqual(['a', 'b']);
    expect(problems).toEqual(['the process ended (3): driver error', undefined]);
  });

  it('is ended when it does not answer', async () => {
    const { why, problems } = await child(`
      if (!known.includes('a')) { await begin('a'); for (;;); }
      await finish();`);
    expect(why).toBeUndefined();
    expect(problems).toEqual(['no answer for 0 s, and the process had to be ended']);
  });

  it('is ended when the time is over, or somebody wants it', async () => {
    const late = await child(`await begin('a', 60000); for (;;);`, { budget: 1500 });
    expect(late).toMatchObject({ why: 'The time was over before everything was done.', problems: [] });
    const interrupt = new AbortController();
    const interrupted = child(`await begin('a', 60000);`, { signal: interrupt.signal });
    interrupt.abort();
    expect((await interrupted).why).toBe('It was interrupted.');
  });

  it('is not started for ever', async () => {
    const { why } = await child(`process.exit(1);`);
    expect(why).toBe('The process that works with the device ended 3 times: the process ended (1).');
  });
});

describe('candidates', () => {
  const named = (name: string, accuracy: Candidate['accuracy'] = 'exact') => ({ name, accuracy });

  it('are timed again where they seem clearly faster than the best guess', () => {
    const candidates = [named('guess'), named('a'), named('b'), named('c'), named('h', 'half')];
    const times = (...ms: number[]) => new Map(candidates.map(({ name }, i) => [name, { ms: ms[i]! }]));
    expect([...contestants(candidates, times(10, 8, 7, 6, 1), 'exact')]).toEqual(['guess', 'c', 'b']);
    expect([...contestants(candidates, times(10, 9, 9.5, 10, 1), 'exact')]).toEqual([]);
    expect([...contestants(candidates, times(10, 9, 9.5, 10, 1), 'half')]).toEqual(['guess', 'h']);
  });

  it('are timed on the long clip unless they were wrong or far behind on the short one', () => {
    const candidates = ['a', 'b', 'c', 'd'].map((name) => named(name)) as unknown as Candidate[];
    const rows = [row('a', 1), row('b', 5), row('c', undefined, { problem: 'wrong' })];
    expect(promising(candidates, rows).map(({ name }) => name)).toEqual(['a', 'd']);
  });
});

describe('what a session leaves', () => {
  const session = madeUpSession();
  const choices = clearChoices(session.outcomes);

  it('is a table of choices in the form that ships', () => {
    expect(choices).toMatchObject([
      { accuracy: 'exact', candidate: 'best', problem: 'conv3d {} 1×1', guessMs: 2, ms: 1.2 },
      { accuracy: 'fast', candidate: 'best' },
    ]);
    const text = tableModule(session, choices)!;
    expect(text).toContain("import type { ShippedTable } from '../../core/tuning.ts';");
    const [, name, json] = /export const (\w+): ShippedTable = (\{.*\});\n$/s.exec(text)!;
    expect(name).toBe('MAKER_NEW');
    expect(JSON.parse(json!)).toEqual({
      adapter: { vendor: 'maker', architecture: 'new', subgroupMaxSize: 32 },
      measured: 'Maker: 1.2.3, 2026-11-29',
      choices: { exact: { 'conv3d {} 1×1': 'best' }, fast: { 'conv3d {} 1×1': 'best' } },
    });
    expect(tableModule(session, [])).toBeUndefined();
  });

  it('is no choice where it was timed once', () => {
    const once = session.outcomes.filter(({ value }) => !(value && 'round' in value) || value.round === 1);
    expect(clearChoices(once)).toEqual([]);
  });

  it('is a page that says what there is and what failed', () => {
    const page = summary(session, choices);
    expect(page).toContain('# maker-9000\n');
    expect(page).toContain('| f16 multiply-adds | 2.00 TFLOP/s |');
    expect(page).toContain('- candidates: candidates 10: wrong by 5.0e-1 at a sample (error 5.0e-1)');
    expect(page).toContain('4 candidates were compared with sums in float64; 1 thing failed.');
    expect(page).toContain('| peers | left out: no Python | 0 | 0.00 |');
    expect(page).toContain('| models | not finished |');
    expect(page).toContain('src/graph/tables/index.ts');
  });

  it('has layers in groups', () => {
    const layer = (node: string, op = 'conv3d') => ({
      ...{ node, op, kernel: 'k', ms: 1, flops: 2, bytes: 3, workgroups: [], shapes: [] },
    });
    const names = ['Conv3d_1a_7x7', 'Mixed_3b/Branch_1/Conv3d_0b_3x3', 'Mixed_3c/Branch_2/Conv3d_0b_3x3 + other'];
    const groups = groupsOf([...names.map((name) => layer(name)), layer('MaxPool3d_2a_3x3', 'pool3d')]);
    expect(groups.map(({ name, ms, share }) => [name, ms, share])).toEqual([
      ['Conv3d_1 7×7×7', 1, 0.25],
      ['Mixed_3 3×3×3', 2, 0.5],
      ['pools', 1, 0.25],
    ]);
  });
});

describe('npm run -s bench -- gpu', () => {
  const folder = testFolder('i3d-gpu-bench-');

  it('writes what it found and prints the summary', async () => {
    const args = [program('bench/main.js'), 'gpu', '--minutes', '2', '--stage', 'facts', '--out', folder, '--json'];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
    expect(stderr).toBe('');
    const { facts, stages, failures, files } = JSON.parse(stdout);
    expect(facts.limits.maxBufferSize).toBeGreaterThan(0);
    expect(stages).toMatchObject([{ stage: 'facts', how: 'done' }]);
    expect(failures).toEqual([]);
    expect((await readdir(folder)).map((name) => join(folder, name)).sort()).toEqual([...files].sort());
    const session = JSON.parse(await readFile(files[1], 'utf8')) as Session;
    expect(session.outcomes[0]!.value).toEqual(facts);
  });

  it.each([
    ['--minutes', 'none', '--minutes takes a number above 0'],
    ['--stage', 'fact', '--stage takes facts, peaks,'],
  ])('refuses %s %s', async (option, value, sentence) => {
    const args = [program('bench/main.js'), 'gpu', option, value, '--out', folder];
    await expect(promisify(execFile)(process.execPath, args)).rejects.toThrow(sentence);
  });
});

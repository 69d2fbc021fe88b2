/** @file `i3d train` and `i3d eval` as a shell sees them. */

import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { testFolder } from '../folder.ts';
import { TINY, writeClips } from '../train/clips.ts';
import { type CommandResult, i3d, startI3d } from './command.ts';

const folder = testFolder('i3d-train-');
const at = (...names: string[]): string => join(folder, ...names);
const data = writeClips(at('clips'));
const cache = at('cache');

/** A configuration in a file. */
function config(name: string, changes: object = {}): string {
  writeFileSync(at(name), JSON.stringify({ ...TINY, data, out: at(`${name}-out`), cache, ...changes }));
  return at(name);
}

async function json(...args: string[]) {
  const { code, stdout, stderr } = await i3d(args);
  expect(stderr.split('\n').filter((line) => line !== '' && !line.startsWith('i3d: '))).toEqual([]);
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

describe('train, then eval', () => {
  const model = at('both');
  let trained: Record<string, unknown>;
  beforeAll(async () => {
    trained = await json('train', config('both.json', { streams: ['rgb', 'flow'] }), '--out', model, '--json');
  });

  test('train prints what it did and leaves models and a page', () => {
    expect(trained).toMatchObject({
      out: model,
      seed: 1,
      classes: ['across', 'down'],
      split: 'all',
      clips: 10,
      top1: expect.any(Number),
      streams: [
        { stream: 'rgb', steps: 5, clips: { train: 10, test: 0 }, spec: { width: 0.06, channels: 3 } },
        { stream: 'flow', steps: 5, spec: { channels: 2 } },
      ],
      skipped: [],
    });
    expect(readdirSync(model).sort()).toEqual([
      'checkpoint-flow.safetensors',
      'checkpoint-rgb.safetensors',
      'flow.safetensors',
      'metrics.jsonl',
      'report.html',
      'rgb.safetensors',
    ]);
    const page = readFileSync(join(model, 'report.html'), 'utf8');
    expect(page).toContain('<polyline class="rgb line"');
    expect(page).toContain('<polyline class="flow line"');
    expect(page).not.toMatch(/<script|https?:/);
  });

  test('eval says the same of the same clips', async () => {
    const result = await json('eval', data, '--model', model, '--cache', cache, '--json');
    for (const name of ['top1', 'top5', 'confusion', 'classes', 'perClass', 'rgb', 'flow', 'fused']) {
      expect(result[name], name).toEqual(trained[name]);
    }
    expect(result.fused).toMatchObject({ clips: 10, top1: result.top1, confusion: result.confusion });
    expect(result.confusion.flat().reduce((sum: number, count: number) => sum + count)).toBe(10);
  });

  test('eval of one stream, of the test clips of a list, as a table', async () => {
    const rows = ['across/0.npy,across,test', 'down/0.npy,down,train', 'down/1.npy,down,test'];
    const list = join(data, 'list.csv');
    writeFileSync(list, `path,label,split\n${rows.join('\n')}\n`);
    const one = await json('eval', list, '--model', join(model, 'rgb.safetensors'), '--cache', cache, '--json');
    expect(one).toMatchObject({ split: 'test', clips: 2, confusion: one.rgb.confusion });
    expect(one.fused).toBeUndefined();
    const all = await json(
      'eval',
      list,
      '--model',
      model,
      '--stream',
      'flow',
      '--split',
      'all',
      '--cache',
      cache,
      '--json',
    );
    expect(all).toMatchObject({ split: 'all', clips: 3, flow: { clips: 3 } });
    expect(all.rgb).toBeUndefined();
    const { stdout, code } = await i3d(['eval', list, '--model', model, '--cache', cache]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^2 test clips of 2 classes\n\n +top-1 +loss\nRGB .* %.*\nflow .* %.*\nboth .* %/);
  });
});

/** Starts training, and sends it a signal once it has done a step. */
function killed(path: string, out: string, signal: NodeJS.Signals): Promise<{ code: number | null; stderr: string }> {
  const child = startI3d(['train', path], ['ignore', 'ignore', 'pipe']);
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const watch = setInterval(() => {
    if (!existsSync(join(out, 'checkpoint-rgb.safetensors'))) return;
    clearInterval(watch);
    child.kill(signal);
    // Programs that start others may pass on what the terminal has sent to all of them already.
    child.kill(signal);
  }, 20);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(watch);
      resolve({ code, stderr });
    });
  });
}

describe('a run that ends early', () => {
  // Long enough that no signal comes too late; a state after every step.
  const stages = [{ name: 'all', trains: 'all', steps: 60, learningRate: 0.05 }];
  const weights = (name: string) => readFileSync(at(`${name}-out`, 'rgb.safetensors'));
  let whole: Promise<CommandResult>;
  beforeAll(() => {
    whole = i3d(['train', config('whole.json', { stages, saveEvery: 0 })]);
  });

  test.each(['SIGINT', 'SIGKILL'] as const)(
    'by %s goes on with --resume and ends with the same bits',
    async (signal) => {
      const path = config(`${signal}.json`, { stages, saveEvery: 0 });
      const out = `${path}-out`;
      await whole;
      const { code, stderr } = await killed(path, out, signal);
      expect(existsSync(join(out, 'rgb.safetensors'))).toBe(false);
      if (signal === 'SIGINT') {
        expect(code).toBe(130);
        expect(stderr).toMatch(
          /Stopped after step \d+ of 60 of the rgb stream; the same command with --resume goes on/,
        );
      }
      const again = await i3d(['train', path]);
      expect(again.stderr).toMatch(/is there already: go on with that run by --resume/);
      expect(again.code).toBe(1);
      const resumed = await i3d(['train', path, '--resume']);
      expect(resumed.stderr).toMatch(/on from step \d+ of 60/);
      expect(resumed.code).toBe(0);
      expect(weights(`${signal}.json`).equals(weights('whole.json'))).toBe(true);
      expect(readdirSync(out).filter((name) => name.includes('.part'))).toEqual([]);
    },
  );
});

describe('bad input gives one sentence and exit code 1', () => {
  const empty = at('empty');
  mkdirSync(join(empty, 'a'), { recursive: true });
  mkdirSync(join(empty, 'b'));
  writeFileSync(join(empty, 'a', 'x.npy'), '');
  writeFileSync(at('file'), '');
  const full = at('full');
  mkdirSync(full);
  symlinkSync('/dev/full', join(full, 'metrics.jsonl'));

  const cases: [name: string, args: string[], message: RegExp][] = [
    ['no data', ['train'], /missing required argument 'config'/],
    ['an unknown key', ['train', config('k.json', { learnRate: 1 })], /k\.json: learnRate is not known here/],
    ['a class without clips', ['train', empty, '--out', at('x')], /empty\/b holds no clips/],
    ['results in a file', ['train', data, '--out', at('file')], /Cannot write .*file/],
    ['a share that is none', ['train', data, '--holdout', '2', '--out', at('x')], /a number from 0 to below 1/],
    [
      'a model that does not exist',
      ['train', data, '--from', at('none.pt'), '--out', at('x')],
      /none\.pt does not exist/,
    ],
    [
      'clips without labels that do not exist',
      ['train', data, '--pretrain', at('none'), '--out', at('x')],
      /none does not exist; give a folder of clips to learn from/,
    ],
    ['eval with a folder without models', ['eval', data, '--model', data], /holds no model/],
  ];
  if (process.platform === 'linux') {
    cases.push([
      'a full disk',
      ['train', config('full.json', { out: full })],
      /metrics\.jsonl: the disk is full; free some space/,
    ]);
  }

  test.each(cases)('%s', async (_, args, message) => {
    const { code, stdout, stderr } = await i3d(args);
    const lines = stderr.trim().split('\n');
    expect(lines.at(-1)).toMatch(message);
    expect(lines.at(-1)).toMatch(/^i3d: /);
    expect(stderr).not.toMatch(/\n\s+at |Error:|node:internal/);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });
});

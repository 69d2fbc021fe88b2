/** @file The pages that commands write: what they say of times, and that long names do not widen them. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeReport } from '../../src/cli/report/report.ts';
import { Sampler } from '../../src/cli/report/samples.ts';
import { type TrainingReport, trainingPage } from '../../src/cli/report/training-report.ts';
import { i3dSpec } from '../../src/i3d/i3d.ts';
import { topK } from '../../src/models/scores.ts';
import type { MetricsLine } from '../../src/train/evaluate/metrics.ts';
import { browserPath } from '../browser/page_runner.ts';
import { testFolder } from '../folder.ts';

const folder = testFolder('i3d-report-');

const labels = ['x'.repeat(80), 'playing '.repeat(10).trim(), 'wave', 'jump & run'];

async function classificationPage(): Promise<string> {
  const [frames, side] = [1, 16];
  const sampler = new Sampler(i3dSpec(3, 400));
  const clip = {
    dtype: 'u8' as const,
    shape: [frames, side, side, 3],
    data: new Uint8Array(frames * side * side * 3),
  };
  const flow = {
    dtype: 'f32' as const,
    shape: [frames, side, side, 2],
    data: new Float32Array(frames * side * side * 2),
  };
  sampler.add({ start: 0, frames, clip }, flow, true);
  const logits = Float64Array.of(4, 3, 2, 1);
  const path = join(folder, 'report.html');
  const result = {
    ...{
      input: `${'clip'.repeat(40)}.mp4`,
      width: side,
      height: side,
      fps: 25,
      models: new Map([['rgb', { model: 'i3d', name: 'I3D' }] as const]),
      frames,
      windows: [[0, frames]] as const,
    },
    ...{ streams: { rgb: logits, flow: logits }, logits, top: topK(logits, labels, 4), labels, adapter: 'llvmpipe' },
    seconds: { decode: 1, prepare: 0.5, flow: 2, compile: 1, run: 3, total: 4 },
  };
  await writeReport(path, result, sampler);
  return readFileSync(path, 'utf8');
}

function pageOfTraining(): string {
  const accuracy = {
    ...{ clips: 16, top1: 0.8, top5: 1, loss: 0.5, perClass: [1, 0.5, 0.25, null] },
    confusion: labels.map((_, i) => labels.map((_, k) => (i === k ? 3 : (i * k) % 2))),
  };
  const metrics = [1, 2, 3].flatMap((step): MetricsLine[] => [
    {
      ...{ kind: 'step', stream: 'rgb', stage: 'all', step, epoch: step, loss: 1 / step, accuracy: 0.5, norm: 1 },
      ...{ learningRate: 0.1, clipsPerSecond: 2 },
    } as MetricsLine,
    { kind: 'evaluation', stream: 'rgb', stage: 'all', step, top1: 0.5, top5: 1, loss: 1 },
  ]);
  const plan = { spec: { stream: 'rgb' }, from: undefined, stages: [], steps: 1, clips: { train: 1, test: 16 } };
  return trainingPage({
    config: { out: `/tmp/${'model'.repeat(30)}`, batch: 8, accumulate: 1 },
    result: {
      ...{ classes: labels, streams: { rgb: plan }, metrics, skipped: [{ path: 'a', reason: 'y'.repeat(200) }] },
      result: { split: 'test', evaluation: { rgb: accuracy }, skipped: [] },
    },
    seconds: 60,
    adapter: 'llvmpipe',
  } as unknown as TrainingReport);
}

test('times that overlap have a total and a bar each, on its scale', async () => {
  const page = await classificationPage();
  expect(page).toContain('4.00 s in all');
  expect(page).toContain('1 frame at 25 Hz');
  const widths = [...page.matchAll(/class="bar (\w+)" style="width:([\d.]+)%"/g)].map(([, phase, width]) => [
    phase,
    Number(width),
  ]);
  expect(widths).toEqual([
    ['decode', 25],
    ['prepare', 12.5],
    ['flow', 50],
    ['compile', 25],
    ['run', 75],
  ]);
});

test('everything in a chart of training is in its legend', () => {
  const page = pageOfTraining();
  for (const key of ['"chip rgb">RGB', '"key">training clips', '"key thin">', '"key dot">test clips', '"key wrong">'])
    expect(page).toContain(key);
  expect(page).toContain('1 training clip<');
});

describe.skipIf(!browserPath)('in headless Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: browserPath!, args: ['--headless=new', '--no-sandbox'] });
  });
  afterAll(() => browser?.close());

  test.each([['classification', classificationPage] as const, ['training', async () => pageOfTraining()] as const])(
    'the page of a %s fits a telephone, and a name of 80 letters does not widen it',
    async (_, make) => {
      const page = await browser.newPage({ viewport: { width: 390, height: 800 } });
      page.setDefaultTimeout(0);
      await page.setContent(await make());
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    },
  );
});

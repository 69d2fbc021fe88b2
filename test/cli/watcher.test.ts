/** @file The parts of `i3d watch`: when a class is seen, how durations are kept, and a device that is lost. */

import { join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { chooseNetworks } from '../../src/cli/networks.ts';
import { withSession } from '../../src/cli/session.ts';
import { Latencies } from '../../src/cli/watch/latencies.ts';
import { classesNamed, Trigger } from '../../src/cli/watch/trigger.ts';
import { type WatchedWindow, Watcher } from '../../src/cli/watch/watcher.ts';
import { writeVideo } from '../../src/io/encode.ts';
import { saveModelFile } from '../../src/train/run/model_files.ts';
import { testFolder } from '../folder.ts';
import { clip } from '../recognition/clips.ts';
import { formulaNetwork } from './small_model.ts';

describe('a class is seen', () => {
  const seen = (probabilities: readonly number[], coolDown = 0) => {
    const trigger = new Trigger({ classes: [1], threshold: 0.5, coolDown });
    return probabilities.map((value, second) => trigger.see([1, value], second).length > 0);
  };

  test('when it appears, and again when it has gone in between', () => {
    expect(seen([0.1, 0.6, 0.9, 0.6, 0.1, 0.5])).toEqual([false, true, false, false, false, true]);
  });

  test('once where its probability wavers about the threshold', () => {
    expect(seen([0.6, 0.45, 0.55, 0.41, 0.7, 0.39, 0.5])).toEqual([true, false, false, false, false, false, true]);
  });

  test('not twice within the pause; behind it, where it still is there', () => {
    expect(seen([0.6, 0, 0.6, 0.6, 0.6, 0, 0.6], 4)).toEqual([true, false, false, false, true, false, false]);
  });

  test('by its name, whatever is in it', () => {
    const labels = ['wave', 'sit, stand', 'walk'];
    expect(classesNamed('walk, wave', labels)).toEqual([2, 0]);
    expect(classesNamed('sit, stand', labels)).toEqual([1]);
  });
});

test('quantiles of durations are within two per cent, in as many numbers however many there are', () => {
  const latencies = new Latencies();
  expect(latencies.quantile(0.5)).toBeUndefined();
  for (let i = 1; i <= 20_000; i++) latencies.add(((i * 7919) % 20_000) / 10_000);
  for (const share of [0.05, 0.5, 0.95]) {
    expect(Math.abs(latencies.quantile(share)! / (2 * share) - 1)).toBeLessThan(0.02);
  }
  expect(latencies.count).toBe(20_000);
});

describe('a watch', () => {
  const folder = testFolder('i3d-watcher-');
  const path = join(folder, 'clip.mp4');
  const model = join(folder, 'rgb.safetensors');

  beforeAll(async () => {
    const { data } = clip(40, 48, 64);
    const size = 48 * 64 * 3;
    const frames = Array.from({ length: 40 }, (_, i) => data.subarray(i * size, (i + 1) * size));
    await writeVideo(path, frames, { width: 64, height: 48, fps: 25 });
    await saveModelFile(model, { ...formulaNetwork('rgb', { fps: 25 }), classes: ['a', 'b', 'c'] });
  });

  test('goes on with the frames that come when its device is lost, again and again', async () => {
    let said = '';
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      said += text;
      return true;
    });
    try {
      await withSession({}, async (session) => {
        const chosen = await chooseNetworks({ model }, () => undefined, { command: 'watch' });
        const watcher = new Watcher(chosen, chosen.classes!, { top: 1, fast: true, every: 0.16 }, session);
        const ends: number[] = [];
        const observer = {
          opened: async () => undefined,
          broken: async () => undefined,
          window: async ({ to }: WatchedWindow) => {
            ends.push(to);
            if (ends.length % 2 === 0) (await session.gpu()).device.destroy();
          },
        };
        const summary = await watcher.run(path, observer, new AbortController().signal);
        watcher.dispose();
        expect(ends).toEqual([...ends].sort((a, b) => a - b));
        expect(ends.length).toBeGreaterThanOrEqual(4);
        // Nine windows: what was on a device when it went is counted.
        expect(summary.windows + summary.dropped).toBeLessThanOrEqual(9);
        expect(summary.dropped).toBeGreaterThan(0);
      });
    } finally {
      write.mockRestore();
    }
    expect(said.match(/it is opened again, and the work goes on/g)!.length).toBeGreaterThanOrEqual(2);
  });
});

/** @file `i3d anomaly`: from features with records to a model, scores and a page, and what it refuses. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { testFolder } from '../folder.ts';
import { i3d } from './command.ts';

const folder = testFolder('i3d-anomaly-');
const at = (...parts: string[]): string => join(folder, ...parts);

/** Noise; of the class fight a segment points elsewhere. */
function writeFeatures(set: string, name: string, segment: number | undefined, more: object = {}): void {
  const random = new Random(5).fork(name);
  const data = new Float32Array(32 * 12);
  for (let i = 0; i < 32; i++) {
    const row = Array.from(
      { length: 12 },
      (_, k) => random.normal() + (k < 4 ? 2 : 0) + (i === segment && k === 7 ? 40 : 0),
    );
    const length = Math.hypot(...row);
    data.set(
      row.map((value) => value / length),
      i * 12,
    );
  }
  const file = `${name}_i3d.npy`;
  mkdirSync(at(set, name, '..'), { recursive: true });
  writeFileSync(at(set, file), encodeNpy({ dtype: 'f32', shape: [32, 12], data }));
  const rows = Array.from({ length: 32 }, (_, i) => [16 * i, 16 * i + 15]);
  const record = {
    ...{ input: { path: at(`${name}.mp4`), fps: 25, frames: 512 }, preset: 'ucf-crime-32' },
    ...{ networks: { rgb: { sha256: 'abc' } }, outputs: [{ file, rows }], ...more },
  };
  writeFileSync(at(set, `${name}.ucf-crime-32.json`), JSON.stringify(record));
}

beforeAll(() => {
  for (let i = 0; i < 12; i++) {
    writeFeatures('set', `fight/f${i}`, (5 * i) % 32);
    writeFeatures('set', `calm/c${i}`, undefined);
  }
  const lines = Array.from({ length: 12 }, (_, i) => `fight/f${i}.mp4,tape${i % 4}\ncalm/c${i}.mp4,tape${4 + (i % 4)}`);
  writeFileSync(at('groups.csv'), ['file,source', ...lines].join('\n'));
  writeFileSync(at('twice.csv'), 'file,source\nfight/f0.mp4,tape0\nfight/f0.mp4,tape1\n');
  writeFileSync(at('blank.csv'), 'file,source\nfight/f0.mp4,\n');
  writeFeatures('others', 'fight/f0', 3, { networks: { rgb: { sha256: 'def' } } });
});

const train = (...args: string[]) => i3d(['anomaly', 'train', at('set'), '--out', at('model.safetensors'), ...args]);

describe('i3d anomaly', () => {
  it('learns, tests by groups, and scores where it happens', async () => {
    const made = await train(
      '--abnormal',
      'fight',
      '--groups',
      at('groups.csv'),
      '--folds',
      '2',
      '--steps',
      '300',
      '--json',
    );
    expect([made.code, made.stderr]).toEqual([0, '']);
    const { videos, abnormal, test } = JSON.parse(made.stdout);
    expect({ videos, abnormal }).toEqual({ videos: 24, abnormal: 12 });
    expect(test.folds).toBe(2);
    expect(test.auc).toBeGreaterThan(0.8);
    expect(test.interval[0]).toBeLessThanOrEqual(test.auc);

    const score = ['anomaly', 'score', at('set'), '--model', at('model.safetensors')];
    const scored = await i3d([...score, '--json', '--report', at('page.html'), '--top', '2']);
    expect(scored.code).toBe(0);
    const all = JSON.parse(scored.stdout).videos as {
      readonly name: string;
      readonly highest: number;
      readonly segments: readonly { readonly from: number; readonly score: number }[];
    }[];
    expect(all.map(({ highest }) => highest)).toEqual(all.map(({ highest }) => highest).sort((a, b) => b - a));
    const found = all.filter(({ name, highest, segments }) => {
      const best = segments.find(({ score }) => score === highest)!;
      const i = Number(/^fight\/f(\d+)$/.exec(name)?.[1] ?? -1);
      return best.from === (((5 * i) % 32) * 16) / 25;
    });
    expect(found.length).toBeGreaterThan(9);
    // The videos themselves are not there.
    expect(scored.stderr).toContain('is shown without frames');
    expect(readFileSync(at('page.html'), 'utf8')).toContain('<svg class="curve"');
    const { stdout } = await i3d([...score, '--top', '1']);
    expect(stdout).toMatch(/score +from +to +video\n *[01]\.\d{3} .* fight\/f\d+\n23 more have lower scores/);
  });

  it.each([
    [['--abnormal', 'theft'], /one of them theft; it has calm and fight\.$/m],
    [['--abnormal', 'fight', '--folds', '13'], /too few groups of videos for 13 folds/],
    [['--abnormal', 'fight', '--groups', at('none.csv')], /none\.csv cannot be read/],
    [
      ['--abnormal', 'fight', '--groups', at('twice.csv')],
      /twice\.csv, line 3: fight\/f0 is of tape1, and before it was of tape0/,
    ],
    [['--abnormal', 'fight', '--groups', at('blank.csv')], /blank\.csv, line 2: fight\/f0 has no source; name one/],
  ])('refuses %j', async (args, message) => {
    const { code, stdout, stderr } = await train(...args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(message);
  });

  it('refuses features that were made in another way', async () => {
    const { code, stderr } = await i3d(['anomaly', 'score', at('others'), '--model', at('model.safetensors')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/were made in another way than those that .* was trained on \(networks\)/);
    writeFeatures('others', 'fight/f1', 3);
    const mixed = await i3d(['anomaly', 'score', at('others'), '--model', at('model.safetensors')]);
    expect(mixed.stderr).toMatch(/f0\.ucf-crime-32\.json and .*f1\.ucf-crime-32\.json were not made in the same way/);
  });
});

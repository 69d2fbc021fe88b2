import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodeNpy } from '../../src/io/npy.ts';
import { openClip } from '../../src/io/video.ts';
import { ACTIONS, actionClip } from '../../src/train/actions/index.ts';
import { testFolder } from '../folder.ts';
import { i3d } from './command.ts';

const folder = testFolder('i3d-actions-');

test('actions writes a folder per class, and videos that look like the clips', async () => {
  const out = join(folder, 'set');
  const args = ['actions', '--out', out, '--clips', '2', '--frames', '5', '--size', '32', '--seed', '1000000'];
  const { code, stdout, stderr } = await i3d(args);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain(`2 clips of each of ${ACTIONS.length} actions: 5 frames of 32×32 at 12.5 Hz`);
  expect(readdirSync(out).sort()).toEqual(ACTIONS);
  expect(readdirSync(join(out, 'bend')).sort()).toEqual(['1000000.mp4', '1000001.mp4']);
  const read = await openClip(join(out, 'bend', '1000001.mp4'), { fps: 'native' });
  const made = actionClip({ action: 'bend', seed: 1_000_001, frames: 5, size: 32 });
  expect([read.fps, read.frames.shape]).toEqual([12.5, made.shape]);
  const apart = made.data.reduce((sum, value, i) => sum + Math.abs(value - Number(read.frames.data[i])), 0);
  expect(apart / made.data.length).toBeLessThan(8);

  const again = await i3d(args);
  expect(again.code).toBe(1);
  expect(again.stderr).toBe(`i3d: ${out} is not empty; give --out a new or empty folder.\n`);
});

test('actions writes arrays, and a sheet', async () => {
  const [out, sheet] = [join(folder, 'arrays'), join(folder, 'sheet.png')];
  const { code } = await i3d([
    'actions',
    '--out',
    out,
    '--sheet',
    sheet,
    '--clips',
    '1',
    '--frames',
    '2',
    '--size',
    '16',
    '--format',
    'npy',
  ]);
  expect(code).toBe(0);
  const { shape, data } = decodeNpy(readFileSync(join(out, 'spin', '0.npy')), '0.npy');
  const made = actionClip({ action: 'spin', seed: 0, frames: 2, size: 16 });
  expect([shape, Array.from(data, Number)]).toEqual([made.shape, [...made.data]]);
  expect(readFileSync(sheet).subarray(1, 4).toString()).toBe('PNG');
});

test('actions says what it needs', async () => {
  const { code, stderr } = await i3d(['actions']);
  expect([code, stderr]).toEqual([1, 'i3d: actions needs --out DIR, --sheet PNG or both.\n']);
  const small = await i3d(['actions', '--sheet', join(folder, 'no.png'), '--size', '4']);
  expect([small.code, small.stderr]).toEqual([1, "i3d: A clip's side is 16 to 1024 pixels, not 4.\n"]);
  expect(existsSync(join(folder, 'no.png'))).toBe(false);
});

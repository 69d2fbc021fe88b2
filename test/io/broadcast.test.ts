/** @file Broadcasts: what was lost on the way, several one behind the other, and frames that change their size. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { damageOf } from '../../src/io/damage.ts';
import { openClip } from '../../src/io/video.ts';
import { testFolder } from '../folder.ts';
import { writeMedia } from './media.ts';

const folder = testFolder('broadcast-');
const at = (name: string): string => join(folder, name);
const COUNT = 40;
const PACKET = 188;

/** Noise that moves, so that a frame takes several packets. */
async function broadcast(name: string, begin: number, width = 64, height = 48): Promise<Uint8Array<ArrayBuffer>> {
  const frames = Array.from({ length: COUNT }, (_, t) =>
    Uint8Array.from({ length: width * height * 3 }, (_, i) => (Math.imul(i + 7 * t, 0x9e3779b1) >>> 24) & 0xff),
  );
  const stamps = frames.map((_, t) => begin + t);
  await writeMedia(at(name), 'mpegts', [{ codec: 'mpeg2video', width, height, frames, stamps, options: { g: '5' } }]);
  return new Uint8Array(readFileSync(at(name)));
}

async function look(name: string, bytes: Uint8Array) {
  writeFileSync(at(name), bytes);
  const { frames, warnings } = await openClip(at(name), { fps: 'native' });
  return { count: frames.shape[0]!, warnings: warnings.map((text) => text.replace(`${at(name)}: `, '')) };
}

describe('a broadcast', () => {
  let [early, late, wide] = [new Uint8Array(), new Uint8Array(), new Uint8Array()];
  beforeAll(async () => {
    early = await broadcast('early.ts', 0);
    late = await broadcast('late.ts', 5000 * 25);
    wide = await broadcast('wide.ts', 0, 96, 48);
  });

  test('of which data were lost on the way is damaged', async () => {
    const middle = Math.floor(early.length / PACKET / 2) * PACKET;
    const lost = Buffer.concat([early.subarray(0, middle), early.subarray(middle + 3 * PACKET)]);
    const { warnings } = await look('lost.ts', lost);
    expect(warnings).toContain('data were lost on the way 1 time, so that frames are missing or wrong.');
    expect(damageOf(warnings, true)).toBeDefined();
    expect((await look('whole.ts', early)).warnings).toEqual([]);
    // It may end anywhere.
    expect((await look('end.ts', early.subarray(0, middle))).warnings.join()).not.toMatch(/lost/);
  });

  test('may have others behind it, with clocks of their own', async () => {
    for (const parts of [
      [early, early],
      [early, late],
      [late, early],
    ]) {
      const { count, warnings } = await look('several.ts', Buffer.concat(parts));
      expect(count).toBe(2 * COUNT);
      expect(warnings).toEqual(['the clock jumped 1 time and was put right.']);
    }
  });

  test('whose frames change their size says that they are stretched', async () => {
    const { warnings } = await look('sizes.ts', Buffer.concat([early, wide]));
    expect(warnings).toContain('frames of 96×48 are stretched to 64×48, the size of the first.');
    expect(damageOf(warnings, true)).toBeUndefined();
  });
});

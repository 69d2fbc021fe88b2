import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeNpy } from '../../src/io/npy.ts';
import { openClip } from '../../src/node.ts';
import { testFolder } from '../folder.ts';
import { i3d } from './command.ts';

const folder = testFolder('i3d-augment-');
const at = (name: string): string => join(folder, name);

const SIDE = 64;
/** A bright square on a gradient, which moves to the right. */
const clip = at('clip.npy');
const data = new Uint8Array(45 * SIDE * SIDE * 3).map((_, i) => {
  const [x, y, t] = [Math.floor(i / 3) % SIDE, Math.floor(i / (3 * SIDE)) % SIDE, Math.floor(i / (3 * SIDE * SIDE))];
  return Math.abs(x - 10 - t) < 6 && Math.abs(y - 30) < 8 ? 220 : 40 + x + (i % 3) * 20;
});
writeFileSync(clip, encodeNpy({ dtype: 'u8', shape: [45, SIDE, SIDE, 3], data }));

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await i3d(['augment', clip, ...args]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
}

describe('augment', () => {
  test('draws a sheet, and says what each row shows', async () => {
    const text = await run('--out', at('sheet.png'), '--count', '2', '--frames', '4', '--size', '56');
    const labels = ['original', 'crop and scale', 'flip', 'jitter', 'shuffle', 'colour'];
    const rows = [...labels, 'all, draw 1', 'all, draw 2', 'flow', 'flow, flip', 'flow, draw 1'];
    expect(
      text
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => /^ *\d+ {2}(.*?)(?: {2}|$)/.exec(line)?.[1]),
    ).toEqual(rows);
    expect(text).toMatch(/shuffle +segments \d, \d out of place/);
    expect(text).toMatch(/jitter +3 frames (later|earlier)/);

    const { frames, width, height } = await openClip(at('sheet.png'));
    expect([width, height]).toEqual([2 * 12 + 4 * 56 + 3 * 2, 2 * 12 + 11 * 56 + 8 * 6 + 2 * 22]);
    const pixel = (row: number, column: number, y: number, x: number): number[] => {
      const from = ((12 + row * 62 + y) * width + 12 + column * 58 + x) * 3;
      return [...frames.data.subarray(from, from + 3)];
    };
    for (let column = 0; column < 4; column++) {
      for (const [y, x] of [
        [3, 5],
        [28, 20],
        [50, 55],
      ] as const) {
        expect(pixel(2, column, y, x)).toEqual(pixel(0, column, y, 55 - x));
      }
    }
    // The background is nowhere the same as a picture of it that is larger, or of other colours.
    expect(pixel(1, 0, 50, 50)).not.toEqual(pixel(0, 0, 50, 50));
    expect(pixel(5, 0, 50, 50)).not.toEqual(pixel(0, 0, 50, 50));
  });

  test('draws the same for the same seed, another thing for another; as a page with labels', async () => {
    const args = ['--count', '1', '--frames', '2', '--size', '28', '--no-flow'];
    for (const [name, seed] of [
      ['a', '5'],
      ['b', '5'],
      ['c', '6'],
    ] as const) {
      const text = await run('--out', at(`${name}.html`), '--seed', seed, ...args);
      expect(text).not.toContain('flow');
    }
    const page = readFileSync(at('a.html'), 'utf8');
    expect(readFileSync(at('b.html'), 'utf8')).toBe(page);
    expect(readFileSync(at('c.html'), 'utf8')).not.toBe(page);
    expect(page.match(/data:image\/png/g)).toHaveLength(7);
    expect(page).toContain('<b>crop and scale</b>');
    expect(page).toContain('seed 5');
    expect(page).not.toMatch(/https?:/);
  });

  test('says what cannot be done before anything slow, and leaves nothing behind', async () => {
    const before = readdirSync(folder);
    for (const [args, message] of [
      [[clip, '--out', at('sheet.jpg')], 'sheet.jpg must end in .png or .html.'],
      [[clip, '--out', at('missing/sheet.png')], 'missing does not exist; create it first.'],
      [[at('none.mp4'), '--out', at('sheet2.png')], 'none.mp4 does not exist'],
      [[clip, '--out', at('sheet2.png'), '--size', '257'], '--size can be 256 at most, not 257.'],
      [[clip], "required option '--out <path>' not specified"],
    ] as const) {
      const { code, stderr } = await i3d(['augment', ...args]);
      expect(code).toBe(1);
      expect(stderr).toContain(message);
    }
    expect(readdirSync(folder)).toEqual(before);
  });
});

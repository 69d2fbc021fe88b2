import { expect, test } from 'vitest';
import { windows } from '../../src/models/windows.ts';
import type { Part } from '../../src/recognition/frame_parts.ts';
import { joinFrames, slide } from '../../src/recognition/window_stream.ts';

/** What I3D takes. */
const RULE = { size: 64, minimum: 9, name: 'I3D' };

/** Frames of one pixel that carry their number. */
async function* numbered(start: number, end: number): AsyncGenerator<Part, void, undefined> {
  for (let k = start; k < end; k++) yield { shape: [1, 1, 3], data: Uint8Array.of(k, k, k) };
}

async function cut(total: number, request: { start?: number; frames?: number; extra?: number }) {
  const { start = 0, frames, extra = 0 } = request;
  const end = frames === undefined ? total : Math.min(total, start + frames + extra);
  const found: { start: number; frames: number; numbers: number[] }[] = [];
  for await (const { start: first, frames: count, clip } of slide(
    numbered(start, end),
    {
      rule: RULE,
      start,
      frames,
      extra,
    },
    joinFrames,
  )) {
    expect(clip.shape).toEqual([clip.data.length / 3, 1, 1, 3]);
    found.push({ start: first, frames: count, numbers: [...clip.data].filter((_, i) => i % 3 === 0) });
  }
  return found;
}

test.each([9, 40, 63, 64, 65, 66, 79, 127, 128, 129, 200])(
  'a stream of %i frames has the windows of a clip',
  async (n) => {
    for (const start of [0, 5]) {
      if (n - start < 9) continue;
      for (const extra of [0, 1]) {
        const found = await cut(n, { start, extra });
        expect(found.map(({ start, frames }) => ({ start, frames }))).toEqual(windows(n, RULE, { start }));
        for (const { start: first, frames, numbers } of found) {
          const length = Math.min(frames + extra, n - first);
          expect(numbers).toEqual(Array.from({ length }, (_, i) => first + i));
        }
      }
    }
  },
);

test('one window, with the frame after it where there is one', async () => {
  expect(await cut(79, { start: 10, frames: 16, extra: 1 })).toMatchObject([{ start: 10, frames: 16 }]);
  const lengths = async (total: number) => (await cut(total, { frames: 16, extra: 1 })).map((w) => w.numbers.length);
  expect(await lengths(17)).toEqual([17]);
  expect(await lengths(16)).toEqual([16]);
});

test('clips that are too short', async () => {
  await expect(cut(8, {})).rejects.toThrow('I3D needs at least 9 frames, but the clip has 8 frames.');
  await expect(cut(79, { start: 75 })).rejects.toThrow('79 frames, 4 of them from frame 75 on');
  await expect(cut(79, { start: 90 })).rejects.toThrow('The clip ends before frame 90.');
  await expect(cut(12, { frames: 16 })).rejects.toThrow('A window of 16 frames was asked for, but the clip has 12');
});

/** @file Which frames of a clip the page's worker takes for a model. */

import { expect, test } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import { UPRIGHT } from '../../src/io/orientation.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { type Clip, rateFor, type SourceFrame, takenFrames } from '../../web/video/clip.ts';
import type { Picture } from '../../web/video/picture.ts';

/** Frames whose pictures are their numbers, at 10 Hz; `open` counts those in the decoder's hands. */
function numbered(total: number, facts: Partial<Clip> = {}) {
  const open = new Set<number>();
  async function* frames(): AsyncGenerator<SourceFrame, void, undefined> {
    for (let i = 0; i < total; i++) {
      open.add(i);
      const picture = async () => i as unknown as Picture;
      yield { time: i / 10, end: (i + 1) / 10, picture, close: () => void open.delete(i) };
    }
  }
  const clip: Clip = {
    name: 'numbers',
    width: 4,
    height: 4,
    orientation: UPRIGHT,
    fps: 10,
    seconds: total / 10,
    everyFrame: false,
    frames,
    close: () => undefined,
    ...facts,
  };
  return { clip, open };
}

const specOf = (id: string) => modelSpec({ architecture: MODELS.get(id), stream: 'rgb', classes: 3 });

async function taken({ clip, open }: ReturnType<typeof numbered>, id: string, from = 0): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const { picture } of takenFrames(clip, rateFor(clip, specOf(id)), new AbortController().signal, from)) {
    all.push(picture);
  }
  expect(open.size).toBe(0);
  return all;
}

test('a model of segments gets one frame of each, whether or not their number is known', async () => {
  const expected = [2, 7, 12, 17, 22, 27, 32, 37];
  expect(await taken(numbered(40), 'tsm-r50')).toEqual(expected);
  expect(await taken(numbered(40, { count: 40 }), 'tsm-r50')).toEqual(expected);
  expect(await taken(numbered(40), 'tsm-r50', 5)).toEqual(expected.slice(5));
  expect(await taken(numbered(3), 'tsm-r50')).toEqual([0, 0, 0, 1, 1, 2, 2, 2]);
});

test('of what has no end it gets frames at its rate', async () => {
  expect(await taken(numbered(12, { seconds: 0, count: 0 }), 'tsm-r50')).toEqual([0, 3, 5, 8, 11]);
});

test('counting can be ended', async () => {
  const { clip, open } = numbered(40);
  const frames = takenFrames(clip, { segments: 2 }, AbortSignal.abort());
  await expect(frames.next()).rejects.toMatchObject({ name: 'AbortError' });
  expect(open.size).toBe(0);
});

/** @file What features are made of: which frames, which parts of them, and that long videos in tiles give what whole ones do. */

import { describe, expect, test } from 'vitest';
import type { HostTensor } from '../../src/core/tensor.ts';
import { I3D, I3D_OUTPUTS } from '../../src/i3d/i3d.ts';
import { mirrored } from '../../src/models/frames.ts';
import { Recogniser } from '../../src/models/recogniser.ts';
import { enlargedOnly, shortSideDown, shortSideUp, stretched } from '../../src/recognition/features/frames.ts';
import { every, parts, segments, tiles, withRest } from '../../src/recognition/features/sequences.ts';
import { follow, type Sequence } from '../../src/recognition/window_stream.ts';
import { formulaNetwork } from '../cli/small_model.ts';
import { expectClose, testGpu } from '../harness.ts';
import { clip } from './clips.ts';

const STEPS = { endPoint: I3D_OUTPUTS.averagePool, stride: 8, pool: 2 };
const gpu = testGpu();

interface Numbered {
  readonly number: number;
  release?(): void;
}

const part = (number: number): Numbered => ({ number });

/** The frames that each window of a clip of so many has. */
async function followed(total: number, sequence: Sequence, extra = 0): Promise<number[][]> {
  async function* frames() {
    for (let i = 0; i < total; i++) yield part(i);
  }
  const all: number[][] = [];
  for await (const { clip: window } of follow(frames(), sequence, extra)) all.push(window.map(({ number }) => number));
  return all;
}

const from = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

describe('windows of a sequence', () => {
  test('overlap, and what is left is dropped', async () => {
    expect(await followed(11, { windows: every(4, 3) })).toEqual([from(0, 4), from(3, 4), from(6, 4)]);
    expect(await followed(3, { windows: every(4, 3) })).toEqual([]);
  });

  test('leave frames out between them', async () => {
    expect(await followed(12, { windows: every(2, 5) })).toEqual([from(0, 2), from(5, 2), from(10, 2)]);
  });

  test('want a frame behind them, and come with it for flow', async () => {
    expect(await followed(8, { windows: every(4, 4), behind: 1 })).toEqual([from(0, 4)]);
    expect(await followed(9, { windows: every(4, 4), behind: 1 }, 1)).toEqual([from(0, 5), from(4, 5)]);
    expect(await followed(8, { windows: every(4, 4) }, 1)).toEqual([from(0, 5), from(4, 4)]);
  });

  test('end in a shorter one where that is long enough', async () => {
    expect(await followed(11, withRest(4, 4, 3))).toEqual([from(0, 4), from(4, 4), from(8, 3)]);
    expect(await followed(10, withRest(4, 4, 3))).toEqual([from(0, 4), from(4, 4)]);
  });

  test('ask for no frames behind the last one', async () => {
    let asked = 0;
    async function* frames() {
      for (;;) yield asked++;
    }
    const windows = follow(
      (async function* () {
        for await (const number of frames()) yield part(number);
      })(),
      { windows: [{ start: 2, frames: 3 }] },
      0,
    );
    for await (const { start } of windows) expect(start).toBe(2);
    expect(asked).toBe(5);
  });
});

describe('parts of long videos', () => {
  test('are those of the published extractor', () => {
    expect(parts(1600)).toEqual([[0, 1600]]);
    // range(1, t - 56, 1600), start - 48 and start + 1600 + 56 in its code.
    expect(parts(1601)).toEqual([[1, 1600]]);
    expect(parts(3300)).toEqual([
      [1, 1657],
      [1553, 3257],
      [3153, 3299],
    ]);
  });

  test.each([9, 63, 64, 65, 129, 384])('of %i frames are one tile', (frames) => {
    // Each of three strides of two halves and rounds up; the head pools two steps.
    const rows = Math.ceil(Math.ceil(Math.ceil(frames / 2) / 2) / 2) - 1;
    expect(tiles(0, frames, STEPS)).toEqual([{ start: 0, frames, skip: 0, rows, first: 0 }]);
  });

  test('of one step at most have no rows', () => expect(tiles(0, 8, STEPS)).toEqual([]));

  test.each([385, 1000, 1656, 1703])('of %i frames have every row once, and margins', (frames) => {
    const all = tiles(7, 7 + frames, STEPS);
    let row = 0;
    for (const tile of all) {
      expect(tile.first).toBe(7 + 8 * row);
      expect(tile.start + 8 * tile.skip).toBe(tile.first);
      expect(tile.start === 7 || tile.skip === 8).toBe(true);
      expect((frames - tile.frames) % 8).toBe((tile.start - 7) % 8);
      const end = tile.start + tile.frames;
      expect(end === 7 + frames || end >= tile.first + 8 * (tile.rows + 1) + 64).toBe(true);
      expect(tile.frames).toBeLessThanOrEqual(256 + 2 * 64 + 16);
      row += tile.rows;
    }
    expect(row).toBe(Math.ceil(Math.ceil(Math.ceil(frames / 2) / 2) / 2) - 1);
  });

  test('give in tiles what they give as a whole', async () => {
    const network = formulaNetwork('rgb', { architecture: I3D, width: 0.03, frames: 64, size: 193, shortSide: 193 });
    const recogniser = new Recogniser(gpu(), network, { endPoints: [STEPS.endPoint], accuracy: 'exact' });
    try {
      const all = clip(163, 193, 193);
      const pooled = async (window: { start: number; frames: number }) =>
        (await recogniser.run(all, window)).endPoints![STEPS.endPoint]!;
      const whole = await pooled({ start: 0, frames: 163 });
      const channels = whole.shape.at(-1)!;
      const tile = tiles(0, 163, STEPS, 8).find(({ start, frames }) => start > 0 && start + frames < 163)!;
      const part = await pooled(tile);
      const rows = (data: Float32Array, first: number) =>
        data.subarray(first * channels, (first + tile.rows) * channels);
      expectClose(rows(part.data, tile.skip), rows(whole.data, tile.first / 8));
    } finally {
      recogniser.dispose();
    }
  });
});

describe('frames', () => {
  const sizes = { size: 224, shortSide: 256 };
  const region = (top: number, left: number) => ({ top, left, height: 224, width: 224 });

  test('of video_features round the longer side down', () => {
    const { fit, crops } = shortSideDown(sizes, 854, 480);
    expect([fit.width, fit.height]).toEqual([455, 256]);
    expect(crops).toEqual([region(16, 115)]);
  });

  test('of piergiaj are enlarged only, and halves of a pixel become even', () => {
    expect(enlargedOnly(sizes, 320, 240)).toMatchObject({ fit: { resizer: undefined }, crops: [region(8, 48)] });
    expect(enlargedOnly(sizes, 227, 229).crops).toEqual([region(2, 2)]);
    const { fit, crops } = enlargedOnly(sizes, 113, 100);
    expect([fit.width, fit.height]).toEqual([255, 226]);
    expect(crops).toEqual([region(1, 16)]);
  });

  test('of FVD round the longer side up', () => {
    expect(shortSideUp(sizes, 480, 854)).toEqual({ resized: { height: 224, width: 399 }, crop: region(0, 87) });
    expect(shortSideUp(sizes, 64, 64)).toEqual({ resized: { height: 224, width: 224 }, crop: region(0, 0) });
  });

  test('of Finspire13 are cut out at ten places, as its slices do', () => {
    const { fit, crops } = stretched(sizes, 10, 640, 480);
    expect([fit.width, fit.height]).toEqual([340, 256]);
    expect(crops).toEqual([
      ...[region(0, 0), region(0, 116), region(16, 58), region(32, 0), region(32, 116)],
      ...[region(0, 116), region(0, 0), region(16, 58), region(32, 116), region(32, 0)].map((crop) => ({
        ...crop,
        mirrored: true,
      })),
    ]);
  });

  test('are mirrored pixel by pixel', () => {
    const frame: HostTensor<'u8'> = { dtype: 'u8', shape: [1, 2, 2, 3], data: Uint8Array.from(from(0, 12)) };
    expect([...mirrored(frame).data]).toEqual([3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]);
  });
});

test('segments are means, or the row at their beginning', () => {
  const rows = [1, 3, 5, 9].map((value) => Float32Array.of(value));
  expect(segments(rows, 2).map(([value]) => value)).toEqual([2, 7]);
  expect(segments(rows.slice(0, 2), 4).map(([value]) => value)).toEqual([1, 1, 3, 3]);
});

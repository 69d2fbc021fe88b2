import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import type { HostTensor } from '../../src/core/tensor.ts';
import { preprocessGeometry } from '../../src/models/frames.ts';
import { type AugmentationOptions, DEFAULT_AUGMENTATION, NO_AUGMENTATION } from '../../src/train/data/augmentation.ts';
import type { Batch } from '../../src/train/data/batch.ts';
import type { LabelledClip } from '../../src/train/data/clip.ts';
import { ClipCache } from '../../src/train/data/clip_cache.ts';
import { type PreparedSet, prepareClips } from '../../src/train/data/prepare.ts';
import { Sampler, type SamplerOptions } from '../../src/train/data/sampler.ts';
import { evaluationBatches, evaluationWindows } from '../../src/train/evaluate/evaluation_batches.ts';
import { testGpu } from '../harness.ts';

const HEIGHT = 12;
const WIDTH = 20;

/** Red is the frame's number, green the column and blue the row; of the clip with that many frames. */
function clipOf(frames: number): HostTensor<'u8'> {
  const data = new Uint8Array(frames * HEIGHT * WIDTH * 3);
  for (let t = 0, i = 0; t < frames; t++) {
    for (let y = 0; y < HEIGHT; y++) for (let x = 0; x < WIDTH; x++, i += 3) data.set([t, x, y], i);
  }
  return { dtype: 'u8', shape: [frames, HEIGHT, WIDTH, 3], data };
}

const cache = new ClipCache({ shortSide: HEIGHT, folder: false });

/** `sizes[label]` clips of each class, of 5, 6, 7 … frames; those of `test` as test clips. */
function setOf(sizes: readonly number[], test: readonly number[] = []): Promise<PreparedSet> {
  let frames = 4;
  const make = (counts: readonly number[], split: 'train' | 'test'): LabelledClip[] =>
    counts.flatMap((count, label) =>
      Array.from({ length: count }, () => {
        const length = ++frames;
        return { path: `${split} ${length}`, label, split, load: async () => clipOf(length) };
      }),
    );
  const classes = sizes.map((_, label) => `class ${label}`);
  const clips = [...make(sizes, 'train'), ...make(test, 'test')];
  return prepareClips({ source: 'test', classes, clips }, cache, { stream: 'rgb' });
}

const SIZE = { batch: 4, frames: 6, size: 8, shortSide: HEIGHT, stream: 'rgb' } as const;

const samplerOf = (set: PreparedSet, options: Partial<SamplerOptions> = {}): Sampler =>
  new Sampler(set, cache, { ...SIZE, seed: 1, augmentation: DEFAULT_AUGMENTATION, ...options });

const labelsOf = ({ targets }: Batch): number[] => {
  const [rows = 0, classes = 0] = targets.shape;
  return Array.from({ length: rows }, (_, row) => targets.data.indexOf(1, row * classes) - row * classes);
};

/** Red, green and blue of the first pixel of each frame of a sample. */
function corners({ clip }: Batch, row: number): number[][] {
  const [, frames = 0, side = 0, , channels = 0] = clip.shape;
  const frame = side * side * channels;
  return Array.from({ length: frames }, (_, t) => [
    ...clip.data.subarray((row * frames + t) * frame, (row * frames + t) * frame + channels),
  ]);
}

describe('training batches', () => {
  it('have shapes, targets and clips that belong together', async () => {
    const set = await setOf([3, 2]);
    const batch = await samplerOf(set).batch(0);
    expect(batch.clip).toMatchObject({ dtype: 'u8', shape: [4, 6, HEIGHT, HEIGHT, 3] });
    expect(batch.geometry.shape).toEqual([4, 8]);
    expect(batch.targets.shape).toEqual([4, 2]);
    expect(labelsOf(batch)).toEqual(batch.clips.map((clip) => set.clips[clip]!.label));
    expect(batch.targets.data.reduce((a, b) => a + b)).toBe(4);
  });

  it('are a function of the seed and their number', async () => {
    const set = await setOf([3, 4, 6]);
    for (const balanced of [false, true]) {
      const forwards = samplerOf(set, { balanced });
      const expected = [];
      for (let i = 0; i < 9; i++) expected.push(await forwards.batch(i));
      const backwards = samplerOf(set, { balanced });
      for (let i = 8; i >= 0; i--) expect(await backwards.batch(i)).toEqual(expected[i]);
      expect(await samplerOf(set, { balanced, seed: 2 }).batch(3)).not.toEqual(expected[3]);
      expect(expected[1]).not.toEqual(expected[0]);
    }
  });

  const shown = async (sampler: Sampler, batches: number): Promise<number[]> => {
    const clips: number[] = [];
    for (let i = 0; i < batches; i++) clips.push(...(await sampler.batch(i)).clips);
    return clips;
  };

  it('show every training clip once in an epoch, in an order of its own', async () => {
    const sampler = samplerOf(await setOf([3, 7], [2, 2]));
    expect(sampler.epoch).toBe(10);
    const clips = await shown(sampler, 5);
    const ascending = (part: number[]) => part.sort((a, b) => a - b);
    const [first, second] = [clips.slice(0, 10), clips.slice(10)];
    expect(first).not.toEqual(second);
    expect(ascending(first)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(ascending(second)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('show every class equally often where that is asked for', async () => {
    const sampler = samplerOf(await setOf([3, 7, 1]), { balanced: true });
    expect(sampler.epoch).toBe(21);
    const clips = (await shown(sampler, 6)).slice(0, 21);
    const times = Array.from({ length: 11 }, (_, clip) => clips.filter((other) => other === clip).length);
    expect(times.slice(0, 3).sort()).toEqual([2, 2, 3]);
    expect(times.slice(3)).toEqual([1, 1, 1, 1, 1, 1, 1, 7]);
  });

  it('hold the frames and the square that the plan names', async () => {
    const set = await setOf([1, 1]);
    const batch = await samplerOf(set, { augmentation: { ...NO_AUGMENTATION, crop: true } }).batch(0);
    for (let row = 0; row < 4; row++) {
      const frames = corners(batch, row);
      const available = set.clips[batch.clips[row]!]!.frames;
      const start = frames[0]![0]!;
      // Clips of 5 and 6 frames for windows of 6: repeated from their start.
      expect(frames.map(([t]) => t)).toEqual(Array.from({ length: 6 }, (_, t) => (start + t) % available));
      const left = frames[0]![1]!;
      expect(left).toBeLessThanOrEqual(WIDTH - HEIGHT);
      expect(frames.every(([, x, y]) => x === left && y === 0)).toBe(true);
    }
  });

  it('take the mirrored class where they mirror, and mirror no class without one', async () => {
    const set = await setOf([2, 2, 2]);
    const augmentation: AugmentationOptions = { ...NO_AUGMENTATION, flip: true };
    const sampler = samplerOf(set, { augmentation, mirror: [1, 0, -1] });
    let [flips, stays] = [0, 0];
    for (let i = 0; i < 12; i++) {
      const batch = await sampler.batch(i);
      for (const [row, label] of labelsOf(batch).entries()) {
        const own = set.clips[batch.clips[row]!]!.label;
        const flipped = batch.geometry.data[row * 8 + 4] === 1;
        expect(label).toBe(flipped ? 1 - own : own);
        if (own === 2) expect(flipped).toBe(false);
        else flipped ? flips++ : stays++;
      }
    }
    expect(Math.min(flips, stays)).toBeGreaterThan(5);
  });

  it('need clips to train on', async () => {
    const set = await setOf([0, 0], [1, 1]);
    expect(() => samplerOf(set)).toThrow(InputError);
    expect(() => samplerOf(set)).toThrow(/test has no clips to train on/);
  });
});

describe('windows of evaluation', () => {
  it('are placed uniformly, and each is another one', () => {
    const starts = (available: number, frames: number, count?: number) =>
      evaluationWindows(available, frames, count).map(([first]) => first);
    expect(starts(64, 16)).toEqual([0, 16, 32, 48]);
    expect(starts(64, 16, 1)).toEqual([24]);
    expect(starts(17, 16)).toEqual([0, 1]);
    expect(starts(16, 16)).toEqual([0]);
    expect(evaluationWindows(3, 5)).toEqual([[0, 1, 2, 0, 1]]);
    expect(evaluationWindows(6, 5, 2)).toEqual([
      [0, 1, 2, 3, 4],
      [1, 2, 3, 4, 5],
    ]);
  });

  it('come in batches, of which the last is filled with what does not count', async () => {
    const set = await setOf([1, 1], [1, 2]);
    const batches: Batch[] = [];
    for await (const batch of evaluationBatches(set, cache, { ...SIZE, windows: 2 })) batches.push(batch);
    // Clips of 7, 8 and 9 frames have two windows of 6 each.
    expect(batches.map(({ clips }) => clips)).toEqual([
      [2, 2, 3, 3],
      [4, 4],
    ]);
    expect(batches.map(({ clip }) => clip.shape)).toEqual(Array(2).fill([4, 6, HEIGHT, HEIGHT, 3]));
    expect([...batches[1]!.targets.data]).toEqual([0, 1, 0, 1, 0, 0, 0, 0]);
    expect(batches[1]!.geometry.data.slice(24)).toEqual(batches[1]!.geometry.data.slice(0, 8));
    expect(batches.map((batch) => corners(batch, 1)[0]![0])).toEqual([1, 3]);
    const counted = async (split: 'train' | 'all') => {
      let rows = 0;
      for await (const { clips } of evaluationBatches(set, cache, { ...SIZE, windows: 1, split })) rows += clips.length;
      return rows;
    };
    expect(await counted('train')).toBe(2);
    expect(await counted('all')).toBe(5);
  });

  it('show the crop that the network is given elsewhere', async () => {
    const set = await setOf([0, 0], [1, 0]);
    for await (const batch of evaluationBatches(set, cache, SIZE)) {
      const { top, left } = preprocessGeometry(HEIGHT, WIDTH, { shortSide: HEIGHT, crop: 8 }).crop;
      const [, x = 0, y = 0] = corners(batch, 0)[0]!;
      expect([y + batch.geometry.data[0]!, x + batch.geometry.data[1]!]).toEqual([top, left]);
      expect([...batch.geometry.data.slice(2, 8)]).toEqual([8, 8, 0, 0, 0, 0]);
    }
  });
});

describe('flow batches', () => {
  const gpu = testGpu();
  it('hold flow in pixels of the frames that the plan names', async () => {
    const own = new ClipCache({ shortSide: HEIGHT, folder: false, gpu: async () => gpu() });
    const load = async () => clipOf(7);
    const clips = [{ path: 'moving', label: 0, split: 'test' as const, load }];
    const set = await prepareClips({ source: 'test', classes: ['a'], clips }, own, { stream: 'flow' });
    const flow = await own.flow(clips[0]!);
    const options = { ...SIZE, stream: 'flow', batch: 1, windows: 2 } as const;
    let start = 0;
    for await (const { clip } of evaluationBatches(set, own, options)) {
      expect(clip).toMatchObject({ dtype: 'f32', shape: [1, 6, HEIGHT, HEIGHT, 2] });
      // The middle square begins at column 4.
      const from = (((start + 5) * HEIGHT + 3) * WIDTH + 4) * 2;
      const to = (5 * HEIGHT + 3) * HEIGHT * 2;
      expect(clip.data.slice(to, to + HEIGHT * 2)).toEqual(flow.data.slice(from, from + HEIGHT * 2));
      start++;
    }
    expect(start).toBe(2);
  });
});

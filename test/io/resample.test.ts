import { describe, expect, it } from 'vitest';
import type { FrameRate } from '../../src/core/frame_rate.ts';
import { type ClockFacts, Resampler, Timeline } from '../../src/io/resample.ts';

/**
 * The index of the source frame that each output shows.
 * @param times seconds after the first frame, not decreasing, one per source frame.
 * @param end seconds at which the last frame ends.
 */
function resampleIndices(times: ArrayLike<number>, end: number, fps: FrameRate): number[] {
  const resampler = new Resampler(fps, times.length);
  const indices: number[] = [];
  for (let i = 0; i <= times.length; i++) {
    const count = i < times.length ? resampler.push(times[i] ?? 0) : resampler.finish(end);
    for (let n = 0; n < count; n++) indices.push(i - 1);
  }
  return indices;
}

const steady = (count: number, fps: number): number[] => Array.from({ length: count }, (_, i) => i / fps);
const at = (count: number, from: number, to: FrameRate): number[] =>
  resampleIndices(steady(count, from), count / from, to);

describe('Resampler', () => {
  it('keeps every frame at the native rate, and when the rates agree', () => {
    expect(at(5, 30, 'native')).toEqual([0, 1, 2, 3, 4]);
    for (const count of [1, 2, 33, 250, 1001]) expect(at(count, 25, 25)).toEqual([...steady(count, 1)]);
    expect(at(100, 29.97, 29.97)).toHaveLength(100);
  });

  it('drops frames by nearest time stamp', () => {
    expect(at(10, 50, 25)).toEqual([0, 2, 4, 6, 8]);
    // 30 to 25 Hz: outputs at 0, 40, 80, 120, 160 ms; frames at 0, 33, 67, 100, 133, 167 ms.
    expect(at(6, 30, 25)).toEqual([0, 1, 2, 4, 5]);
    expect(at(300, 30, 25)).toHaveLength(250);
  });

  it('takes the middle of each segment, where the authors of TSM take it', () => {
    expect(at(300, 30, { segments: 8 })).toEqual([18, 56, 93, 131, 168, 206, 243, 281]);
    expect(at(8, 30, { segments: 8 })).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(at(9, 30, { segments: 8 })).toEqual([0, 1, 2, 3, 5, 6, 7, 8]);
    expect(at(3, 30, { segments: 8 })).toEqual([0, 0, 0, 1, 1, 2, 2, 2]);
    expect(at(1, 30, { segments: 3 })).toEqual([0, 0, 0]);
    // Times do not count.
    expect(resampleIndices([0, 0.1, 7, 7.1], 9, { segments: 2 })).toEqual([1, 3]);
  });

  it('repeats frames, and shows none long before its time', () => {
    // Outputs at 0, 40, … 280 ms; frames at 0, 100, 200 ms: 80 ms is nearer to 100 than to 0, but half an output too early.
    expect(at(3, 10, 25)).toEqual([0, 0, 0, 1, 1, 2, 2, 2]);
    expect(at(1, 1, 4)).toEqual([0, 0, 0, 0]);
  });

  it('shows the frame of a pause until the next one comes, as a player does', () => {
    expect(resampleIndices([0, 1, 2, 9, 10], 13, 1)).toEqual([0, 1, 2, 2, 2, 2, 2, 2, 2, 3, 4, 4, 4]);
  });

  it('follows a variable frame rate', () => {
    // The second frame stays for 0.3 s.
    expect(resampleIndices([0, 0.1, 0.4], 0.5, 10)).toEqual([0, 1, 1, 1, 2]);
  });

  it('gives a tie to the earlier frame, in spite of rounding', () => {
    expect(resampleIndices([0, 0.1, 0.2], 0.3, 20)).toEqual([0, 0, 1, 1, 2, 2]);
    expect(resampleIndices([0, 1 / 30, 2 / 30], 0.1, 20)).toEqual([0, 1]);
  });

  it('tolerates time stamps rounded to milliseconds', () => {
    const rounded = steady(29, 30).map((time) => Math.round(time * 1000) / 1000);
    expect(resampleIndices(rounded, 0.967, 30)).toEqual(steady(29, 1));
  });

  it('always shows the first frame, also of a very short clip, and nothing of an empty one', () => {
    expect(resampleIndices([0], 0.001, 25)).toEqual([0]);
    expect(resampleIndices([], 0, 25)).toEqual([]);
    expect(resampleIndices([0, 0, 0], 0.04, 25)).toEqual([0]);
  });
});

describe('Timeline', () => {
  const place = (
    stamps: (number | undefined)[],
    facts: Partial<ClockFacts> = {},
  ): { times: number[]; jumps: number } => {
    const line = new Timeline({ period: 0.04, ...facts });
    const times = stamps.map((stamp) => Number(line.place(stamp).toFixed(6)));
    return { times, jumps: line.jumps };
  };

  it('counts from the first frame', () => {
    expect(place([7.5, 7.54, 7.6])).toEqual({ times: [0, 0.04, 0.1], jumps: 0 });
  });

  it('derives missing stamps from the average rate', () => {
    expect(place([undefined, undefined, 3, undefined])).toEqual({ times: [0, 0.04, 0.08, 0.12], jumps: 0 });
    expect(place([0, 0.04, undefined])).toEqual({ times: [0, 0.04, 0.08], jumps: 0 });
  });

  it('never goes back', () => {
    expect(place([0, 0.1, 0.06, 0.2])).toEqual({ times: [0, 0.1, 0.1, 0.2], jumps: 0 });
  });

  it('closes the gaps of a clock that jumps', () => {
    expect(place([0, 0.04, 9e9, 9e9 + 1])).toEqual({ times: [0, 0.04, 0.08, 1.08], jumps: 1 });
    expect(place([100, 100.04, 3, 3.04])).toEqual({ times: [0, 0.04, 0.08, 0.12], jumps: 1 });
  });

  it('believes long pauses that the length of the source allows', () => {
    expect(place([0, 100, 3000], { length: 3001 })).toEqual({ times: [0, 100, 3000], jumps: 0 });
    expect(place([0, 100], { length: 20 })).toEqual({ times: [0, 0.04], jumps: 1 });
    expect(place([0, 3000])).toEqual({ times: [0, 3000], jumps: 0 });
    expect(place([0, 2e5], { length: 3e5 }).jumps).toBe(1);
    expect(place([0, 100], { length: 101, discontinuous: true })).toEqual({ times: [0, 0.04], jumps: 1 });
  });

  it('lets a frame last as long as it says, where that is possible', () => {
    const line = new Timeline({ period: 0.04, length: 300 });
    line.place(7);
    expect([line.endOf(0), line.endOf(0.5), line.endOf(250), line.endOf(9e9)]).toEqual([0.04, 0.5, 250, 0.04]);
  });
});

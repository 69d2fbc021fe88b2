/** @file Which windows of frames that come by themselves are looked at, by a clock that stands still unless it is moved. */

import { expect, test } from 'vitest';
import { LiveWindows } from '../../src/recognition/live_windows.ts';

interface Numbered {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** A frame of one pixel that carries its number. */
const frame = (number: number): Numbered => ({ data: Uint8Array.of(number, number, number), width: 1, height: 1 });

/** A part that counts how many are not released. */
class Parts {
  held = 0;
  most = 0;

  async *of(frames: AsyncIterable<Numbered>) {
    for await (const { data } of frames) {
      this.most = Math.max(this.most, ++this.held);
      let released = false;
      yield {
        number: data[0]!,
        isReleased: () => released,
        release: () => {
          expect(released).toBe(false);
          released = true;
          this.held--;
        },
      };
    }
  }
}

/** Lets everything happen that can. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 2));

test('a network that keeps up sees every window, each with the frames that are new to it', async () => {
  const live = new LiveWindows({ size: 4, step: 2 });
  const parts = new Parts();
  const windows = live.cut(parts.of(live.frames()));
  const seen: unknown[] = [];
  let next = windows.next();
  for (let i = 0; i < 9; i++) {
    await live.push(frame(i));
    await settle();
    if (i < 3 || i % 2 === 0) continue;
    const { value } = await next;
    seen.push([value!.start, value!.fresh, value!.clip.map(({ number }) => number)]);
    next = windows.next();
  }
  live.end();
  expect((await next).done).toBe(true);
  expect(seen).toEqual([
    [0, 4, [0, 1, 2, 3]],
    [2, 2, [2, 3, 4, 5]],
    [4, 2, [4, 5, 6, 7]],
  ]);
  expect(live.dropped).toBe(0);
  expect(parts.held).toBe(0);
});

test('a network that is slower than the stream gets the newest window; those that were overtaken are counted', async () => {
  let now = 0;
  const live = new LiveWindows({ size: 4, step: 2, now: () => now });
  const parts = new Parts();
  const windows = live.cut(parts.of(live.frames()));
  const ages: number[] = [];
  const starts: number[] = [];
  // A frame each 40 ms, and 300 ms for a window.
  let next: ReturnType<typeof windows.next> | undefined = windows.next();
  let done = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 200; i++, now += 40) {
    await live.push(frame(i));
    await settle();
    if (now >= done) {
      done = Number.POSITIVE_INFINITY;
      next = windows.next();
    }
    const window = next && (await Promise.race([next, settle().then(() => undefined)]));
    if (!window) continue;
    next = undefined;
    const { value } = window;
    ages.push(live.age(value!));
    starts.push(value!.start);
    expect(value!.clip.some((part) => part.isReleased())).toBe(false);
    done = now + 300;
  }
  // A step later than it was complete, at most.
  expect(Math.max(...ages)).toBeLessThanOrEqual(80);
  expect(starts.length + live.dropped).toBe(starts.at(-1)! / 2 + 1);
  expect(live.dropped).toBeGreaterThan(2 * starts.length);
  expect(parts.most).toBeLessThanOrEqual(2 * 5);
  live.end();
  await windows.return();
  expect(parts.held).toBe(0);
});

test('frames that nobody takes do not pile up, and no window reaches over a gap', async () => {
  const live = new LiveWindows({ size: 4, step: 1 });
  const parts = new Parts();
  const frames = live.frames();
  let open = () => {};
  async function* gated() {
    for await (const each of frames) {
      yield each;
      if (each.data[0] === 5) await new Promise<void>((resolve) => (open = resolve));
    }
  }
  const windows = live.cut(parts.of(gated()));
  for (let i = 0; i < 6; i++) await live.push(frame(i));
  await settle();
  expect((await windows.next()).value!.start).toBe(2);
  // The device is busy: of a hundred frames the last few are kept.
  for (let i = 6; i < 106; i++) await live.push(frame(i));
  open();
  await settle();
  const { value } = await windows.next();
  expect(value!.clip.map(({ number }) => number)).toEqual([102, 103, 104, 105]);
  expect(value!.fresh).toBe(4);
  expect(live.dropped).toBe(99);
  expect(live.frameCount).toBe(106);
  live.end();
  expect((await windows.next()).done).toBe(true);
  expect(parts.held).toBe(0);
});

test.each([
  [0, 20, [0, 3, 6, 9, 12]],
  [1, 20, [0, 3, 6, 9, 12]],
  // Where the clip ends, nothing follows the last window.
  [1, 17, [0, 3, 6, 9]],
  [0, 8, [0]],
  [1, 7, []],
])('with %i frames behind a window and without dropping, %i frames have all windows', async (extra, count, starts) => {
  const live = new LiveWindows({ size: 8, step: 3, extra, lossless: true });
  const pushing = (async () => {
    for (let i = 0; i < count; i++) await live.push(frame(i));
    live.end();
  })();
  const seen: number[] = [];
  for await (const { start, clip } of live.cut(new Parts().of(live.frames()))) {
    await settle();
    seen.push(start);
    const length = Math.min(8 + extra, count - start);
    expect(clip.map(({ number }) => number)).toEqual(Array.from({ length }, (_, i) => start + i));
  }
  await pushing;
  expect(seen).toEqual(starts);
  expect(live.dropped).toBe(0);
});

test('networks that are begun anew go on with the frames that come then', async () => {
  const live = new LiveWindows({ size: 3, step: 1 });
  const parts = new Parts();
  const first = live.cut(parts.of(live.frames()));
  for (let i = 0; i < 3; i++) await live.push(frame(i));
  expect((await first.next()).value!.start).toBe(0);
  // Its device is lost: it is left while it waits for frames.
  await settle();
  void first.return();
  await settle();
  const second = live.cut(parts.of(live.frames()));
  const next = second.next();
  for (let i = 3; i < 6; i++) await live.push(frame(i));
  const { value } = await next;
  expect(value!.clip.map(({ number }) => number)).toEqual([3, 4, 5]);
  expect(value!.fresh).toBe(3);
  expect(live.dropped).toBe(2);
  await second.return();
  expect(parts.held).toBe(0);
});

test('what goes wrong with a frame is told to who waits for a window', async () => {
  const live = new LiveWindows({ size: 2, step: 1 });
  const frames = live.frames();
  async function* broken() {
    for await (const { data } of frames) {
      if (data[0] === 2) throw new Error('a broken frame');
      yield { data, release: () => undefined };
    }
  }
  const windows = live.cut(broken());
  for (let i = 0; i < 2; i++) await live.push(frame(i));
  expect((await windows.next()).value!.start).toBe(0);
  await live.push(frame(2));
  await expect(windows.next()).rejects.toThrow('a broken frame');
});

/** @file Flow objects under callers who do not wait: overlapping calls, refilled buffers, disposal at any moment, signals. */

import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import { floatTensor, type HostTensor } from '../../src/core/tensor.ts';
import { computeFlow, flowToStream, RgbFlow, Tvl1 } from '../../src/flow/index.ts';
import { DisposedError } from '../../src/gpu/errors.ts';
import { FrameReducer, preprocessGeometry } from '../../src/models/frames.ts';
import { openGpu } from '../../src/node.ts';
import { testGpu } from '../harness.ts';

const gpu = testGpu();
const SIZE = { width: 32, height: 24, pairs: 1 };
/** Few dispatches, so that little is compiled. */
const SHORT = { scales: 1, warps: 1, outerIterations: 1, innerIterations: 3, medianFiltering: 1 } as const;

/** Two frames of a texture that moves by `shift` pixels to the right. */
function pair(shift: number): Float32Array {
  return Float32Array.from({ length: 2 * 32 * 24 }, (_, i) => {
    const [t, y, x] = [Math.floor(i / 768), Math.floor(i / 32) % 24, i % 32];
    return Math.round(128 + 60 * Math.sin((x - t * shift) * 0.5) + 50 * Math.sin(y * 0.4));
  });
}

function rgb(frames: number, shift: number): HostTensor<'u8'> {
  const data = Uint8Array.from({ length: frames * 24 * 32 * 3 }, (_, i) => {
    const [t, y, x] = [Math.floor(i / 2304), Math.floor(i / 96) % 24, Math.floor(i / 3) % 32];
    return 128 + 60 * Math.sin((x - t * shift) * 0.5) + 50 * Math.sin(y * 0.4);
  });
  return { dtype: 'u8', shape: [frames, 24, 32, 3], data };
}

describe('Tvl1', () => {
  it('called twice at once gives each call its own flow', async () => {
    const tvl1 = await Tvl1.create(gpu(), SIZE, SHORT);
    try {
      const shifts = [1, -1, 0.5, 0];
      const alone = [];
      for (const shift of shifts) alone.push((await tvl1.run(pair(shift))).data);
      expect(alone[0]).not.toEqual(alone[1]);
      const together = await Promise.all(shifts.map((shift) => tvl1.run(pair(shift))));
      expect(together.map(({ data }) => data)).toEqual(alone);
    } finally {
      tvl1.dispose();
    }
  });

  it('has taken frames and initial flow when run returns', async () => {
    const tvl1 = await Tvl1.create(gpu(), SIZE, { ...SHORT, useInitialFlow: true });
    try {
      const initial = new Float32Array(768 * 2).fill(0.5);
      const expected = (await tvl1.run(pair(1), initial)).data;
      const grey = pair(1);
      const runs = [tvl1.run(grey, initial)];
      grey.set(pair(-1));
      initial.fill(0);
      runs.push(tvl1.run(grey, initial));
      grey.fill(9);
      const [first, second] = await Promise.all(runs);
      expect(first!.data).toEqual(expected);
      expect(second!.data).not.toEqual(expected);
    } finally {
      tvl1.dispose();
    }
  });

  it('solves what frames hold when solve is called', async () => {
    const tvl1 = await Tvl1.create(gpu(), SIZE, SHORT);
    try {
      // 32 wide: rows need no padding.
      const write = (shift: number) =>
        gpu().device.queue.writeBuffer(tvl1.frames, 0, pair(shift) as Float32Array<ArrayBuffer>);
      const expected = (await tvl1.run(pair(1))).data;
      write(1);
      const solved = tvl1.solve();
      write(-1);
      expect((await solved).data).toEqual(expected);
    } finally {
      tvl1.dispose();
    }
  });

  it('goes on after a run that was refused', async () => {
    const tvl1 = await Tvl1.create(gpu(), SIZE, SHORT);
    try {
      const expected = (await tvl1.run(pair(1))).data;
      const settled = await Promise.allSettled([tvl1.run(new Float32Array(3)), tvl1.run(pair(1))]);
      expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
      expect((await tvl1.run(pair(1))).data).toEqual(expected);
    } finally {
      tvl1.dispose();
    }
  });

  it('disposed of in mid-run rejects or finishes, and frees everything; later calls say why they fail', async () => {
    const before = gpu().allocatedBytes;
    const tvl1 = await Tvl1.create(gpu(), SIZE, SHORT);
    const expected = (await tvl1.run(pair(1))).data;
    const runs = [tvl1.run(pair(1)), tvl1.run(pair(1))];
    tvl1.dispose();
    expect(gpu().allocatedBytes).toBe(before);
    for (const settled of await Promise.allSettled(runs)) {
      if (settled.status === 'fulfilled') expect(settled.value.data).toEqual(expected);
      else expect(settled.reason).toBeInstanceOf(DisposedError);
    }
    await expect(tvl1.run(pair(1))).rejects.toThrow('This Tvl1 was disposed of');
    await expect(tvl1.solve()).rejects.toThrow(DisposedError);
    expect(() => tvl1.encode(gpu().device.createCommandEncoder())).toThrow(DisposedError);
    expect(gpu().allocatedBytes).toBe(before);
    tvl1.dispose();
  });

  it('keeps no more memory after many runs at once than after a few', async () => {
    const tvl1 = await Tvl1.create(gpu(), SIZE, SHORT);
    try {
      await Promise.all([tvl1.run(pair(1)), tvl1.run(pair(1))]);
      const after = gpu().allocatedBytes;
      await Promise.all(Array.from({ length: 8 }, () => tvl1.run(pair(1))));
      expect(gpu().allocatedBytes).toBe(after);
    } finally {
      tvl1.dispose();
    }
  });
});

describe('RgbFlow', () => {
  it('overlaps, takes its bytes at once, and ends with dispose', async () => {
    const before = gpu().allocatedBytes;
    const clip = await RgbFlow.create(gpu(), SIZE, SHORT);
    const bytes = rgb(2, 1).data;
    const [right, left] = [(await clip.run(bytes)).data, (await clip.run(rgb(2, -1).data)).data];
    const runs = [clip.run(bytes)];
    bytes.set(rgb(2, -1).data);
    runs.push(clip.run(bytes));
    bytes.fill(0);
    expect((await Promise.all(runs)).map(({ data }) => data)).toEqual([right, left]);
    await expect(clip.run(bytes.subarray(1))).rejects.toThrow(
      /needs a Uint8Array of 4608 bytes, not Uint8Array of 4607/,
    );
    clip.dispose();
    await expect(clip.run(bytes)).rejects.toThrow(DisposedError);
    expect(gpu().allocatedBytes).toBe(before);
  });
});

describe('computeFlow', () => {
  it('has taken the frames when it returns, also for the groups that come later', async () => {
    const clip = rgb(4, 1);
    const options = { ...SHORT, memoryBudget: 1 };
    const expected = (await computeFlow(gpu(), clip, options)).data;
    const flow = computeFlow(gpu(), clip, options);
    clip.data.fill(7);
    expect((await flow).data).toEqual(expected);
  });

  it('stops when its signal is aborted, with its reason, and frees everything', async () => {
    const before = gpu().allocatedBytes;
    const reason = new Error('enough');
    const controller = new AbortController();
    const done: number[] = [];
    const onProgress = (n: number): void => {
      done.push(n);
      if (n === 2) controller.abort(reason);
    };
    const options = { ...SHORT, memoryBudget: 1, onProgress, signal: controller.signal };
    await expect(computeFlow(gpu(), rgb(6, 1), options)).rejects.toBe(reason);
    expect(done).toEqual([1, 2]);
    await expect(computeFlow(gpu(), rgb(6, 1), options)).rejects.toBe(reason);
    expect(gpu().allocatedBytes).toBe(before);
  });

  it('frees everything when onProgress throws', async () => {
    const before = gpu().allocatedBytes;
    const onProgress = (): never => {
      throw new RangeError('mine');
    };
    await expect(computeFlow(gpu(), rgb(2, 1), { ...SHORT, onProgress })).rejects.toThrow('mine');
    expect(gpu().allocatedBytes).toBe(before);
  });
});

it('flowToStream has taken the flow when it returns, calls overlap, and nothing is left', async () => {
  const before = gpu().allocatedBytes;
  const flow = floatTensor([1, 1, 2, 2], [10, -10, 5, 0]);
  const first = flowToStream(gpu(), flow);
  flow.data.set([20, 20, 20, 20]);
  const second = flowToStream(gpu(), flow);
  flow.data.fill(Number.NaN);
  expect([...(await first).data]).toEqual([0.5, -0.5, 0.25, 0]);
  expect([...(await second).data]).toEqual([1, 1, 1, 1]);
  expect(gpu().allocatedBytes).toBe(before);
});

describe('FrameReducer', () => {
  const geometry = (height: number, width: number) => ({
    resized: { height, width },
    crop: { top: 0, left: 0, height: 2, width: 2 },
    scale: 1,
    shift: 0,
  });
  const frames = (side: number, value: number): HostTensor<'u8'> => ({
    dtype: 'u8',
    shape: [1, side, side, 3],
    data: new Uint8Array(side * side * 3).fill(value),
  });

  it('does overlapping calls of several sizes in order, with the bytes that each was given', async () => {
    const before = gpu().allocatedBytes;
    const reducer = new FrameReducer(gpu(), geometry);
    const small = frames(2, 10);
    const calls = [reducer.reduce(small), reducer.reduce(frames(4, 20))];
    small.data.fill(30);
    calls.push(reducer.reduce(small));
    small.data.fill(99);
    const refused = reducer.reduce({ ...small, shape: [1, 2, 2, 4] });
    await expect(refused).rejects.toThrow(InputError);
    calls.push(reducer.reduce(frames(2, 40)));
    expect((await Promise.all(calls)).map(({ data }) => [...new Set(data)])).toEqual([[10], [20], [30], [40]]);
    reducer.dispose();
    await expect(reducer.reduce(small)).rejects.toThrow('This FrameReducer was disposed of');
    expect(gpu().allocatedBytes).toBe(before);
  });

  it('disposed of while it works rejects what is under way and frees everything', async () => {
    const before = gpu().allocatedBytes;
    const reducer = new FrameReducer(gpu(), geometry);
    const calls = [reducer.reduce(frames(2, 10)), reducer.reduce(frames(4, 20))];
    reducer.dispose();
    for (const call of calls) await expect(call).rejects.toThrow(DisposedError);
    expect(gpu().allocatedBytes).toBe(before);
  });

  it('refuses frames and geometries that are none', async () => {
    const reducer = new FrameReducer(gpu(), geometry);
    const floats = { dtype: 'u8', shape: [1, 2, 2, 3], data: new Float32Array(12) } as unknown as HostTensor<'u8'>;
    await expect(reducer.reduce(floats)).rejects.toThrow(/said to be u8 and its data is Float32Array of 12/);
    const rgba = { ...frames(2, 1), data: new Uint8Array(16) };
    await expect(reducer.reduce(rgba)).rejects.toThrow(/of shape 1×2×2×3 needs 12 values, and its data has 16/);
    reducer.dispose();
    expect(() => new FrameReducer(gpu(), { crop: 3 } as never)).toThrow(/takes a function/);
  });
});

it('a device disposed of in mid-run ends all calls with one typed error', async () => {
  const own = await openGpu();
  const tvl1 = await Tvl1.create(own, SIZE, SHORT);
  await tvl1.run(pair(1));
  const frames: HostTensor<'u8'> = { dtype: 'u8', shape: [1, 224, 224, 3], data: new Uint8Array(224 * 224 * 3) };
  const geometry = (h: number, w: number) => preprocessGeometry(h, w, { shortSide: 256, crop: 224 });
  const calls = [
    tvl1.run(pair(1)),
    computeFlow(own, rgb(2, 1), SHORT),
    flowToStream(own, floatTensor([1, 1, 2, 2], [1, 2, 3, 4])),
    new FrameReducer(own, geometry).reduce(frames),
  ];
  own.dispose();
  for (const settled of await Promise.allSettled(calls)) {
    if (settled.status === 'rejected') expect(settled.reason).toBeInstanceOf(DisposedError);
  }
  expect(own.allocatedBytes).toBe(0);
  await expect(tvl1.run(pair(1))).rejects.toThrow(DisposedError);
  await expect(computeFlow(own, rgb(2, 1), SHORT)).rejects.toThrow(DisposedError);
  await expect(flowToStream(own, floatTensor([1, 1, 2, 2], [1, 2, 3, 4]))).rejects.toThrow(DisposedError);
  await expect(new FrameReducer(own, geometry).reduce(frames)).rejects.toThrow(DisposedError);
  expect(own.allocatedBytes).toBe(0);
});

/** @file Flow of frames that lie on the device, and its input for the stream, as it is of arrays. */

import { describe, expect, test } from 'vitest';
import { computeFlow, computeFlowOnDevice, flowToStream, flowToStreamOnDevice } from '../../src/flow/index.ts';
import { DeviceTensor } from '../../src/graph/device_tensor.ts';
import { cutFrames, cutOut } from '../../src/models/frames.ts';
import { testGpu } from '../harness.ts';
import { clip } from '../recognition/clips.ts';

const gpu = testGpu();

describe('frames on the device', () => {
  test('have the flow that they have as an array; in groups, and from the middle of a word on', async () => {
    // 35×45×3 is odd: the second frame begins within a word.
    const frames = clip(5, 35, 45);
    const expected = await computeFlow(gpu(), frames, { preset: 'fast' });
    const tensor = DeviceTensor.upload(gpu(), frames);
    const before = gpu().allocatedBytes;
    const done: number[] = [];
    for (const memoryBudget of [1 << 30, 1]) {
      const onProgress = (pairs: number) => done.push(pairs);
      const flow = await computeFlowOnDevice(gpu(), tensor, { preset: 'fast', memoryBudget, onProgress });
      expect(await flow.read()).toEqual(expected);
      flow.dispose();
    }
    expect(done).toEqual([4, 1, 2, 3, 4]);
    const later = await computeFlowOnDevice(gpu(), tensor.slice(0, 4), { preset: 'fast' });
    expect(await later.read()).toEqual(cutFrames(expected, { start: 0, frames: 3 }));
    later.dispose();
    expect(gpu().allocatedBytes).toBe(before);
    tensor.dispose();
  });

  test('have the stream’s input, a region of them, too', async () => {
    const tensor = DeviceTensor.upload(gpu(), clip(4, 36, 48));
    const flow = await computeFlowOnDevice(gpu(), tensor, { preset: 'fast' });
    const host = await flow.read();
    for (const options of [{ bound: 8 }, { crop: { top: 3, left: 5, height: 24, width: 32 }, quantise: true }]) {
      const input = await flowToStreamOnDevice(gpu(), flow, options);
      expect(await input.read()).toEqual(await flowToStream(gpu(), host, options));
      input.dispose();
    }
    const region = { top: 3, left: 5, height: 24, width: 32 };
    const cropped = await flowToStreamOnDevice(gpu(), flow, { crop: region });
    expect(await cropped.read()).toEqual(await flowToStream(gpu(), cutOut(host, region)));
    for (const one of [tensor, flow, cropped]) one.dispose();
  });

  test('that cannot be used are told of', async () => {
    const tensor = DeviceTensor.upload(gpu(), clip(2, 16, 16));
    await expect(computeFlowOnDevice(gpu(), tensor.slice(0, 1))).rejects.toThrow(
      'Flow needs two frames or more, T×H×W×3, not 1×16×16×3.',
    );
    const signal = AbortSignal.abort('enough');
    await expect(computeFlowOnDevice(gpu(), tensor, { signal })).rejects.toBe('enough');
    await expect(computeFlowOnDevice(gpu(), tensor, { memoryBudget: Number.NaN })).rejects.toThrow(
      'computeFlowOnDevice takes a memoryBudget above 0, in bytes, not NaN.',
    );
    await expect(computeFlowOnDevice(gpu(), tensor, { useInitialFlow: true })).rejects.toThrow(
      /useInitialFlow is for Tvl1\.run/,
    );
    await expect(flowToStreamOnDevice(gpu(), tensor as never)).rejects.toThrow(/must be of the type "f32"/);
    tensor.dispose();
  });
});

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { FloatTensor, HostTensor } from '../../src/core/tensor.ts';
import { readI3dCheckpoint } from '../../src/i3d/checkpoint.ts';
import { i3dSpec } from '../../src/i3d/i3d.ts';
import { decodeNpy } from '../../src/io/npy.ts';
import { loadWeights } from '../../src/io/weights.ts';
import { FrameReducer, specGeometry } from '../../src/models/frames.ts';
import { KINETICS_400 } from '../../src/models/labels-kinetics400.ts';
import { Recogniser } from '../../src/models/recogniser.ts';
import { fuse, topK } from '../../src/models/scores.ts';
import { fill } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';
import { describeWithShared } from '../shared.ts';

const gpu = testGpu();

const array = (path: string) => decodeNpy(readFileSync(path), path);
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

describeWithShared(
  'two streams',
  [
    'checkpoints/i3d_rgb_legacy.pt',
    'checkpoints/i3d_flow_zip.pt',
    'golden/rgb_frames_u8.npy',
    'golden/tvl1_opencv_f32.npy',
    'golden/i3d_rgb_T16.json',
    'golden/two_stream_T16.json',
  ],
  (rgbWeights, flowWeights, framesPath, flowPath, rgbGolden, bothGolden) => {
    const load = async (path: string) => readI3dCheckpoint(await loadWeights(path), path);

    test('agree with PyTorch, alone and together', async () => {
      const frames = array(framesPath) as HostTensor<'u8'>;
      const rgb = new Recogniser(gpu(), await load(rgbWeights));
      const flow = new Recogniser(gpu(), await load(flowWeights));
      try {
        const window = { start: 0, frames: 16 };
        const seen = await rgb.run(frames, window);
        expectClose(seen.logits, json(rgbGolden).Logits.mean_over_time.flat(), 1e-3);
        expect(seen.features).toHaveLength(1024);

        // The same values as float32 give the same result, whichever way they came.
        const part = {
          dtype: 'u8',
          shape: [16, 224, 224, 3],
          data: frames.data.subarray(0, 16 * 224 * 224 * 3),
        } as const;
        const reducer = new FrameReducer(gpu(), geometry);
        const reduced = await reducer.reduce(part);
        reducer.dispose();
        expectClose(
          reduced.data,
          Float32Array.from(part.data, (byte) => (byte * 2) / 255 - 1),
          1e-6,
        );

        // Calls that overlap, with a change of size in between: each gets its own result.
        const windows = [0, 1, 2, 0].map((start) => ({ start, frames: start === 2 ? 12 : 16 }));
        const overlapping = await Promise.all(windows.map((part) => rgb.logits(frames, part)));
        expect(overlapping[0]).toEqual(seen.logits);
        expect(overlapping[3]).toEqual(seen.logits);
        expect(overlapping[1]).toEqual(await rgb.logits(frames, windows[1]));
        expect(overlapping[1]).not.toEqual(seen.logits);

        const { data } = array(flowPath) as FloatTensor;
        const scaled = data.map((pixels) => Math.max(-20, Math.min(20, pixels)) / 20);
        const moved = await flow.logits({ dtype: 'f32', shape: [16, 224, 224, 2], data: scaled });
        const golden = json(bothGolden);
        const fused = fuse({ rgb: seen.logits, flow: moved });
        expectClose(fused, golden.logits.flat(), 1e-3);
        const best = topK(fused, KINETICS_400, 5);
        expect(best.map(({ index }) => index)).toEqual(golden.top5.map(([index]: [number]) => index));
        best.forEach(({ probability }, i) => {
          expect(probability).toBeCloseTo(golden.top5[i][1], 5);
        });

        await expect(flow.logits(part)).rejects.toThrow('These weights take clips T×H×W×2 (float32)');
        await expect(rgb.logits(part, { start: 8, frames: 9 })).rejects.toThrow('the clip has 16');
        await expect(rgb.logits(part, { start: 8, frames: 8 })).rejects.toThrow('at least 9 frames');
      } finally {
        rgb.dispose();
        flow.dispose();
      }
      expect(gpu().allocatedBytes).toBe(0);
    });
  },
);

const geometry = (height: number, width: number) => specGeometry(i3dSpec(3, 400), height, width);

test('large frames are reduced to what the network takes', async () => {
  const [height, width] = [300, 500];
  const data = Uint8Array.from(fill('frames', 2 * height * width * 3), (value) => Math.floor((value + 1) * 127.9));
  const reducer = new FrameReducer(gpu(), geometry);
  const both = await reducer.reduce({ dtype: 'u8', shape: [2, height, width, 3], data });
  const second = await reducer.reduce({
    dtype: 'u8',
    shape: [1, height, width, 3],
    data: data.subarray(data.length / 2),
  });
  reducer.dispose();
  expect(both.shape).toEqual([2, 224, 224, 3]);
  expect(second.data).toEqual(both.data.subarray(both.data.length / 2));
  expect(gpu().allocatedBytes).toBe(0);
});

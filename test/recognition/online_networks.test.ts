/** @file A network that is given the frames of a stream one by one, behind the scheduler of windows. */

import { expect, test, vi } from 'vitest';
import { OnlineRecogniser } from '../../src/models/online.ts';
import { initialParameters } from '../../src/models/parameters.ts';
import { averageLogits } from '../../src/models/scores.ts';
import { modelSpec } from '../../src/models/spec.ts';
import type { Frame } from '../../src/recognition/frame_parts.ts';
import { LiveWindows } from '../../src/recognition/live_windows.ts';
import { OnlineNetworks } from '../../src/recognition/online_networks.ts';
import { testGpu } from '../harness.ts';
import { toyOnline } from '../models/toy_online.ts';

const gpu = testGpu();

const frame = (seed: number): Frame => ({
  width: 16,
  height: 12,
  data: Uint8Array.from({ length: 16 * 12 * 3 }, (_, i) => (i * i + 37 * seed * i) % 251),
});

test('each frame is computed once, and a window is the mean over its frames', async () => {
  const spec = modelSpec({ architecture: toyOnline, stream: 'rgb', classes: 5 });
  const network = { spec, parameters: initialParameters(spec, 4) };
  const alone = new OnlineRecogniser(gpu(), network);
  const watched = new OnlineRecogniser(gpu(), network);
  const steps = vi.spyOn(watched, 'step');
  const networks = new OnlineNetworks(watched);
  try {
    const expected: Float32Array[] = [];
    for (let i = 0; i < 9; i++) {
      const { data, width, height } = frame(i);
      expected.push((await alone.step({ dtype: 'u8', shape: [1, height, width, 3], data })).logits);
    }
    // A stream, and the same one opened again.
    for (let round = 0; round < 2; round++) {
      steps.mockClear();
      const live = new LiveWindows({ size: 3, step: 2, lossless: true });
      const frames = live.frames();
      const pushing = (async () => {
        for (let i = 0; i < 9; i++) await live.push(frame(i));
        live.end();
      })();
      const starts: number[] = [];
      for await (const { start, rgb } of networks.windows(frames, { live })) {
        starts.push(start);
        expect(rgb[0].logits).toEqual(averageLogits(expected.slice(start, start + 3)));
      }
      await pushing;
      expect(starts).toEqual([0, 2, 4, 6]);
      expect(steps).toHaveBeenCalledTimes(9);
    }
  } finally {
    alone.dispose();
    networks.dispose();
  }
});

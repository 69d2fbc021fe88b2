/** @file Networks whose frames come one by one, against the same network on all frames of a clip at once. */

import { describe, expect, test } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import type { HostTensor } from '../../src/core/tensor.ts';
import type { ClipInput } from '../../src/models/frames.ts';
import { OnlineRecogniser } from '../../src/models/online.ts';
import { initialParameters } from '../../src/models/parameters.ts';
import { Recogniser } from '../../src/models/recogniser.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { expectClose, testGpu } from '../harness.ts';
import { toyOnline } from './toy_online.ts';

const gpu = testGpu();

const clipOf = (frames: number, side: number): HostTensor<'u8'> => ({
  dtype: 'u8',
  shape: [frames, side, side, 3],
  data: Uint8Array.from({ length: frames * side * side * 3 }, (_, i) => (i * i + 31 * i) % 251),
});

const frameOf = ({ shape, data }: HostTensor<'u8'>, index: number): ClipInput => {
  const [, ...rest] = shape;
  const size = data.length / shape[0]!;
  return { dtype: 'u8', shape: [1, ...rest], data: data.subarray(index * size, (index + 1) * size) };
};

describe.each([toyOnline, MODELS.get('tsm-r50-online')])('%s', (architecture) => {
  const size = architecture === toyOnline ? 12 : 64;
  const spec = modelSpec({ architecture, stream: 'rgb', classes: 5, size, shortSide: size });

  test('gives of each frame what it gives of the clip up to there', async () => {
    const network = { spec, parameters: initialParameters(spec, 4) };
    const clip = clipOf(4, size + 6);
    const whole = new Recogniser(gpu(), network);
    const online = new OnlineRecogniser(gpu(), network);
    try {
      for (let stream = 0; stream < 2; stream++) {
        const sums = new Float64Array(5);
        for (let t = 0; t < 4; t++) {
          const { logits, features } = await online.step(frameOf(clip, t));
          expect(features.length).toBeGreaterThan(5);
          for (const [i, value] of logits.entries()) sums[i]! += value;
        }
        const expected = await whole.logits(clip);
        const means = Float32Array.from(sums, (sum) => sum / 4);
        expectClose(means, expected);
        await online.reset();
      }
    } finally {
      online.dispose();
      whole.dispose();
    }
  });
});

describe('an online recogniser', () => {
  const spec = modelSpec({ architecture: toyOnline, stream: 'rgb', classes: 5 });
  const make = () => new OnlineRecogniser(gpu(), { spec, parameters: initialParameters(spec, 4) });

  test('takes frames in the order of the calls, and knows where they came from', async () => {
    const online = make();
    const clip = clipOf(3, 12);
    const all = [0, 1, 2].map((t) => online.step(frameOf(clip, t)));
    const together = await Promise.all(all);
    await online.reset();
    for (const [t, { logits }] of together.entries()) {
      expect((await online.step(frameOf(clip, t))).logits).toEqual(logits);
    }
    // The same frame after another one is something else.
    expect((await online.step(frameOf(clip, 0))).logits).not.toEqual(together[0]!.logits);
    online.dispose();
    await expect(online.step(frameOf(clip, 0))).rejects.toThrow('was disposed');
  });

  test('says what is wrong', async () => {
    const online = make();
    await expect(online.step(clipOf(2, 12))).rejects.toThrow('A frame is 1×H×W×3; this one is u8 2×12×12×3.');
    await online.step(clipOf(1, 12));
    await expect(online.step(clipOf(1, 14))).rejects.toThrow('reset what was seen before another stream begins');
    await online.reset();
    await online.step(clipOf(1, 14));
    online.dispose();
    const whole = modelSpec({ architecture: MODELS.get('i3d'), stream: 'rgb', classes: 5 });
    expect(() => new OnlineRecogniser(gpu(), { spec: whole, parameters: new Map() })).toThrow(
      'I3D looks at frames to come, too: it is given whole windows (Recogniser).',
    );
  });
});

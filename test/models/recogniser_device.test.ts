/** @file A recogniser whose clips lie in the device's memory already. */

import { describe, expect, test } from 'vitest';
import type { HostTensor } from '../../src/core/tensor.ts';
import { DeviceTensor } from '../../src/graph/device_tensor.ts';
import { INCEPTION_4 } from '../../src/i3d/inception4.ts';
import { cutOut } from '../../src/models/frames.ts';
import { initialParameters } from '../../src/models/parameters.ts';
import { Recogniser } from '../../src/models/recogniser.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { testGpu } from '../harness.ts';

const gpu = testGpu();
const spec = modelSpec({ architecture: INCEPTION_4, stream: 'rgb', classes: 5, width: 0.06, frames: 4, size: 32 });
const frames: HostTensor<'u8'> = {
  dtype: 'u8',
  shape: [6, 36, 44, 3],
  data: Uint8Array.from({ length: 6 * 36 * 44 * 3 }, (_, i) => (i * i + 7 * i) % 256),
};

describe('a clip on the device', () => {
  test('gives what the same array gives; of a window and of a region, too', async () => {
    const recogniser = new Recogniser(gpu(), { spec, parameters: initialParameters(spec, 3) });
    const tensor = DeviceTensor.upload(gpu(), frames);
    try {
      expect(await recogniser.run(tensor)).toEqual(await recogniser.run(frames));
      const window = { start: 1, frames: 4 };
      expect(await recogniser.run(tensor, window)).toEqual(await recogniser.run(frames, window));
      const region = { top: 2, left: 6, height: 32, width: 32 };
      const expected = await recogniser.run(cutOut(frames, region), window);
      expect(await recogniser.run(tensor, window, { region })).toEqual(expected);
      expect(await recogniser.run(frames, window, { region })).toEqual(expected);
      await expect(recogniser.run(tensor, { start: 4, frames: 4 })).rejects.toThrow(
        'Frames 4 to 7 were asked for; the clip has 6.',
      );
    } finally {
      tensor.dispose();
      recogniser.dispose();
    }
  });
});

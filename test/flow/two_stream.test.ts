/** @file Both streams of I3D with flow computed here, against the reference that had OpenCV's flow. */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { HostTensor } from '../../src/core/tensor.ts';
import { computeFlow, flowToStream, solverFor } from '../../src/flow/index.ts';
import { readI3dCheckpoint } from '../../src/i3d/checkpoint.ts';
import { decodeNpy } from '../../src/io/npy.ts';
import { loadWeights } from '../../src/io/weights.ts';
import { Recogniser } from '../../src/models/recogniser.ts';
import { testGpu } from '../harness.ts';
import { describeWithShared } from '../shared.ts';

const gpu = testGpu();
const FRAMES = 16;

const files = [
  'golden/rgb_frames_u8.npy',
  'golden/two_stream_T16.json',
  'checkpoints/i3d_rgb_legacy.pt',
  'checkpoints/i3d_flow_zip.pt',
];

describeWithShared('two streams', files, (clip, golden, rgbWeights, flowWeights) => {
  it('with computed flow the sum of the logits is within 2 % of the reference', async () => {
    // Other processors round differently, and flow at edges of motion then ends on the other side.
    if (solverFor(gpu().profile) !== 'sweep') return;
    const frames = decodeNpy(readFileSync(clip), clip) as HostTensor<'u8'>;
    const first = (count: number): HostTensor<'u8'> => {
      const shape = [count, ...frames.shape.slice(1)];
      return {
        ...frames,
        shape,
        data: frames.data.subarray(
          0,
          shape.reduce((a, b) => a * b, 1),
        ),
      };
    };
    const flow = await flowToStream(gpu(), await computeFlow(gpu(), first(FRAMES + 1)));
    const logitsOf = async (weights: string, input: Parameters<Recogniser['logits']>[0]): Promise<Float32Array> => {
      const stream = new Recogniser(gpu(), readI3dCheckpoint(await loadWeights(weights), weights));
      try {
        return await stream.logits(input);
      } finally {
        stream.dispose();
      }
    };
    const rgb = await logitsOf(rgbWeights, first(FRAMES));
    const moved = await logitsOf(flowWeights, flow);
    const expected = (JSON.parse(readFileSync(golden, 'utf8')) as { logits: number[] }).logits;
    const largest = Math.max(...expected.map(Math.abs));
    const worst = Math.max(...expected.map((value, i) => Math.abs(rgb[i]! + moved[i]! - value)));
    expect(worst / largest).toBeLessThan(0.02);
  });
});

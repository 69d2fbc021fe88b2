/** @file I3D against PyTorch: networks by a formula, from no file, and the checkpoints and clips in shared data. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { floatTensor } from '../../src/core/tensor.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { readI3dCheckpoint } from '../../src/i3d/checkpoint.ts';
import { i3dGraph } from '../../src/i3d/i3d.ts';
import { decodeNpy } from '../../src/io/npy.ts';
import { loadWeights } from '../../src/io/weights.ts';
import { whenFull } from '../full.ts';
import { testGpu } from '../harness.ts';
import { describeWithShared } from '../shared.ts';
import { type EndPoint, expectEndPoints, formulaClip, formulaStateDict, runEndPoints } from './end_points.ts';

const gpu = testGpu();
const readJson = (path: string | URL) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, EndPoint>;

describe('I3D with parameters by a formula', () => {
  it.each([
    ['rgb', 3],
    ['flow', 2],
  ] as const)('%s: every end point agrees with PyTorch', async (stream, channels) => {
    const checkpoint = readI3dCheckpoint(formulaStateDict(channels), 'formula');
    expect(checkpoint).toMatchObject({ stream, classes: 400, naming: 'pytorch' });
    const outputs = await runEndPoints(gpu(), checkpoint, formulaClip(16, channels));
    expectEndPoints(outputs, readJson(new URL(`fixtures/formula_${stream}_T16.json`, import.meta.url)));
    const sum = outputs.probabilities!.data.reduce((a, b) => a + b, 0);
    expect(sum).toBeCloseTo(1, 5);
  });

  it('takes odd sizes: 79 frames are 40 after the stem', async () => {
    const graph = i3dGraph({ frames: 79, height: 193, width: 200, channels: 3, classes: 5 });
    const shapeOf = (name: string) => graph.values[graph.names.get(name)!]!.type.shape;
    expect(shapeOf('Conv3d_1a_7x7')).toEqual([1, 40, 97, 100, 64]);
    expect(shapeOf('Mixed_5c')).toEqual([1, 10, 7, 7, 1024]);
    expect(shapeOf('Logits')).toEqual([1, 9, 1, 1, 5]);
    const builder = i3dGraph({ frames: 9, height: 193, width: 200, channels: 3, classes: 5 });
    const parameters = new DeviceParameters(gpu(), readI3dCheckpoint(formulaStateDict(3, 5), 'formula').parameters);
    const plan = await compile(builder, parameters, { outputs: ['features', 'logits'] });
    const { features, logits } = await plan.run({
      clip: floatTensor([1, 9, 193, 200, 3], new Float32Array(9 * 193 * 200 * 3)),
    });
    expect(features!.shape).toEqual([1, 1024]);
    expect(logits!.data.every(Number.isFinite)).toBe(true);
    plan.dispose();
    parameters.dispose();
  });

  it.each([
    [8, 224, 224, 'I3D needs at least 9 frames'],
    [16, 192, 224, 'I3D needs frames of at least 193×193 pixels'],
  ])('says the real limits: %i frames of %i×%i', (frames, height, width, message) => {
    expect(() => i3dGraph({ frames, height, width, channels: 3, classes: 400 })).toThrow(message);
  });
});

const FRAMES = 'golden/rgb_frames_u8.npy';

describeWithShared(
  'the RGB checkpoint',
  ['checkpoints/i3d_rgb_legacy.pt', FRAMES, 'golden/i3d_rgb_T16.json', 'golden/i3d_rgb_T32.json'],
  (weights, frames, golden16, golden32) => {
    it.each([[16, golden16] as const, ...whenFull([[32, golden32] as const])])(
      'agrees on %i real frames',
      async (count, golden) => {
        const checkpoint = readI3dCheckpoint(await loadWeights(weights), weights);
        const bytes = decodeNpy(readFileSync(frames), frames).data as Uint8Array;
        const clip = Float32Array.from(bytes.subarray(0, count * 224 * 224 * 3), (value) => value / 127.5 - 1);
        const outputs = await runEndPoints(gpu(), checkpoint, floatTensor([1, count, 224, 224, 3], clip));
        expectEndPoints(outputs, readJson(golden));
      },
    );
  },
);

describeWithShared(
  'the flow checkpoint',
  ['checkpoints/i3d_flow_zip.pt', 'golden/tvl1_opencv_f32.npy', 'golden/i3d_flow_T16.json'],
  (weights, flowFile, golden) => {
    it('agrees on the flow of 17 real frames', async () => {
      const checkpoint = readI3dCheckpoint(await loadWeights(weights), weights);
      const flow = decodeNpy(readFileSync(flowFile), flowFile).data as Float32Array;
      const clip = flow.map((value) => Math.min(20, Math.max(-20, value)) / 20);
      const outputs = await runEndPoints(gpu(), checkpoint, floatTensor([1, 16, 224, 224, 2], clip));
      expectEndPoints(outputs, readJson(golden));
    });
  },
);

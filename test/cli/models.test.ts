/** @file Models of our own on the command line: classified as training evaluates them, inspected, converted. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { INCEPTION_4 } from '../../src/i3d/inception4.ts';
import { decodeNpy, encodeNpy, permuteAxes } from '../../src/io/npy.ts';
import type { Stream } from '../../src/models/definition.ts';
import type { Model } from '../../src/models/model_file.ts';
import { modelParameters } from '../../src/models/parameters.ts';
import { softmax } from '../../src/models/scores.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { ClipCache } from '../../src/train/data/clip_cache.ts';
import { scoreClips } from '../../src/train/evaluate/evaluation.ts';
import { readModelFile, saveModelFile } from '../../src/train/run/model_files.ts';
import { testFolder } from '../folder.ts';
import { uniform } from '../formula.ts';
import { formulaTensor } from '../graph/graphs.ts';
import { testGpu } from '../harness.ts';
import { i3d } from './command.ts';

const gpu = testGpu();
const folder = testFolder('i3d-trained-');
const at = (...names: string[]): string => join(folder, ...names);

const classes = ['wave one hand', 'wave both', 'jump'];

/** Parameters by the formula, so large that the classes differ. */
function make(stream: Stream, change: Partial<Model['spec']> = {}): Model {
  const spec = modelSpec({ architecture: INCEPTION_4, stream, classes: 3, width: 0.12, frames: 12, ...change });
  const parameters = new Map(
    [...modelParameters(spec)].map(([name, shape]) => {
      const { data } = formulaTensor(`${stream} ${name}`, shape);
      const scale = name.startsWith('Logits') ? 3 : Math.sqrt(6 / (data.length / shape.at(-1)!));
      const values = /variance|gamma/.test(name)
        ? data.map((_, i) => 0.5 + uniform(name, i))
        : data.map((v) => v * scale);
      return [name, { dtype: 'f32' as const, shape, data: values }];
    }),
  );
  return { spec, classes, parameters, notes: { command: 'i3d train clips' } };
}

/** A texture that moves, of a size that is resized and cropped. */
function clip(frames: number): string {
  const [height, width] = [80, 102];
  const data = new Uint8Array(frames * height * width * 3);
  for (let t = 0, i = 0; t < frames; t++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [u, v] = [x - 1.5 * t, y + t];
        for (let c = 0; c < 3; c++) data[i++] = 128 + 60 * Math.sin(0.23 * u + 0.11 * v + c) + 50 * Math.cos(0.19 * v);
      }
    }
  }
  const path = at(`clip${frames}.npy`);
  writeFileSync(path, encodeNpy({ dtype: 'u8', shape: [frames, height, width, 3], data }));
  return path;
}

const models = { rgb: make('rgb'), flow: make('flow') };
beforeAll(async () => {
  mkdirSync(at('both'));
  for (const stream of ['rgb', 'flow'] as const) {
    await saveModelFile(at('both', `${stream}.safetensors`), models[stream]);
  }
});

async function classify(...args: string[]) {
  const { code, stdout, stderr } = await i3d(['classify', ...args, '--json']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

describe('classify --model', () => {
  // One is a window; the others are shorter and are repeated. A single frame has no flow.
  test.each([12, 7, 2, 1])('sees a clip of %i frames as evaluation does', async (frames) => {
    const path = clip(frames);
    const result = await classify(path, '--model', at('both'));
    expect(result.windows).toEqual([{ start: 0, frames }]);
    expect(classes).toContain(result.top[0].label);

    const source = { path, label: 0, split: 'test' as const, frames, width: 82, height: 64 };
    const set = { source: folder, classes, clips: [source] };
    const cache = new ClipCache({ shortSide: 64, folder: false, gpu: async () => gpu() });
    const score = async (stream: Stream) =>
      scoreClips(async () => gpu(), models[stream], set as never, cache, { split: 'test', windows: 1 });
    const [rgb, flow] = [await score('rgb'), await score('flow')];
    const close = (logits: number[], probabilities: ArrayLike<number>) =>
      softmax(logits).forEach((value, i) => {
        expect(value).toBeCloseTo(probabilities[i]!, 3);
      });
    close(result.streams.rgb.logits, rgb[0]!.probabilities);
    close(result.streams.flow.logits, flow[0]!.probabilities);
    // Probabilities that are all alike would agree whatever is done.
    expect(Math.max(...rgb[0]!.probabilities)).toBeGreaterThan(0.4);
  });

  test('covers a longer clip with windows of the model’s length, with one stream of the two', async () => {
    const result = await classify(clip(20), '--model', at('both'), '--stream', 'rgb');
    expect(result.windows).toEqual([
      { start: 0, frames: 12 },
      { start: 8, frames: 12 },
    ]);
    expect(result.streams.flow).toBeUndefined();
    const single = await classify(clip(20), '--model', at('both', 'rgb.safetensors'), '--frames', '4', '--start', '3');
    expect(single.windows).toEqual([{ start: 3, frames: 4 }]);
  });

  test('sees the same in normalised frames of PyTorch’s order; flow that looks scaled is told of', async () => {
    const { shape, data } = decodeNpy(readFileSync(clip(12)), 'clip');
    const floats = Float32Array.from(data as Uint8Array, (value) => value / 127.5 - 1);
    const moved = permuteAxes('f32', floats, shape, [3, 0, 1, 2]);
    const turned = at('turned.npy');
    writeFileSync(turned, encodeNpy({ dtype: 'f32', shape: [1, 3, 12, 80, 102], data: moved }));
    const both = await Promise.all(
      [turned, clip(12)].map((path) => classify(path, '--model', at('both', 'rgb.safetensors'))),
    );
    expect(both[0].streams.rgb.logits).toEqual(both[1].streams.rgb.logits);
    expect(both[0].streams.rgb.logits).toHaveLength(3);

    const flow = at('scaled.npy');
    const values = Float64Array.from({ length: 12 * 80 * 102 * 2 }, (_, i) => Math.sin(i));
    writeFileSync(flow, encodeNpy({ dtype: 'f64', shape: [12, 80, 102, 2], data: values }));
    const { code, stderr } = await i3d(['classify', '--flow-input', flow, '--model', at('both'), '--stream', 'flow']);
    expect(stderr).toMatch(
      /^i3d: .*scaled\.npy: none of its values is beyond ±1 pixel, .*; if so, give --flow-units scaled\.\n$/,
    );
    expect(code).toBe(0);
  });

  test('bad requests', async () => {
    mkdirSync(at('uneven'), { recursive: true });
    await saveModelFile(at('uneven', 'rgb.safetensors'), models.rgb);
    await saveModelFile(at('uneven', 'flow.safetensors'), make('flow', { frames: 8 }));
    const rgb = at('both', 'rgb.safetensors');
    const cases: [string[], RegExp][] = [
      [['--model', at('none')], /none does not exist/],
      [['--model', folder], /holds no model: it should have rgb\.safetensors or flow\.safetensors/],
      [['--model', at('both'), '--rgb', rgb], /either --model, which may hold both streams, or --rgb and --flow/],
      [['--model', rgb, '--stream', 'flow'], /--stream flow needs a model for flow, which .* does not have\.$/],
      [['--rgb', rgb], /rgb\.safetensors is a model that was trained here; give it as --model\.$/],
      [['--model', at('uneven')], /do not take the same clips: frames is 12 for RGB and 8 for flow/],
      [['--model', rgb, '--frames', '0'], /at least 1, not 0\.$/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await i3d(['classify', clip(12), ...args]);
      expect(stderr).toMatch(/^i3d: [^\n]+\n$/);
      expect(stderr.trim()).toMatch(message);
      expect(code).toBe(1);
    }
  });
});

test('logits that are no numbers end classify and evaluation in one sentence that names the clip', async () => {
  // Finite, as the file must be, and beyond float32 once they are multiplied.
  const parameters = new Map(
    [...models.rgb.parameters].map(([name, tensor]) => [
      name,
      /^Logits.*weight/i.test(name) ? { ...tensor, data: tensor.data.map((v) => Math.sign(v) * 3e38) } : tensor,
    ]),
  );
  const loud = { ...models.rgb, parameters } as Model;
  const path = at('loud.safetensors');
  await saveModelFile(path, loud);
  const frames = clip(12);
  for (const json of [[], ['--json']]) {
    const { code, stdout, stderr } = await i3d(['classify', frames, '--model', path, ...json]);
    expect(stderr).toMatch(
      /^i3d: The RGB logits of \S+clip12\.npy, frames 0 to 11, cannot be used: [^\n]+ finite numbers\.\n$/,
    );
    expect(stdout).toBe('');
    expect(code).toBe(1);
  }
  const source = { path: frames, label: 0, split: 'test' as const, frames: 12, width: 82, height: 64 };
  const set = { source: folder, classes, clips: [source] };
  const cache = new ClipCache({ shortSide: 64, folder: false, gpu: async () => gpu() });
  const scores = scoreClips(async () => gpu(), loud, set as never, cache, { split: 'test', windows: 1 });
  await expect(scores).rejects.toThrow(/^The logits of \S+clip12\.npy cannot be used/);
});

test('inspect shows what a model takes and tells apart; convert keeps it', async () => {
  const file = at('both', 'flow.safetensors');
  const { stdout } = await i3d(['inspect', file]);
  expect(stdout).toContain('flow.safetensors: a model, inception-4 × 0.12, flow, 3 classes');
  expect(stdout).toContain('clips: 12 × 56×56 of a short side of 64, flow ±8 px (fast) at 12.5 Hz\n');
  expect(stdout).toContain('classes: wave one hand, wave both, jump\ncommand: i3d train clips\n');
  const json = JSON.parse((await i3d(['inspect', file, '--json'])).stdout);
  const spec = { ...models.flow.spec, architecture: 'inception-4' };
  expect(json.model).toEqual({ spec, classes, notes: models.flow.notes });
  expect((await i3d(['convert', file, at('copy.safetensors')])).code).toBe(0);
  expect(await readModelFile(at('copy.safetensors'))).toEqual({ ...models.flow, framing: 'whole' });
});

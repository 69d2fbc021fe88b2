/** @file Two-stream recognition as a library: the numbers of `i3d classify`, window after window, and its early ends. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import { computeFlow, flowToStream } from '../../src/flow/index.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { cutFrames, cutOut, FrameReducer, frameBytes, middleSquare, specGeometry } from '../../src/models/frames.ts';
import { type Network, Recogniser } from '../../src/models/recogniser.ts';
import { modelSpec } from '../../src/models/spec.ts';
import type { Frame } from '../../src/recognition/frame_parts.ts';
import { LiveWindows } from '../../src/recognition/live_windows.ts';
import { TwoStream } from '../../src/recognition/two_stream.ts';
import { readModels } from '../../src/train/run/model_files.ts';
import { SHIPPED_MODELS } from '../../src/train/shipped_models.ts';
import { i3d } from '../cli/command.ts';
import { formulaNetwork } from '../cli/small_model.ts';
import { testFolder } from '../folder.ts';
import { expectClose, testGpu } from '../harness.ts';
import { clip, oneByOne } from './clips.ts';

const gpu = testGpu();
const folder = testFolder('i3d-two-stream-');

async function withTwoStream<T>(
  options: Parameters<typeof TwoStream.create>[1],
  body: (twoStream: TwoStream) => Promise<T>,
): Promise<T> {
  const twoStream = await TwoStream.create(gpu(), options);
  try {
    return await body(twoStream);
  } finally {
    twoStream.dispose();
  }
}

describe('models that were trained here', () => {
  let models: Awaited<ReturnType<typeof readModels>>;
  beforeAll(async () => {
    models = await readModels(SHIPPED_MODELS);
  });

  test.each([40, 7, 1])('see a clip of %i frames as i3d classify does', async (frames) => {
    const whole = clip(frames);
    const path = join(folder, `clip${frames}.npy`);
    writeFileSync(path, encodeNpy(whole));
    const { stdout, stderr } = await i3d([
      'classify',
      path,
      '--model',
      fileURLToPath(new URL('../../models', import.meta.url)),
      '--json',
    ]);
    expect(stderr).toBe('');
    const expected = JSON.parse(stdout);
    const result = await withTwoStream(models, (twoStream) => twoStream.classify(oneByOne(whole)));
    expect(result.windows).toEqual(expected.windows);
    expect(result.frames).toBe(frames);
    expectClose(result.rgb!, expected.streams.rgb.logits);
    expectClose(result.flow!, expected.streams.flow.logits);
    expectClose(result.logits, expected.logits);
    expect(result.fused.map(({ label }) => label)).toEqual(expected.top.map(({ label }: { label: string }) => label));
  });

  test('leave the rest of a clip alone once they are sure enough, and so does i3d classify', async () => {
    const frames = clip(40);
    const path = join(folder, 'sure.npy');
    writeFileSync(path, encodeNpy(frames));
    const [all, first, never] = await withTwoStream(models, async (twoStream) => [
      await twoStream.classify(frames),
      await twoStream.classify(frames, { sure: 0 }),
      await twoStream.classify(frames, { sure: 1 - 1e-12 }),
    ]);
    expect(never).toEqual(all);
    expect(first).toMatchObject({ frames: 16, windows: [{ start: 0, frames: 16 }] });
    expect(first.logits).not.toEqual(all.logits);
    const model = fileURLToPath(new URL('../../models', import.meta.url));
    const run = async (...more: string[]) => (await i3d(['classify', path, '--model', model, ...more])).stdout;
    const early = JSON.parse(await run('--sure', '0', '--json'));
    expect(early).toMatchObject({
      frames: 16,
      windows: [{ start: 0, frames: 16 }],
      sure: { least: 0, reached: true, expected: 3 },
    });
    expectClose(first.logits, early.logits);
    expect(await run('--sure', '0')).toMatch(/^sure\.npy: 16 frames, 1 of 3 windows, sure enough, RGB \+ flow\n/);
    const { stderr, code } = await i3d(['classify', path, '--model', model, '--sure', '1']);
    expect(stderr).toMatch(
      /option '--sure <probability>' argument '1' is invalid. It must be a number from 0 to below 1/,
    );
    expect(code).toBe(1);
    await withTwoStream(models, (twoStream) =>
      expect(twoStream.classify(frames, { sure: 1 })).rejects.toThrow(
        /^The option sure must be a probability from 0 to below 1, such as 0\.9, not 1\.$/,
      ),
    );
  });

  test('give windows as soon as they are there, their flow to be looked at, and say what they do', async () => {
    const stages: string[] = [];
    await withTwoStream(models, async (twoStream) => {
      const { spec } = models.rgb!;
      const found: unknown[] = [];
      const onProgress = ({ stage, done, total }: { stage: string; done: number; total: number | undefined }) => {
        stages.push(`${stage} ${done} of ${total}`);
      };
      for await (const { start, frames, fused, flowField, rgb } of twoStream.windows(clip(20), {
        flowField: true,
        top: 2,
        onProgress,
      })) {
        found.push({ start, frames });
        expect(fused).toHaveLength(2);
        expect(rgb!.logits).toHaveLength(spec.classes);
        expect(flowField!.shape).toEqual([16, 64, 82, 2]);
      }
      expect(found).toEqual([
        { start: 0, frames: 16 },
        { start: 4, frames: 16 },
      ]);
      expect(twoStream.spent.flow).toBeGreaterThan(0);
    });
    expect(stages).toContain('frames 20 of 20');
    expect(stages).toContain('flow 16 of 16');
    expect(stages.at(-1)).toBe('networks 2 of undefined');
  });
});

test('published checkpoints get a square that is cut out first', async () => {
  const [rgb, flow] = [formulaNetwork('rgb'), formulaNetwork('flow')];
  const { spec } = rgb;
  const frames = clip(9);
  const result = await withTwoStream({ rgb, flow }, (twoStream) => twoStream.classify(oneByOne(frames)));
  const crop = spec.shortSide;
  const reducer = new FrameReducer(gpu(), (h, w) => specGeometry({ ...spec, size: crop }, h, w));
  const square = await reducer.reduce(frames);
  reducer.dispose();
  const region = middleSquare(crop, crop, spec.size);
  const logits = async (network: Network, input: Parameters<Recogniser['logits']>[0]) => {
    const recogniser = new Recogniser(gpu(), network);
    try {
      return await recogniser.logits(input);
    } finally {
      recogniser.dispose();
    }
  };
  expect(result.windows).toEqual([
    { start: 0, frames: 8 },
    { start: 1, frames: 8 },
  ]);
  const field = await computeFlow(gpu(), frameBytes(square), { preset: spec.flowPreset });
  const motion = await flowToStream(gpu(), cutOut(field, region), { bound: spec.flowBound });
  const seen = cutOut(square, region);
  const each = await Promise.all(
    [0, 1].map(async (first) => ({
      rgb: await logits(rgb, cutFrames(seen, { start: first, frames: 8 })),
      // Behind the last frame nothing comes: its flow is that of the one before.
      flow: await logits(flow, first === 0 ? motion : repeated(motion)),
    })),
  );
  const mean = (of: 'rgb' | 'flow') => each[0]![of].map((value, i) => (value + each[1]![of][i]!) / 2);
  expectClose(result.rgb!, mean('rgb'));
  expectClose(result.flow!, mean('flow'), 1e-4);
});

/** Without the first frame, and with the last one twice. */
function repeated(flow: { shape: readonly number[]; data: Float32Array }) {
  const [frames = 0, ...rest] = flow.shape;
  const size = flow.data.length / frames;
  const data = new Float32Array(flow.data.length);
  data.set(flow.data.subarray(size));
  data.set(flow.data.subarray((frames - 1) * size), (frames - 1) * size);
  return { dtype: 'f32' as const, shape: [frames, ...rest], data };
}

describe('what does not go together', () => {
  const cases: [string, () => Promise<unknown>, RegExp][] = [
    ['no network', () => TwoStream.create(gpu(), {}), /needs a network: give rgb, flow or both/],
    [
      'the wrong stream',
      () => TwoStream.create(gpu(), { rgb: formulaNetwork('flow') }),
      /given as rgb is one for flow/,
    ],
    [
      'two framings',
      () =>
        TwoStream.create(gpu(), { rgb: formulaNetwork('rgb'), flow: { ...formulaNetwork('flow'), framing: 'whole' } }),
      /One of the two networks was trained here and one was not/,
    ],
    [
      'two lengths',
      async () => {
        const flow = formulaNetwork('flow');
        return TwoStream.create(gpu(), {
          rgb: formulaNetwork('rgb'),
          flow: { ...flow, spec: { ...flow.spec, frames: 12 } },
        });
      },
      /do not take the same clips: frames is 8 for RGB and 12 for flow/,
    ],
    [
      'two sets of classes',
      () =>
        TwoStream.create(gpu(), {
          rgb: { ...formulaNetwork('rgb'), classes: ['a', 'b', 'c'] },
          flow: { ...formulaNetwork('flow'), classes: ['a', 'c', 'b'] },
        }),
      /class 1 is b for RGB and c for flow/,
    ],
    [
      'a network that gives no classes but a point among texts',
      () => {
        const spec = modelSpec({ architecture: MODELS.get('s3d-g'), stream: 'rgb', classes: 512 });
        return TwoStream.create(gpu(), { rgb: { spec, parameters: new Map() } });
      },
      /^S3D-G gives no classes: its values are a point in the space of its texts/,
    ],
    [
      'a network that was not waited for',
      () => TwoStream.create(gpu(), { rgb: Promise.resolve(formulaNetwork('rgb')) as never }),
      /^TwoStream\.create, as rgb, takes a network, what loadModel gives once it was awaited, not a Promise\.$/,
    ],
  ];
  test.each(cases)('%s', async (_, call, message) => {
    await expect(call()).rejects.toThrow(message);
  });

  test('frames that are none', async () => {
    await withTwoStream({ rgb: formulaNetwork('rgb') }, async (twoStream) => {
      const frame = { data: new Uint8Array(48), width: 4, height: 4 };
      const classify = (frames: unknown) => twoStream.classify(frames as never);
      await expect(classify([])).rejects.toThrow('There are no frames to look at.');
      await expect(classify(3)).rejects.toThrow(/one after the other, as an iterable, or as a tensor/);
      await expect(classify([{ ...frame, data: new Uint8Array(64) }])).rejects.toThrow(/leave the alpha channel out/);
      await expect(classify([frame, { ...frame, data: new Uint8Array(24), width: 2 }])).rejects.toThrow(
        'Frame 1 is 2×4 and those before it are 4×4; all of a clip have one size.',
      );
    });
  });
});

describe('frames that come by themselves', () => {
  test.each([{}, { shortSide: 50 }])(
    'give windows the numbers that they have alone, and leave nothing on the device',
    async (more) => {
      const [rgb, flow] = [formulaNetwork('rgb', more), formulaNetwork('flow', more)];
      const whole = clip(23, 48, 64);
      await withTwoStream({ rgb, flow }, async (twoStream) => {
        const { frames: size } = rgb.spec;
        const before = await twoStream
          .classify(cutFrames(whole, { start: 0, frames: size }))
          .then(() => gpu().allocatedBytes);
        const live = new LiveWindows<Frame>({ size, step: 3, extra: 1, lossless: true });
        const pushing = (async () => {
          for await (const frame of oneByOne(whole)) await live.push(frame);
          live.end();
        })();
        const starts: number[] = [];
        for await (const { start, logits, flowField } of twoStream.watch(live, { flowField: true })) {
          starts.push(start);
          expect(flowField!.shape[0]).toBe(size);
          const alone = cutFrames(whole, { start, frames: Math.min(size + 1, 23 - start) }) as typeof whole;
          for await (const window of twoStream.windows(alone)) {
            expectClose(logits, window.logits);
            break;
          }
        }
        await pushing;
        expect(starts).toEqual([0, 3, 6, 9, 12, 15]);
        await gpu().idle();
        expect(gpu().allocatedBytes).toBe(before);
      });
    },
  );

  test('are pushed to what chooses windows of them', async () => {
    await withTwoStream({ rgb: formulaNetwork('rgb') }, async (twoStream) => {
      await expect(twoStream.watch(oneByOne(clip(9)) as never).next()).rejects.toThrow(
        'TwoStream.watch takes LiveWindows, not an object.',
      );
    });
  });
});

describe('an aborted signal', () => {
  const reason = new Error('enough');

  test('ends a recognition soon with its reason, and the next one works', async () => {
    const [rgb, flow] = [formulaNetwork('rgb'), formulaNetwork('flow')];
    await withTwoStream({ rgb, flow }, async (twoStream) => {
      const whole = await twoStream.classify(clip(20));
      for (const stage of ['frames', 'flow', 'networks'] as const) {
        const controller = new AbortController();
        const onProgress = (progress: { stage: string }) => {
          if (progress.stage === stage) controller.abort(reason);
        };
        await expect(twoStream.classify(clip(40), { signal: controller.signal, onProgress })).rejects.toBe(reason);
      }
      await expect(twoStream.classify(clip(20), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      expect(await twoStream.classify(clip(20))).toEqual(whole);
    });
  });

  test('ends waiting for frames that never come, and tells who makes them', async () => {
    await withTwoStream({ rgb: formulaNetwork('rgb') }, async (twoStream) => {
      const controller = new AbortController();
      let returned = false;
      const frames = {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            setTimeout(() => controller.abort(reason), 5);
            return new Promise<never>(() => undefined);
          },
          return: async () => {
            returned = true;
            return { done: true as const, value: undefined };
          },
        }),
      };
      await expect(twoStream.classify(frames, { signal: controller.signal })).rejects.toBe(reason);
      expect(returned).toBe(true);
    });
  });

  test('ends compilation, and leaves nothing on the device', async () => {
    const before = gpu().allocatedBytes;
    const controller = new AbortController();
    const onProgress = ({ part, stage }: { part: string; stage: string }) => {
      if (part === 'flow' && stage === 'weights') controller.abort(reason);
    };
    const options = { rgb: formulaNetwork('rgb'), flow: formulaNetwork('flow'), signal: controller.signal, onProgress };
    await expect(TwoStream.create(gpu(), options)).rejects.toBe(reason);
    await gpu().idle();
    expect(gpu().allocatedBytes).toBe(before);
  });
});

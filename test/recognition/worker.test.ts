/** @file A recogniser behind a port: what it gives, how it is watched and ended, what its errors are, a device that is lost. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { I3dError, InputError } from '../../src/core/errors.ts';
import { computeFlow } from '../../src/flow/index.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { DeviceLostError, DisposedError, KernelCompileError } from '../../src/gpu/errors.ts';
import { openGpu } from '../../src/node.ts';
import { loadModel } from '../../src/recognition/load_model.ts';
import { LoadError } from '../../src/recognition/source_bytes.ts';
import { TwoStream } from '../../src/recognition/two_stream.ts';
import { connectRecogniser, type WorkerRecogniser } from '../../src/recognition/worker_client.ts';
import { receivedError, sentError } from '../../src/recognition/worker_protocol.ts';
import { type RecogniserServer, serveRecogniser } from '../../src/recognition/worker_server.ts';
import { clip, oneByOne } from './clips.ts';

const file = (stream: string) =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../../models/${stream}.safetensors`, import.meta.url))));
const models = { rgb: new Blob([file('rgb')]), flow: file('flow') };

let server: RecogniserServer;
let recogniser: WorkerRecogniser;
const lost: Error[] = [];
const progress = new Set<string>();
beforeAll(async () => {
  const { port1, port2 } = new MessageChannel();
  server = serveRecogniser(port1, { openGpu: () => openGpu() });
  recogniser = connectRecogniser(port2, { onLost: (error) => lost.push(error) });
  const opened = await recogniser.open({
    ...models,
    onProgress: ({ part, stage }) => progress.add(`${part} ${stage}`),
  });
  expect(opened.models.rgb!.spec).toMatchObject({ architecture: 'inception-4', stream: 'rgb', frames: 16 });
  expect(opened.adapter.description).not.toBe('');
  expect(opened.classes).toEqual(recogniser.classes);
  return () => {
    port1.close();
    port2.close();
  };
});
afterAll(() => recogniser.close());

describe('a worker', () => {
  test('says how far opening is', () => {
    for (const step of ['rgb load', 'flow load', 'tv-l1 kernels', 'rgb kernels', 'flow weights']) {
      expect([...progress]).toContain(step);
    }
  });

  test('gives what a TwoStream gives', async () => {
    const frames = clip(40);
    const [rgb, flow] = [await loadModel(models.rgb), await loadModel(models.flow)];
    const twoStream = await TwoStream.create(server.gpu!, { rgb, flow });
    const expected = await twoStream.classify(frames, { top: 3 });
    twoStream.dispose();
    expect(await recogniser.classify(oneByOne(frames), { top: 3 })).toEqual(expected);
    const starts: number[] = [];
    for await (const { start, flowField } of recogniser.windows(frames, { flowField: true })) {
      starts.push(start);
      expect(flowField!.shape).toEqual([16, 64, 82, 2]);
    }
    expect(starts).toEqual([0, 16, 24]);
    // A clip that was sent is still its owner's.
    expect(frames.data.length).toBe(40 * 80 * 102 * 3);
  });

  test('computes flow by itself', async () => {
    const frames = clip(2, 40, 48);
    const done: number[] = [];
    const flow = await recogniser.flow(frames, { preset: 'fast', onProgress: (pairs) => done.push(pairs) });
    expect(flow).toEqual(await computeFlow(server.gpu!, frames, { preset: 'fast' }));
    expect(done).toEqual([1]);
  });

  test('is ended by a signal, and by leaving the loop', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const onProgress = ({ stage }: { stage: string }) => {
      if (stage === 'flow') controller.abort(reason);
    };
    const ended = recogniser.classify(clip(60), { signal: controller.signal, onProgress });
    await expect(ended).rejects.toBe(reason);
    let asked = 0;
    async function* endless() {
      for (;;) {
        for await (const frame of oneByOne(clip(20))) {
          asked++;
          yield frame;
        }
      }
    }
    for await (const _ of recogniser.windows(endless())) break;
    const soFar = asked;
    await recogniser.classify(clip(16));
    expect(asked).toBe(soFar);
  });

  test('throws what was thrown, here as there', async () => {
    const thrown = async (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);
    const uneven = await thrown(recogniser.classify([{ data: new Uint8Array(64), width: 4, height: 4 }]));
    expect(uneven).toBeInstanceOf(InputError);
    const late = await thrown(recogniser.classify(clip(1), { weights: [0, 0] }));
    expect(late).toBeInstanceOf(InputError);
    expect(late).toMatchObject({ code: 'invalid-input' });
    const own = new RangeError('my frames are broken');
    async function* broken() {
      yield* oneByOne(clip(3));
      throw own;
    }
    await expect(recogniser.classify(broken())).rejects.toBe(own);
    const missing = await thrown(recogniser.open({ rgb: 'http://127.0.0.1:1/rgb.safetensors' }));
    expect(missing).toBeInstanceOf(LoadError);
    // What was open before still is.
    expect((await recogniser.classify(clip(16))).windows).toHaveLength(1);
  });

  test('whose device is lost says so once, and is opened again on request', async () => {
    const before = await recogniser.classify(clip(20));
    const gpu: Gpu = server.gpu!;
    gpu.device.destroy();
    await expect(recogniser.classify(clip(20))).rejects.toBeInstanceOf(DeviceLostError);
    await expect(recogniser.classify(clip(20))).rejects.toMatchObject({ code: 'device-lost' });
    expect(lost).toHaveLength(1);
    expect(lost[0]).toBeInstanceOf(DeviceLostError);
    await recogniser.reopen();
    expect(server.gpu).not.toBe(gpu);
    expect(await recogniser.classify(clip(20))).toEqual(before);
  });

  test('is closed for good', async () => {
    const { port1, port2 } = new MessageChannel();
    serveRecogniser(port1, { openGpu: () => openGpu() });
    const other = connectRecogniser(port2);
    await expect(other.classify(clip(2))).rejects.toThrow('The worker has no model yet: open it with one first.');
    await other.close();
    await expect(other.reopen()).rejects.toBeInstanceOf(DisposedError);
    port1.close();
    port2.close();
  });
});

test('errors are what they were on the other side', () => {
  const errors = [
    new KernelCompileError('k', 'fn main() {}', ['  line 1, column 1: no']),
    new DeviceLostError('destroyed', 'gone'),
    new LoadError('no', { status: 404 }),
    new InputError('so'),
  ];
  for (const error of errors) {
    const received = receivedError(structuredClone(sentError(error)));
    expect(received).toBeInstanceOf(error.constructor);
    expect(received).toBeInstanceOf(I3dError);
    expect(received).toMatchObject({ ...error, message: error.message, stack: error.stack });
  }
  const foreign = receivedError(structuredClone(sentError(new RangeError('too far'))));
  expect(foreign).toMatchObject({ name: 'RangeError', message: 'too far' });
});

/** @file Models from addresses, files and bytes, and everything that may go wrong on their way. */

import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { I3dError } from '../../src/core/errors.ts';
import { floatTensor, sizeOf } from '../../src/core/tensor.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { encodeSafetensors } from '../../src/io/safetensors.ts';
import { defineModel } from '../../src/models/definition.ts';
import { modelParameters } from '../../src/models/parameters.ts';
import { Recogniser } from '../../src/models/recogniser.ts';
import { ModelRegistry } from '../../src/models/registry.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { loadModel, loadTensorFlow } from '../../src/recognition/load_model.ts';
import { LoadError } from '../../src/recognition/source_bytes.ts';
import { fill } from '../formula.ts';
import { encodeTensorFlowCheckpoint } from '../io/tensorflow_writer.ts';

const SHIPPED = new URL('../../models/rgb.safetensors', import.meta.url);
const shipped = new Uint8Array(readFileSync(SHIPPED));

/** A model that is known by the names of its tensors. */
const TOY = defineModel({
  id: 'toy',
  name: 'Toy',
  defaults: { frames: 2, size: 6, shortSide: 8 },
  stem: 'stem',
  head: 'head',
  build(builder, { channels, classes }, clip) {
    const stem = builder.conv3d('stem', clip, builder.parameter('stem/weights', [1, 3, 3, channels, 4]));
    const features = builder.mean('features/mean', stem);
    const kernel = builder.parameter('head/weights', [1, 1, 1, 4, classes]);
    const logits = builder.mean('head/mean', builder.conv3d('head', stem, kernel));
    return { features, logits };
  },
  labels: [['left', 'right', 'still']],
  namings: {},
});
const models = new ModelRegistry([TOY]);
const weights = new Map(
  [...modelParameters(modelSpec({ architecture: TOY, stream: 'rgb', classes: 3 }))].map(([name, shape]) => [
    name,
    floatTensor(shape, fill(name, sizeOf(shape))),
  ]),
);

let server: Server;
let base: string;
const answers = new Map<string, RequestListener>();
beforeAll(async () => {
  server = createServer((request, response) => answers.get(request.url!)!(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** An address that answers so. */
function at(path: string, answer: RequestListener): string {
  answers.set(path, answer);
  return base + path;
}

const file = (path: string, bytes: Uint8Array): string =>
  at(path, (_, response) => {
    response.setHeader('content-length', bytes.length);
    response.end(bytes);
  });

describe('a model comes', () => {
  test('from an address, with progress', async () => {
    const calls: [number, number | undefined][] = [];
    const model = await loadModel(file('/rgb.safetensors', shipped), {
      onProgress: (done, total) => calls.push([done, total]),
      cache: true,
    });
    expect(model).toMatchObject({ stream: 'rgb', framing: 'whole', warnings: [] });
    expect(model.classes).toHaveLength(model.spec.classes);
    expect(calls.at(-1)).toEqual([shipped.length, shipped.length]);
    expect(calls.every(([done], i) => i === 0 || done > calls[i - 1]![0])).toBe(true);
  });

  test('from an address with a percent sign that stands for itself', async () => {
    expect((await loadModel(file('/100%.safetensors', shipped))).stream).toBe('rgb');
  });

  test('from a URL, a Response, a Blob, a File, bytes, an ArrayBuffer', async () => {
    const address = file('/again.safetensors', shipped);
    const sources = [
      new URL(address),
      await fetch(address),
      new Blob([shipped]),
      new File([shipped], 'rgb.safetensors'),
      shipped,
      shipped.slice().buffer,
    ];
    for (const source of sources) expect((await loadModel(source)).spec.stream).toBe('rgb');
  });

  test('as weights whose names say what they are, without a length, and in pieces', async () => {
    const bytes = encodeSafetensors(weights);
    const address = at('/toy', async (_, response) => {
      for (let i = 0; i < bytes.length; i += 500) {
        response.write(bytes.subarray(i, i + 500));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      response.end();
    });
    const totals = new Set<number | undefined>();
    const model = await loadModel(address, { models, onProgress: (_, total) => totals.add(total) });
    expect(model.parameters).toEqual(weights);
    expect(model).toMatchObject({ stream: 'rgb', framing: 'square', classes: ['left', 'right', 'still'] });
    expect([...totals]).toEqual([undefined]);
  });

  test('as a TensorFlow checkpoint of several files', async () => {
    const { index, data } = encodeTensorFlowCheckpoint(weights);
    const files = [
      new File([data as Uint8Array<ArrayBuffer>], 'm.ckpt.data-00000-of-00001'),
      new File([index as Uint8Array<ArrayBuffer>], 'm.ckpt.index'),
    ];
    expect((await loadTensorFlow(files, { models })).parameters).toEqual(weights);
    const byName = new Map([
      ['m.ckpt.index', index],
      ['m.ckpt.data-00000-of-00001', data],
    ]);
    expect((await loadTensorFlow(byName, { models })).classes).toEqual(['left', 'right', 'still']);
    await expect(loadTensorFlow([files[1]!], { models })).rejects.toThrow(
      'm.ckpt.index only lists the tensors: give its data file m.ckpt.data-00000-of-00001 with it.',
    );
    await expect(loadTensorFlow([files[0]!], { models })).rejects.toThrow(
      'A TensorFlow checkpoint is an .index file with its data files; given were m.ckpt.data-00000-of-00001.',
    );
    await expect(loadModel(files[1]!, { models })).rejects.toThrow(/index of a TensorFlow checkpoint, .* data files/);
  });
});

describe('what is wrong is said in a sentence', () => {
  const cases: [string, () => string, RegExp][] = [
    [
      'the server has no such file',
      () =>
        at('/missing', (_, response) => {
          response.statusCode = 404;
          response.end('no');
        }),
      /missing could not be fetched: its server answers 404 Not Found\.$/,
    ],
    [
      'a web page',
      () => at('/page', (_, response) => response.end('<!doctype html><title>x</title>')),
      /page gives a web page where a file should be/,
    ],
    [
      'cut off half way',
      () =>
        at('/cut', (_, response) => {
          response.setHeader('content-length', shipped.length);
          response.write(shipped.subarray(0, 1000), () => response.destroy());
        }),
      /cut was cut off after 1000 bytes of \d+; load it again\.$/,
    ],
    ['no server', () => 'http://127.0.0.1:1/rgb.safetensors', /could not be fetched \(.*\); check the address/],
  ];
  test.each(cases)('%s', async (_, address, message) => {
    const error: unknown = await loadModel(address()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LoadError);
    expect(error).toMatchObject({ code: 'load-failed' });
    expect((error as Error).message).toMatch(message);
  });

  test('in Node, what is no URL is a path', async () => {
    const path = fileURLToPath(SHIPPED);
    expect((await loadModel(path)).stream).toBe('rgb');
    expect((await loadModel(relative(process.cwd(), path))).stream).toBe('rgb');
    await expect(loadModel('nowhere/rgb.pt')).rejects.toThrow(
      'nowhere/rgb.pt could not be read (there is none); give the path or URL of a file that is there.',
    );
    await expect(loadModel(dirname(path))).rejects.toThrow('could not be read (it is a folder)');
  });

  test('networks that are none', async () => {
    for (const network of ['rgb.pt', undefined, loadModel(shipped)]) {
      expect(() => new Recogniser({} as Gpu, network as never)).toThrow(
        /^Recogniser takes a network, what loadModel gives once it was awaited, not ("rgb.pt"|nothing|a Promise)\.$/,
      );
    }
    await expect(loadModel(shipped, { models: ['i3d'] as never })).rejects.toThrow('models that defineModel made');
    await expect(loadModel(shipped, { stream: 'both' as never })).rejects.toThrow('stream must be "rgb" or "flow"');
  });

  test('a length that is not true', async () => {
    const response = new Response(shipped, { headers: { 'content-length': String(shipped.length + 5) } });
    await expect(loadModel(response)).rejects.toThrow(
      `The response should have ${shipped.length + 5} bytes and has ${shipped.length}: it was cut off on its way, or its server names a wrong length.`,
    );
  });

  test('what is packed on its way may have another length', async () => {
    const headers = { 'content-length': '77', 'content-encoding': 'gzip' };
    expect((await loadModel(new Response(shipped, { headers }))).stream).toBe('rgb');
  });

  test('what is no model, and what is no file', async () => {
    for (const call of [
      () => loadModel(new Blob(['hello\n'])),
      () => loadModel(shipped.subarray(0, 5000)),
      () => loadModel(encodeSafetensors(new Map())),
      () => loadModel(3 as never),
      () => loadModel(shipped, { onprogress: () => undefined } as never),
    ]) {
      const error: unknown = await call().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(I3dError);
      expect(error).toMatchObject({ code: 'invalid-input' });
    }
    await expect(loadModel(new File(['hello\n'], 'notes.txt'))).rejects.toThrow(
      /^notes\.txt is a text file; weights are/,
    );
  });
});

test('an aborted signal ends loading with its reason', async () => {
  const reason = new Error('enough');
  let closed: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const endless = at('/endless', (request, response) => {
    request.on('close', closed);
    response.write(shipped.subarray(0, 1000));
  });
  const controller = new AbortController();
  const onProgress = () => controller.abort(reason);
  await expect(loadModel(endless, { signal: controller.signal, onProgress })).rejects.toBe(reason);
  await ended;
  await expect(loadModel(new Blob([shipped]), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

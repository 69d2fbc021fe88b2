/** @file Recognition in a real browser: its pictures, its cache, and a worker of its own give what Node gives of the same frames. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { TwoStream } from '../../src/recognition/two_stream.ts';
import { readModels } from '../../src/train/run/model_files.ts';
import { SHIPPED_MODELS } from '../../src/train/shipped_models.ts';
import { expectClose, testGpu } from '../harness.ts';
import { clip } from '../recognition/clips.ts';
import { browserPath, bundle, inPage } from './page_runner.ts';

const gpu = testGpu();
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface PageResult {
  readonly kinds: Record<string, number>;
  readonly video: number;
  readonly refused: string[];
  readonly left: number;
  readonly leftAfterwards: number;
  readonly cached: string[];
  readonly bytesSeen: number;
  readonly classes: string[];
  readonly ofBytes: number[];
  readonly ofPictures: number[];
  readonly inWorker: number[];
  readonly ended: unknown;
}

describe.skipIf(!browserPath)('in headless Chromium', () => {
  it('sees what Node sees, in pictures and in a worker, too', async () => {
    const worker = await bundle(here('recognition_worker.ts'));
    const files = {
      '/worker.js': new TextEncoder().encode(worker),
      '/rgb.safetensors': readFileSync(`${SHIPPED_MODELS}rgb.safetensors`),
      '/flow.safetensors': readFileSync(`${SHIPPED_MODELS}flow.safetensors`),
    };
    const result = await inPage<PageResult>(await bundle(here('recognition_page.ts')), files);
    for (const [kind, difference] of Object.entries(result.kinds)) expect(difference, kind).toBeLessThanOrEqual(1);
    // A stream of pictures is coded as luma and colour, and half of the colours are left out.
    expect(result.video).toBeLessThan(48);
    expect(result.refused).toEqual([
      expect.stringMatching(/^importPictures takes a list of pictures \(.*\), and there is none\.$/),
      expect.stringMatching(/VideoFrame/),
      'Picture 1 is a ImageData of 47×35 and those before it are of 86×64; all of a clip are of one kind and size.',
    ]);
    expect(result.left).toBe(0);
    expect(result.leftAfterwards).toBe(0);
    expect(result.cached).toEqual(['/rgb.safetensors']);
    expect(result.bytesSeen).toBe(files['/rgb.safetensors'].length);
    expect(result.ended).toBe('enough');

    const models = await readModels(SHIPPED_MODELS);
    expect(result.classes).toEqual(models.rgb!.classes);
    const twoStream = await TwoStream.create(gpu(), models);
    const expected = await twoStream.classify(clip(17, 64, 86));
    twoStream.dispose();
    expectClose(result.ofBytes, expected.logits, 1e-3);
    expectClose(result.ofPictures, result.ofBytes, 1e-3);
    expectClose(result.inWorker, result.ofPictures, 1e-6);
  });
});

if (!browserPath) console.log('No Chromium or Chrome was found: recognition in a browser is not tested.');

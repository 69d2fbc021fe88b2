import { describe, expect, it } from 'vitest';
import { type PreprocessProblem, preprocess as preprocessKernel } from '../../src/kernels/clip/preprocess.ts';
import { denseView, type View } from '../../src/kernels/shared/view.ts';
import { uniform } from '../formula.ts';
import { expectClose, runKernel, testGpu } from '../harness.ts';
import { preprocess } from '../reference/preprocess.ts';

interface Case extends Omit<PreprocessProblem, 'y'> {
  readonly name: string;
  readonly y: View;
}

const TO_UNIT = { scale: 2 / 255, shift: -1 };
const BYTES = { scale: 1, shift: 0 };
const NO_CROP = { top: 0, left: 0 };

const CASES: readonly Case[] = [
  {
    name: 'one pixel',
    frames: { height: 1, width: 1 },
    y: denseView([1, 1, 1, 1, 3]),
    resized: { height: 1, width: 1 },
    crop: NO_CROP,
    ...TO_UNIT,
  },
  {
    name: 'up from one pixel',
    frames: { height: 1, width: 1 },
    y: denseView([1, 2, 7, 2, 3]),
    resized: { height: 7, width: 2 },
    crop: NO_CROP,
    ...TO_UNIT,
  },
  {
    name: 'up, not from the start of the buffer',
    firstByte: 5,
    frames: { height: 7, width: 5 },
    y: denseView([1, 2, 13, 17, 3]),
    resized: { height: 13, width: 17 },
    crop: NO_CROP,
    ...TO_UNIT,
  },
  {
    name: 'down, cropped',
    frames: { height: 33, width: 47 },
    y: denseView([2, 2, 7, 13, 3]),
    resized: { height: 13, width: 19 },
    crop: { top: 3, left: 5 },
    ...TO_UNIT,
  },
  {
    name: 'up and down, bytes, a view with a stride',
    frames: { height: 13, width: 7 },
    y: { shape: [1, 1, 7, 13, 3], stride: 3, base: 2 },
    resized: { height: 7, width: 13 },
    crop: NO_CROP,
    ...BYTES,
  },
];

const gpu = testGpu();

async function run({ name, ...problem }: Case): Promise<{ bytes: Uint8Array; y: Float32Array }> {
  const { height, width } = problem.frames;
  const [n, t] = problem.y.shape;
  const bytes = Uint8Array.from({ length: n * t * height * width * 3 }, (_, i) => 256 * uniform(name, i));
  const firstByte = problem.firstByte ?? 0;
  const words = new Uint32Array(Math.ceil((firstByte + bytes.length) / 4));
  new Uint8Array(words.buffer).set(bytes, firstByte);
  const { y } = await runKernel(gpu(), preprocessKernel(problem), {
    inputs: { frames: words },
    outputs: { y: problem.y },
  });
  return { bytes, y: y! };
}

describe('preprocess', () => {
  it.each(CASES)('$name', async (test) => {
    const { bytes, y } = await run(test);
    const expected = preprocess(bytes, test.frames.height, test.frames.width, test.y.shape, test);
    expectClose(y, expected.data);
  });

  it('copies bytes exactly where the size does not change', async () => {
    const frames = { n: 1, t: 3, height: 31, width: 29 };
    const y = denseView([1, 3, 17, 13, 3]);
    const crop = { top: 7, left: 5 };
    const result = await run({ name: 'exact', frames, y, resized: { height: 31, width: 29 }, crop, ...BYTES });
    const expected = Array.from({ length: 3 * 17 * 13 * 3 }, (_, i) => {
      const [t, row, column, c] = [
        Math.floor(i / (17 * 13 * 3)),
        Math.floor(i / (13 * 3)) % 17,
        Math.floor(i / 3) % 13,
        i % 3,
      ];
      return result.bytes[((t * 31 + row + crop.top) * 29 + column + crop.left) * 3 + c]!;
    });
    expect(Array.from(result.y)).toEqual(expected);
  });
});

import { describe, expect, it } from 'vitest';
import { floatTensor, type HostTensor } from '../../src/core/tensor.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { augmentClip as augmentKernel } from '../../src/kernels/clip/augment_clip.ts';
import { preprocess } from '../../src/kernels/clip/preprocess.ts';
import { denseView, type View } from '../../src/kernels/shared/view.ts';
import { flowStream } from '../../src/kernels/tvl1/stream.ts';
import { openGpu } from '../../src/node.ts';
import type { AugmentClipAttributes } from '../../src/ops/augment.ts';
import { operators } from '../../src/ops/index.ts';
import { uniform } from '../formula.ts';
import { expectClose, runKernel, testGpu } from '../harness.ts';
import { augmentClip } from '../reference/augment.ts';
import { type Shape5, sizeOf5 } from '../reference/volume.ts';

const RGB = { scale: 2 / 255, shift: -1, flow: false };
const FLOW = { scale: 20, shift: 0, flow: true };
const STILL = [0, 0, 0, 0];

interface Case {
  readonly name: string;
  readonly clip: Shape5;
  /** Rows of 8. */
  readonly geometry: readonly (readonly number[])[];
  readonly y: View;
  readonly firstByte?: number;
}

const CASES: readonly Case[] = [
  { name: 'one pixel', clip: [1, 1, 1, 1, 3], geometry: [[0, 0, 1, 1, ...STILL]], y: denseView([1, 1, 1, 1, 3]) },
  {
    name: 'up from one pixel, flipped',
    clip: [1, 2, 1, 1, 3],
    geometry: [[0, 0, 1, 1, 1, 0, 0, 0]],
    y: denseView([1, 2, 7, 7, 3]),
  },
  {
    name: 'samples that differ, frames not from the start of the binding',
    clip: [3, 2, 17, 13, 3],
    geometry: [
      [1.25, 0.5, 13, 12.5, 0, 0, 0, 0],
      [0, 2, 7, 7, 1, 0.2, -0.2, 0.3],
      [9, 0, 8, 13, 0, -0.4, 0.5, -1],
    ],
    y: denseView([1, 6, 7, 7, 3]),
    firstByte: 5,
  },
  {
    name: 'a region that reaches over the edges, a view with a stride',
    clip: [2, 1, 5, 7, 3],
    geometry: [
      [-2.5, 3, 9, 9, 1, 0, 0, 0],
      [0, 0, 5, 7, 1, 0, 0, 0.5],
    ],
    y: { shape: [1, 2, 13, 13, 3], stride: 3, base: 2 },
  },
];

const gpu = testGpu();

function clipOf({ name, clip }: Case, flow: boolean): { shape: Shape5; data: Uint8Array | Float32Array } {
  const [n, t, h, w] = clip;
  const shape = [n, t, h, w, flow ? 2 : 3] as const;
  const values = Array.from({ length: sizeOf5(shape) }, (_, i) => uniform(name, i));
  return {
    shape,
    data: flow ? Float32Array.from(values, (x) => 60 * x - 30) : Uint8Array.from(values, (x) => 256 * x),
  };
}

/** A padded vec4 per pixel, or bytes, as the arena holds them. */
function upload({ shape, data }: ReturnType<typeof clipOf>, firstByte: number) {
  if (data instanceof Float32Array) return { view: { ...denseView(shape), base: 1 }, data };
  const words = new Uint32Array(Math.ceil((firstByte + data.length) / 4));
  new Uint8Array(words.buffer).set(data, firstByte);
  return words;
}

async function run(test: Case, flow: boolean) {
  const clip = clipOf(test, flow);
  const [n, t, height, width] = clip.shape;
  const { firstByte = 0 } = test;
  const y: View = { ...test.y, shape: [...test.y.shape.slice(0, 4), flow ? 2 : 3] as unknown as View['shape'] };
  const geometry = new Float32Array(test.geometry.flat());
  const kernel = augmentKernel({
    clip: flow
      ? { kind: 'flow', view: { ...denseView([1, n * t, height, width, 2]), base: 1 } }
      : { kind: 'rgb', height, width, firstByte },
    y,
    firstFrame: 0,
    framesPerSample: t,
    ...(flow ? FLOW : RGB),
  });
  const result = await runKernel(gpu(), kernel, {
    inputs: { clip: upload(clip, firstByte), geometry },
    outputs: { y },
  });
  return { clip, geometry, y: result.y! };
}

describe.each([
  ['RGB', RGB],
  ['flow', FLOW],
] as const)('augmentClip of %s', (_, attributes) => {
  it.each(CASES)('$name', async (test) => {
    const { clip, geometry, y } = await run(test, attributes.flow);
    expectClose(y, augmentClip(clip, geometry, test.y.shape[2], attributes).data);
  });
});

describe('a region as large as the crop', () => {
  const test: Case = {
    name: 'exact',
    clip: [1, 3, 31, 29, 3],
    geometry: [[7, 5, 13, 13, ...STILL]],
    y: denseView([1, 3, 13, 13, 3]),
  };
  const geometry = { resized: { height: 31, width: 29 }, crop: { top: 7, left: 5 } };

  it('gives the bits of preprocess', async () => {
    const { clip, y } = await run(test, false);
    const kernel = preprocess({ frames: { height: 31, width: 29 }, y: test.y, ...geometry, scale: 2 / 255, shift: -1 });
    const frames = upload(clip, 0) as Uint32Array<ArrayBuffer>;
    const expected = await runKernel(gpu(), kernel, { inputs: { frames }, outputs: { y: test.y } });
    expect(y).toEqual(expected.y);
  });

  it('gives the bits of flow_stream', async () => {
    const { clip, y } = await run(test, true);
    const view = denseView([1, 3, 13, 13, 2]);
    const options = { bound: 20, quantise: false, rescale: true };
    const kernel = flowStream({ flow: { height: 31, width: 29 }, y: view, ...geometry, ...options });
    const flow = Float32Array.from(clip.data);
    const expected = await runKernel(gpu(), kernel, { inputs: { flow }, outputs: { y: view } });
    expect(y).toEqual(expected.y);
  });

  it('is mirrored by a flip, and u changes its sign', async () => {
    const flipped = { ...test, geometry: [[7, 5, 13, 13, 1, 0, 0, 0]] };
    for (const flow of [false, true]) {
      const channels = flow ? 2 : 3;
      const [plain, mirror] = [(await run(test, flow)).y, (await run(flipped, flow)).y];
      const expected = plain.map((_, i) => {
        const [pixel, c] = [Math.floor(i / channels), i % channels];
        const column = pixel % 13;
        const value = plain[(pixel + 12 - 2 * column) * channels + c]!;
        return flow && c === 0 ? -value : value;
      });
      expect(mirror).toEqual(expected);
    }
  });
});

describe('the operator', () => {
  const shape = [2, 9, 20, 23] as const;
  const geometry = floatTensor([2, 8], [1, 2.5, 17, 18, 1, 0, 0, 0, 0, 3, 20, 20, 0, 0.1, 0.1, 0.1]);

  async function compute(device: Gpu, clip: HostTensor, attributes: AugmentClipAttributes) {
    const builder = new GraphBuilder();
    const inputs = [
      builder.input('clip', clip.shape, clip.dtype as 'u8' | 'f32'),
      builder.input('geometry', geometry.shape),
    ];
    builder.name('y', builder.add(operators.augmentClip, 'Augment', attributes, inputs)[0]!);
    const parameters = new DeviceParameters(device, new Map());
    const plan = await compile(builder.build(), parameters);
    const result = (await plan.run({ clip, geometry })).y!;
    const dispatches = plan.dispatchCount;
    plan.dispose();
    parameters.dispose();
    return { ...result, dispatches };
  }

  it.each([
    ['RGB', { ...RGB, size: 16 }],
    ['flow', { ...FLOW, size: 16 }],
  ] as const)('cuts %s where it is larger than a binding, without regard to samples', async (_, attributes) => {
    const dtype = attributes.flow ? 'f32' : 'u8';
    const { shape: whole, data } = clipOf(
      { name: 'op', clip: [...shape, 3], geometry: [], y: denseView([1, 1, 1, 1, 1]) },
      attributes.flow,
    );
    const clip = { dtype, shape: whole, data } as HostTensor;
    const expected = augmentClip({ shape: whole, data }, geometry.data, 16, attributes);
    const once = await compute(gpu(), clip, attributes);
    expect([once.shape, once.dispatches]).toEqual([expected.shape, 1]);
    expectClose(once.data, expected.data);
    const small = await openGpu({ limits: { maxStorageBufferBindingSize: 32_768 } });
    const cut = await compute(small, clip, attributes);
    expect(cut.dispatches).toBeGreaterThan(2);
    expect(cut.data).toEqual(once.data);
    small.dispose();
  });

  it('says what it takes', () => {
    const build = (clip: readonly number[], dtype: 'u8' | 'f32', rows: readonly number[], size = 8) => {
      const builder = new GraphBuilder();
      const inputs = [builder.input('clip', clip, dtype), builder.input('geometry', rows)];
      return () => builder.add(operators.augmentClip, 'Augment', { ...RGB, size }, inputs);
    };
    expect(build([1, 2, 8, 8, 3], 'f32', [1, 8])).toThrow(
      'Augment (augmentClip): its clip must be uint8 frames N×T×H×W×3, not f32 1×2×8×8×3.',
    );
    expect(build([2, 2, 8, 8, 3], 'u8', [1, 8])).toThrow('its geometry must be float32 2×8, not f32 1×8');
    expect(build([1, 2, 8, 8, 3], 'u8', [1, 8], 0)).toThrow('its crop has 0 pixels');
  });
});

import { describe, expect, it } from 'vitest';
import { softmax as softmaxKernel } from '../../src/kernels/loss/softmax.ts';
import { affine as affineKernel } from '../../src/kernels/norm/affine.ts';
import { binary } from '../../src/kernels/pointwise/binary.ts';
import { copyChannels } from '../../src/kernels/pointwise/copy_channels.ts';
import { input, unary } from '../../src/kernels/pointwise/unary.ts';
import { channelSweep, ONE_EACH } from '../../src/kernels/shared/channel_sweep.ts';
import { padChannels } from '../../src/kernels/shared/stored.ts';
import { denseView, type View, vec4s } from '../../src/kernels/shared/view.ts';
import { fill } from '../formula.ts';
import { expectClose, runKernel, testGpu } from '../harness.ts';
import { add, affine, relu, softmax } from '../reference/pointwise.ts';
import { type Shape5, sizeOf5, type Volume } from '../reference/volume.ts';

const SHAPES: readonly Shape5[] = [
  [1, 1, 1, 1, 1],
  [2, 1, 7, 2, 3],
  [1, 13, 1, 7, 5],
  [2, 7, 2, 1, 17],
  [1, 2, 13, 7, 33],
];

/** A view of a wider tensor: strides and bases differ from operand to operand. */
const sliced = (shape: Shape5, extra: number): View => ({ shape, stride: vec4s(shape[4]) + extra, base: extra });
const random = (name: string, shape: Shape5, scale = 1): Volume & { data: Float32Array } => ({
  shape,
  data: fill(`${name} ${shape}`, sizeOf5(shape), scale),
});

const gpu = testGpu();

describe.each(SHAPES.map((shape) => ({ shape })))('on $shape', ({ shape }) => {
  const channels = shape[4];

  it('affine', async () => {
    const x = random('x', shape);
    const [scale, shift] = [fill('scale', channels), fill('shift', channels)];
    for (const floor of [0, -Infinity]) {
      const views = { x: sliced(shape, 1), y: sliced(shape, 2) };
      const { y } = await runKernel(gpu(), affineKernel({ ...views, activation: floor === 0 ? 'relu' : 'none' }), {
        inputs: { x: { view: views.x, data: x.data }, scale: padChannels(scale), shift: padChannels(shift) },
        outputs: { y: views.y },
      });
      expectClose(y!, affine(x, scale, shift, floor).data, 1e-6);
    }
  });

  it.each([ONE_EACH, channelSweep({ software: true }), channelSweep({ software: false })])(
    'relu, %o',
    async (sweep) => {
      const x = random('x', shape);
      const views = { x: sliced(shape, 2), y: sliced(shape, 1) };
      const { y } = await runKernel(gpu(), unary({ fn: 'relu', x: input('x', views.x), y: views.y }, sweep), {
        inputs: { x: { view: views.x, data: x.data } },
        outputs: { y: views.y },
      });
      expectClose(y!, relu(x).data, 0);
    },
  );

  it('add', async () => {
    const [a, b] = [random('a', shape), random('b', shape)];
    const views = { a: sliced(shape, 1), b: sliced(shape, 3), y: denseView(shape) };
    for (const withRelu of [false, true]) {
      const problem = {
        fn: 'add',
        a: input('a', views.a),
        b: input('b', views.b),
        y: views.y,
        activation: withRelu ? 'relu' : 'none',
      } as const;
      const { y } = await runKernel(gpu(), binary(problem), {
        inputs: { a: { view: views.a, data: a.data }, b: { view: views.b, data: b.data } },
        outputs: { y: views.y },
      });
      const sum = add(a, b);
      expectClose(y!, (withRelu ? relu(sum) : sum).data, 1e-6);
    }
  });

  it('softmax', async () => {
    // All below −100, so that a padding lane taken for a logit of 0 would have all the probability.
    const x = random('x', shape, 20);
    x.data.forEach((value, i) => {
      x.data[i] = value - 150;
    });
    const views = { x: sliced(shape, 1), y: sliced(shape, 2) };
    const { y } = await runKernel(gpu(), softmaxKernel(views), {
      inputs: { x: { view: views.x, data: x.data } },
      outputs: { y: views.y },
    });
    expectClose(y!, softmax(x).data);
  });

  it.each([0, 1, 6])('copyChannels to channel %i', async (offset) => {
    const x = random('x', shape);
    // The last copy, which zeroes the padding of y, and one that leaves other channels after it alone.
    for (const after of [0, 3]) {
      const width = offset + channels + after;
      const wide: Shape5 = [shape[0], shape[1], shape[2], shape[3], width];
      const before = random('y', wide);
      const views = { x: sliced(shape, 1), y: sliced(wide, 2) };
      const { y } = await runKernel(gpu(), copyChannels({ ...views, offset }), {
        inputs: { x: { view: views.x, data: x.data } },
        outputs: { y: { view: views.y, data: before.data } },
      });
      const expected = before.data.map((value, i) => {
        const c = (i % width) - offset;
        return c >= 0 && c < channels ? x.data[Math.floor(i / width) * channels + c]! : value;
      });
      expect(y).toEqual(expected);
    }
  });
});

it('copyChannels zeroes the padding lanes after the last channel', async () => {
  const shape: Shape5 = [1, 1, 2, 7, 3];
  const wide: Shape5 = [1, 1, 2, 7, 5];
  const views = { x: denseView(shape), y: denseView(wide) };
  // Without data, the buffer of y holds markers everywhere: the harness sees those that stay in the padding.
  await runKernel(gpu(), copyChannels({ ...views, offset: 2 }), {
    inputs: { x: { view: views.x, data: fill('x', sizeOf5(shape)) } },
    outputs: { y: views.y },
  });
});

it('softmax of 400 classes, more than a workgroup takes at once', async () => {
  const shape: Shape5 = [3, 1, 1, 1, 400];
  const x = random('classes', shape, 40);
  const { y } = await runKernel(gpu(), softmaxKernel({ x: denseView(shape), y: denseView(shape) }), {
    inputs: { x: { view: denseView(shape), data: x.data } },
    outputs: { y: denseView(shape) },
  });
  expectClose(y!, softmax(x).data);
});

it('folds grids of more than 65535 workgroups', async () => {
  const shape: Shape5 = [1, 1, 1, 70_001, 1];
  const x = random('fold', shape);
  const kernel = unary(
    { fn: 'relu', x: input('x', denseView(shape)), y: denseView(shape) },
    { ...ONE_EACH, workgroupSize: 1 },
  );
  expect(kernel.workgroups).toEqual([35_001, 1, 2]);
  const { y } = await runKernel(gpu(), kernel, {
    inputs: { x: { view: denseView(shape), data: x.data } },
    outputs: { y: denseView(shape) },
  });
  expectClose(y!, relu(x).data, 0);
});

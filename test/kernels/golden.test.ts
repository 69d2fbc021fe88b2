import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Kernel } from '../../src/core/kernel.ts';
import { conv3dDirect } from '../../src/kernels/conv3d/direct.ts';
import { type Conv3dProblem, packWeights } from '../../src/kernels/conv3d/problem.ts';
import { conv3dRegister } from '../../src/kernels/conv3d/processor/register.ts';
import { conv3dSubgroup } from '../../src/kernels/conv3d/processor/subgroup.ts';
import { conv3dTiled } from '../../src/kernels/conv3d/tiled.ts';
import { softmax } from '../../src/kernels/loss/softmax.ts';
import { affine } from '../../src/kernels/norm/affine.ts';
import { input as bound, unary } from '../../src/kernels/pointwise/unary.ts';
import { pool3d } from '../../src/kernels/pool/pool3d.ts';
import { padChannels } from '../../src/kernels/shared/stored.ts';
import { denseView } from '../../src/kernels/shared/view.ts';
import { channelsLast, type GoldenCase, input, volumeShape } from '../golden.ts';
import { expectClose, runKernel, testGpu } from '../harness.ts';
import { describeWithShared } from '../shared.ts';

const gpu = testGpu();

describeWithShared('kernels give what PyTorch gives', ['golden/ops.json'], (path) => {
  const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: GoldenCase[] };
  const of = (...ops: string[]): { id: string; test: GoldenCase }[] =>
    cases.filter(({ op }) => ops.includes(op)).map((test) => ({ id: test.attrs.id, test }));

  it.each(of('conv3d', 'linear'))('$id', async ({ test }) => {
    const { kernel = [1, 1, 1], stride = [1, 1, 1], pad, groups = 1 } = test.attrs as Partial<GoldenCase['attrs']>;
    const shape = volumeShape(test.inputs.x!);
    const y = volumeShape(test.outputs.y!.shape);
    const [cout, inner] = test.inputs.w as [number, number];
    const taps = kernel[0] * kernel[1] * kernel[2];
    const problem: Conv3dProblem = {
      x: denseView(shape),
      outputs: [denseView(y)],
      kernel,
      stride,
      padding: pad ? [pad[0][0], pad[1][0], pad[2][0]] : [0, 0, 0],
      groups,
      activation: 'none',
    };
    // Cout Cin taps → taps Cin Cout
    const weights = input(test, 'w');
    const turned = weights.map((_, i) => {
      const [tap, c, oc] = [Math.floor(i / cout / inner), Math.floor(i / cout) % inner, i % cout];
      return weights[(oc * inner + c) * taps + tap]!;
    });
    const kernels: Kernel[] = [conv3dDirect(problem)];
    if (groups === 1) {
      kernels.push(
        conv3dRegister(problem, { lanes: 8, pixelsPerLane: 3, vectorsPerLane: 2 }),
        conv3dTiled(problem, { bm: 64, bn: 32, bk: 16, tm: 8, tn: 4 }, 'uniform'),
      );
      const { subgroups, subgroupMinSize: min, subgroupMaxSize: max } = gpu().profile;
      if (subgroups && min === max && max <= 16) {
        kernels.push(conv3dSubgroup(problem, { lanes: max, pixelsPerLane: 2 }));
      }
    }
    for (const kernel of kernels) {
      const { y0 } = await runKernel(gpu(), kernel, {
        inputs: {
          x: { view: problem.x, data: channelsLast(input(test, 'x'), shape) },
          weights: packWeights(turned, taps, inner, cout),
          bias: padChannels(input(test, 'b')),
        },
        outputs: { y0: problem.outputs[0]! },
      });
      expectClose(y0!, channelsLast(test.outputs.y!.value, y));
    }
  });

  it.each(of('maxpool3d', 'avgpool3d'))('$id', async ({ test }) => {
    const { kernel, stride, pad } = test.attrs as Partial<GoldenCase['attrs']>;
    const shape = volumeShape(test.inputs.x!);
    const y = volumeShape(test.outputs.y!.shape);
    const problem = {
      x: denseView(shape),
      y: denseView(y),
      kernel: kernel!,
      stride: stride!,
      padding: pad ? ([pad[0][0], pad[1][0], pad[2][0]] as const) : ([0, 0, 0] as const),
      mode: test.op === 'maxpool3d' ? 'max' : 'average',
    } as const;
    const result = await runKernel(gpu(), pool3d(problem), {
      inputs: { x: { view: problem.x, data: channelsLast(input(test, 'x'), shape) } },
      outputs: { y: problem.y },
    });
    expectClose(result.y!, channelsLast(test.outputs.y!.value, y));
  });

  it.each(of('batchnorm3d').filter(({ test }) => !test.attrs.training))('$id', async ({ test }) => {
    const { mean, var: variance, eps } = test.attrs;
    const shape = volumeShape(test.inputs.x!);
    const scale = input(test, 'gamma').map((gamma, c) => gamma / Math.sqrt(variance[c]! + eps));
    const shift = input(test, 'beta').map((beta, c) => beta - mean[c]! * scale[c]!);
    const views = { x: denseView(shape), y: denseView(shape) };
    const result = await runKernel(gpu(), affine({ ...views, activation: 'none' }), {
      inputs: {
        x: { view: views.x, data: channelsLast(input(test, 'x'), shape) },
        scale: padChannels(scale),
        shift: padChannels(shift),
      },
      outputs: { y: views.y },
    });
    expectClose(result.y!, channelsLast(test.outputs.y!.value, shape));
  });

  it.each(of('relu', 'softmax_cross_entropy'))('$id', async ({ test }) => {
    const shape = volumeShape(test.inputs.x!);
    const views = { x: denseView(shape), y: denseView(shape) };
    const [kernel, output] =
      test.op === 'relu'
        ? [unary({ fn: 'relu', x: bound('x', views.x), y: views.y }), test.outputs.y!]
        : [softmax(views), test.outputs.softmax!];
    const result = await runKernel(gpu(), kernel, {
      inputs: { x: { view: views.x, data: channelsLast(input(test, 'x'), shape) } },
      outputs: { y: views.y },
    });
    expectClose(result.y!, channelsLast(output.value, shape));
  });

  it('has cases of every operator', () => {
    expect(new Set(cases.map(({ op }) => op))).toEqual(
      new Set(['conv3d', 'maxpool3d', 'avgpool3d', 'batchnorm3d', 'relu', 'linear', 'softmax_cross_entropy', 'sgd']),
    );
  });
});

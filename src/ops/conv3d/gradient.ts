/** @file The gradients of a convolution (and of a linear layer, which is one of 1×1×1) by its input and by its weights. */

import { GraphError } from '../../core/errors.ts';
import { formatShape, type Shape, sizeOf } from '../../core/tensor.ts';
import type { Triple } from '../../kernels/conv3d/problem.ts';
import { conv3dInputGradient as inputGradientKernel } from '../../kernels/conv3d_backward/input_gradient.ts';
import {
  type Cost,
  defineOperator,
  expectVolume,
  f32,
  fromInput,
  fromOutput,
  storedBytes,
  type TensorType,
} from '../operator.ts';
import { type Padding, resolvePadding, type WindowGeometry, windowOutput } from '../sliding_window.ts';
import { isDepthwise } from './groups.ts';
import { weightGradientCandidates } from './weight_gradient.ts';
import { flippedWeights, forwardWeights, plainWeights } from './weights.ts';

/** The convolution's own attributes. */
interface ConvolutionAttributes {
  readonly stride: Triple;
  readonly padding: Padding;
  readonly groups: number;
}

export interface WeightGradientAttributes extends ConvolutionAttributes {
  readonly kernel: Triple;
}

export interface InputGradientAttributes extends ConvolutionAttributes {
  /** Frames, rows and columns of the convolution's input. */
  readonly size: Triple;
}

const sizeOfVolume = (shape: Shape): Triple => shape.slice(1, 4) as unknown as Triple;

/** As many multiply-adds as the convolution itself has. */
function cost(rows: number, inputs: readonly TensorType[], outputs: readonly TensorType[], dy: TensorType): Cost {
  return {
    flops: 2 * rows * sizeOf(dy.shape),
    bytes: [...inputs, ...outputs].reduce((sum, type) => sum + storedBytes(type), 0),
  };
}

/** @throws GraphError unless `dy` is what the convolution of `size` would give. */
function expectOutput(geometry: WindowGeometry, size: Triple, dy: TensorType): void {
  const expected = windowOutput(geometry, size);
  const found = sizeOfVolume(dy.shape);
  if (expected.some((extent, i) => extent !== found[i])) {
    throw new GraphError(`its gradient has ${formatShape(found)} pixels, and the convolution ${formatShape(expected)}`);
  }
}

/** Inputs: x and dy, N×T×H×W×C. Output: dW, kt×kh×kw×(Cin/groups)×Cout. */
export const conv3dWeightGradient = defineOperator<WeightGradientAttributes>({
  type: 'conv3dWeightGradient',
  keepsPadding: true,
  infer(attributes, [x, dy]) {
    const [n, , , , cin] = expectVolume(x, 'its input x');
    const [samples, , , , cout] = expectVolume(dy, 'its input dy');
    const { kernel, groups } = attributes;
    if (n !== samples) throw new GraphError(`x has ${n} samples and dy ${samples}`);
    if (cin % groups !== 0 || cout % groups !== 0) {
      throw new GraphError(`${cin} and ${cout} channels cannot be split into ${groups} groups`);
    }
    expectOutput(attributes, sizeOfVolume(x!.shape), dy!);
    return [f32([...kernel, cin / groups, cout])];
  },
  cost: ({ kernel, groups }, inputs, outputs) =>
    cost((sizeOf(kernel) * inputs[0]!.shape[4]!) / groups, inputs, outputs, inputs[1]!),
  candidates: (attributes, io, profile) =>
    weightGradientCandidates({ geometry: attributes, groups: attributes.groups }, io, profile),
});

/** Inputs: dy (N×T×H×W×Cout) and the convolution's weights, or Cin×Cout of a linear layer. Output: dx, N×`size`×Cin. */
export const conv3dInputGradient = defineOperator<InputGradientAttributes>({
  type: 'conv3dInputGradient',
  keepsPadding: true,
  infer(attributes, [dy, weights]) {
    const [n, , , , channels] = expectVolume(dy, 'its input dy');
    const { kernel, inner, cout } = windowOf(weights!.shape);
    if (cout !== channels) throw new GraphError(`dy has ${channels} channels, and its weights ${cout}`);
    expectOutput({ ...attributes, kernel }, attributes.size, dy!);
    return [f32([n, ...attributes.size, inner * attributes.groups])];
  },
  cost: (_, inputs, outputs) => {
    const { kernel, inner } = windowOf(inputs[1]!.shape);
    return cost(sizeOf(kernel) * inner, inputs, outputs, inputs[0]!);
  },
  async candidates(attributes, io, profile) {
    const { stride, groups, size } = attributes;
    const { kernel, inner } = windowOf(io.inputs[1]!.type.shape);
    const before = resolvePadding({ ...attributes, kernel }, size).map((pair) => pair[0]) as unknown as Triple;
    const dy = io.inputs[0]!;
    const dx = io.outputs[0]!;
    const depthwise = isDepthwise(groups, io);
    if ((groups === 1 || depthwise) && stride.every((s) => s === 1)) {
      // A convolution of dy, whose padding makes the output as large as x.
      const around = (i: 0 | 1 | 2) => {
        const first = kernel[i] - 1 - before[i];
        return [first, size[i] - dy.view.shape[i + 1]! + kernel[i] - 1 - first] as const;
      };
      const geometry: WindowGeometry = { kernel, stride, padding: [around(0), around(1), around(2)] };
      const { conv3dCandidates } = await import('./candidates.ts');
      const node = { geometry, groups, activation: 'none', bias: false, flipped: true } as const;
      const convolved = conv3dCandidates(node, io, profile);
      if (convolved.length > 0) return convolved;
    }
    if (Math.max(dy.storageBytes, dx.storageBytes) > profile.maxStorageBinding) {
      throw new GraphError(
        `the gradient of a convolution with a stride or groups needs a storage binding of more than ` +
          `${profile.maxStorageBinding} bytes, the device's limit; a smaller batch fits`,
      );
    }
    const taps = sizeOf(kernel);
    const weights = depthwise
      ? plainWeights(io.inputs[1]!)
      : groups === 1
        ? flippedWeights(io.inputs[1]!, profile).packed(taps, dy.view.shape[4])
        : forwardWeights(io.inputs[1]!, profile).packed(taps, inner);
    const problem = { dy: dy.view, dx: dx.view, kernel, stride, padding: before, groups };
    return [
      {
        name: 'gather',
        accuracy: 'exact',
        workspaces: [],
        packs: weights.packs,
        lower: () => [
          ...weights.prepare(),
          { kernel: inputGradientKernel(problem), args: [fromInput(0), weights.argument, fromOutput(0)] },
        ],
      },
    ];
  },
});

function windowOf(shape: Shape): { kernel: Triple; inner: number; cout: number } {
  if (shape.length !== 2 && shape.length !== 5) {
    throw new GraphError(`its weights ${formatShape(shape)} must be kt×kh×kw×Cin×Cout or Cin×Cout`);
  }
  const [kt, kh, kw, inner, cout] = shape.length === 2 ? [1, 1, 1, ...shape] : shape;
  return { kernel: [kt!, kh!, kw!], inner: inner!, cout: cout! };
}

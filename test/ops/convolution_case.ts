/** @file Convolutions that candidates are tested with: values, operands, the definition's result, and how close to it they must come. */

import type { Shape } from '../../src/core/tensor.ts';
import type { Activation } from '../../src/kernels/pointwise/activation.ts';
import type { ConvolutionNode } from '../../src/ops/conv3d/family.ts';
import type { Candidate, NodeOperands, Operand } from '../../src/ops/operator.ts';
import { type Padding, resolvePadding, windowOutput } from '../../src/ops/sliding_window.ts';
import { operand, parameter } from '../candidates.ts';
import { fill } from '../formula.ts';
import { expectClose } from '../harness.ts';
import { expectNaNs } from '../nan.ts';
import { conv3d } from '../reference/conv3d.ts';
import { type Shape5, sizeOf5 } from '../reference/volume.ts';

export type Triple = readonly [number, number, number];

/** A convolution, and where its tensors lie. */
export interface ConvolutionCase {
  readonly name: string;
  readonly x: Shape5;
  /** Channels of each output. */
  readonly channels: readonly number[];
  readonly kernel: Triple;
  readonly stride?: Triple;
  readonly padding?: Padding;
  readonly groups?: number;
  readonly bias?: boolean;
  readonly activation?: Activation;
  /** Put x and the outputs into the middle of wider tensors. */
  readonly sliced?: boolean;
  /** Bytes that a binding may cover, to force the work into parts. */
  readonly limit?: number;
}

/** Relative to the largest output. Winograd's is measured and documented in docs/kernels.md. */
const TOLERANCE = { exact: 1e-5, fast: 3e-5, half: 1e-3 } as const;

/** Holds what a candidate computed against the definition, output by output. */
export function expectOutputs(
  { name, accuracy }: Candidate,
  found: readonly Float32Array[],
  { outputs }: NodeOperands,
  expected: ArrayLike<number> & Iterable<number>,
): void {
  const cout = outputs.reduce((sum, { view }) => sum + view.shape[4], 0);
  let first = 0;
  for (const [i, { view }] of outputs.entries()) {
    const channels = view.shape[4];
    const part = Array.from(expected).filter((_, at) => at % cout >= first && at % cout < first + channels);
    // Half of the last of 11 bits, where it was rounded to them.
    const tolerance = TOLERANCE[accuracy] + (view.half ? 2 ** -11 : 0);
    try {
      // The values of a tile of Winograd's share its inputs, and a NaN among them.
      if (part.some(Number.isNaN)) expectNaNs(found[i]!, part, { tolerance, spreads: name.includes('winograd') });
      else expectClose(found[i]!, part, tolerance);
    } catch (error) {
      throw new Error(`${name}, output ${i}: ${(error as Error).message}`);
    }
    first += channels;
  }
}

/** @param trained The weights and the bias are states. */
export function operands(test: ConvolutionCase, trained = false) {
  const { kernel, stride = [1, 1, 1], padding = 'same', groups = 1, activation = 'none', sliced = false } = test;
  const cout = test.channels.reduce((sum, c) => sum + c, 0);
  const geometry = { kernel, stride, padding };
  const size = test.x.slice(1, 4) as unknown as Triple;
  const to = windowOutput(geometry, size);
  const weights = (shape: Shape): Operand => (trained ? operand(shape) : parameter(shape));
  return {
    y: [test.x[0], ...to, cout] as Shape5,
    before: resolvePadding(geometry, size).map((pair) => pair[0]) as unknown as Triple,
    node: { geometry, groups, activation, bias: test.bias ?? false } satisfies ConvolutionNode,
    io: {
      inputs: [
        operand(test.x, sliced),
        weights([...kernel, test.x[4] / groups, cout]),
        ...(test.bias ? [weights([cout])] : []),
      ],
      outputs: test.channels.map((c) => operand([test.x[0], ...to, c], sliced)),
    } satisfies NodeOperands,
  };
}

/** Its values, by the names of its case, and what the definition makes of them. */
export function build(test: ConvolutionCase, trained: boolean, values?: Float32Array) {
  const { y, before, node, io } = operands(test, trained);
  const { kernel, stride } = node.geometry;
  const cout = y[4];
  const inner = test.x[4] / node.groups;
  const x = { shape: test.x, data: values ?? fill(`${test.name}.x`, sizeOf5(test.x)) };
  const weights = fill(`${test.name}.w`, kernel[0] * kernel[1] * kernel[2] * inner * cout);
  const bias = test.bias ? fill(`${test.name}.b`, cout) : new Float32Array(cout);
  const options = { kernel, stride, padding: before, groups: node.groups, activation: node.activation };
  return { x, weights, bias, y, node, io, expected: conv3d(x, weights, bias, y, options).data };
}

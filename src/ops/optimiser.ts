/** @file What follows once all gradients are there: their norm, the update, sums over several batches. */

import { GraphError } from '../core/errors.ts';
import { formatShape, sameShape, sizeOf } from '../core/tensor.ts';
import { accumulate as accumulateKernel, zero as zeroKernel } from '../kernels/optimiser/accumulate.ts';
import { gradientNormPartials, gradientNormTotal, normParts } from '../kernels/optimiser/gradient_norm.ts';
import { sgdUpdate as sgdUpdateKernel } from '../kernels/optimiser/sgd_update.ts';
import { type View, vec4s } from '../kernels/shared/view.ts';
import {
  f32,
  input,
  type Operand,
  type Operator,
  output,
  pointwiseCost,
  single,
  storedBytes,
  type TensorType,
} from './operator.ts';

/** @throws GraphError unless the operand fills its memory without gaps, as states and their gradients do. */
function denseView({ view }: Operand, what: string): View {
  if (view.stride !== vec4s(view.shape[4])) throw new GraphError(`its ${what} is a slice of another tensor`);
  return view;
}

function expectSame(a: TensorType, b: TensorType | undefined, what: string): void {
  if (!b || !sameShape(a.shape, b.shape)) {
    throw new GraphError(`its ${what} ${formatShape(b?.shape ?? [])} must have the shape ${formatShape(a.shape)}`);
  }
}

export interface GradientNormAttributes {
  /** The largest norm that is left as it is. */
  readonly clip: number;
}

/**
 * Inputs: gradients, any number. Output [2]: the L2 norm of all of them together, and min(1, clip / (norm + 1e-6)), or 0 where
 * the norm is not finite.
 */
export const gradientNorm: Operator<GradientNormAttributes> = {
  type: 'gradientNorm',
  infer({ clip }, inputs) {
    if (inputs.length === 0) throw new GraphError('it has no gradients');
    if (!(clip > 0)) throw new GraphError(`its clip ${clip} must be above 0`);
    return [f32([2])];
  },
  cost: (_, inputs) => ({
    flops: inputs.reduce((sum, { shape }) => sum + 2 * sizeOf(shape), 0),
    bytes: inputs.reduce((sum, type) => sum + storedBytes(type), 0),
  }),
  candidates({ clip }, { inputs }) {
    const views = inputs.map((operand, i) => denseView(operand, `gradient ${i}`));
    const parts = views.map(normParts);
    const total = parts.reduce((sum, count) => sum + count, 0);
    const partials = { from: 'workspace', index: 0 } as const;
    return [
      {
        name: 'norm',
        accuracy: 'exact',
        workspaces: [total * 4],
        lower: () => {
          let first = 0;
          const dispatches = views.map((view, i) => {
            const kernel = gradientNormPartials(view, first);
            first += parts[i]!;
            return { kernel, args: [input(i), partials] };
          });
          return [...dispatches, { kernel: gradientNormTotal(total, clip), args: [partials, output(0)] }];
        },
      },
    ];
  },
};

export interface SgdUpdateAttributes {
  readonly momentum: number;
  /** L2 factor. */
  readonly weightDecay: number;
}

/**
 * Inputs: parameter and velocity (states, changed in place), gradient, norm [2] of `gradientNorm`, schedule [4] with the
 * learning rate first.
 */
export const sgdUpdate: Operator<SgdUpdateAttributes> = {
  type: 'sgdUpdate',
  inPlace: [0, 1],
  infer(_, [parameter, velocity, gradient, norm, schedule]) {
    expectSame(parameter!, velocity, 'velocity');
    expectSame(parameter!, gradient, 'gradient');
    if (norm?.shape.join() !== '2') throw new GraphError('its norm must have the shape 2');
    if (schedule?.shape.join() !== '4') throw new GraphError('its schedule must have the shape 4');
    return [parameter!, parameter!];
  },
  cost: (_, inputs, outputs) => pointwiseCost(3, inputs, outputs),
  candidates(attributes, { inputs }) {
    const parameter = denseView(inputs[0]!, 'parameter');
    const gradient = denseView(inputs[2]!, 'gradient');
    return [single('sgd', () => sgdUpdateKernel({ parameter, gradient, ...attributes }), [0, 1, 2, 3, 4].map(input))];
  },
};

export interface AccumulateAttributes {
  readonly factor: number;
}

/** Inputs: sum (a state, changed in place) and a gradient of its shape. sum += factor · gradient. */
export const accumulate: Operator<AccumulateAttributes> = {
  type: 'accumulate',
  inPlace: [0],
  infer(_, [sum, gradient]) {
    expectSame(sum!, gradient, 'gradient');
    return [sum!];
  },
  cost: (_, inputs, outputs) => pointwiseCost(2, inputs, outputs),
  candidates({ factor }, { inputs }) {
    const [sum, gradient] = [denseView(inputs[0]!, 'sum'), denseView(inputs[1]!, 'gradient')];
    return [single('accumulate', () => accumulateKernel({ sum, gradient, factor }), [input(0), input(1)])];
  },
};

/** Input: a state, which becomes zero in place. */
export const zero: Operator<Record<never, never>> = {
  type: 'zero',
  inPlace: [0],
  infer: (_, [sum]) => [sum!],
  cost: (_, __, outputs) => pointwiseCost(0, [], outputs),
  candidates(_, { inputs }) {
    const sum = denseView(inputs[0]!, 'sum');
    return [single('zero', () => zeroKernel(sum), [input(0)])];
  },
};

/** @file What follows a network's last convolution: linear layer and softmax. */

import { GraphError } from '../core/errors.ts';
import { formatShape, sizeOf } from '../core/tensor.ts';
import { softmax as softmaxKernel } from '../kernels/softmax.ts';
import { conv3dCandidates } from './conv3d_candidates.ts';
import { f32, input, type Operator, output, pointwiseCost, single, storedBytes } from './operator.ts';

/** x·W + b over the last axis. Inputs: x (…×Cin), weights Cin×Cout, and a bias of Cout values where it has one. */
export const linear: Operator<Record<never, never>> = {
  type: 'linear',
  infer(_, [x, weights, bias]) {
    const cin = x!.shape.at(-1);
    const [rows, cout] = weights!.shape;
    if (weights!.shape.length !== 2 || rows !== cin || cout === undefined) {
      throw new GraphError(`its weights ${formatShape(weights!.shape)} must be ${cin}×Cout`);
    }
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== cout)) {
      throw new GraphError(`its bias ${formatShape(bias.shape)} must have ${cout} values`);
    }
    return [f32([...x!.shape.slice(0, -1), cout])];
  },
  cost(_, inputs, outputs) {
    return {
      flops: 2 * sizeOf(inputs[0]!.shape) * outputs[0]!.shape.at(-1)!,
      bytes: [...inputs, ...outputs].reduce((sum, type) => sum + storedBytes(type), 0),
    };
  },
  candidates(_, io, profile) {
    const geometry = { kernel: [1, 1, 1], stride: [1, 1, 1], padding: 'valid' } as const;
    return conv3dCandidates({ geometry, groups: 1, relu: false, bias: io.inputs.length > 2 }, io, profile);
  },
};

/** Softmax over the last axis. */
export const softmax: Operator<Record<never, never>> = {
  type: 'softmax',
  infer: (_, [x]) => [x!],
  cost: (_, inputs, outputs) => pointwiseCost(4, inputs, outputs),
  candidates(_, io) {
    const views = { x: io.inputs[0]!.view, y: io.outputs[0]!.view };
    return [single('softmax', () => softmaxKernel(views), [input(0), output(0)])];
  },
};

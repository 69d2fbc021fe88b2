/** @file Softmax cross entropy. */

import { GraphError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/tensor.ts';
import {
  crossEntropyBytes,
  crossEntropyLoss,
  crossEntropyRows,
  crossEntropyGradient as gradientKernel,
} from '../kernels/loss/cross_entropy.ts';
import {
  defineOperator,
  f32,
  fromInput,
  fromOutput,
  gradientRule,
  pointwiseCost,
  type TensorType,
} from './operator.ts';

function expectTargets(logits: TensorType, targets: TensorType | undefined): void {
  if (logits.shape.length !== 2 || !targets || !sameShape(logits.shape, targets.shape)) {
    const found = `${formatShape(logits.shape)} and ${formatShape(targets?.shape ?? [])}`;
    throw new GraphError(`its logits and targets ${found} must both be N×classes`);
  }
}

const rows = { from: 'workspace', index: 0 } as const;

/**
 * Inputs: logits N×C, targets N×C, whose rows are distributions. Output [1]: the mean over the rows that are not zero; 0 where
 * all are.
 */
export const crossEntropy = defineOperator<Record<never, never>>({
  type: 'crossEntropy',
  keepsPadding: true,
  infer(_, [logits, targets]) {
    expectTargets(logits!, targets);
    return [f32([1])];
  },
  cost: (_, inputs) => pointwiseCost(4, inputs, [inputs[0]!]),
  candidates(_, { inputs }) {
    const problem = { x: inputs[0]!.view, targets: inputs[1]!.view };
    return [
      {
        name: 'rows',
        accuracy: 'exact',
        workspaces: [crossEntropyBytes(problem.x)],
        lower: () => [
          { kernel: crossEntropyRows(problem), args: [fromInput(0), fromInput(1), rows] },
          { kernel: crossEntropyLoss(problem), args: [rows, fromOutput(0)] },
        ],
      },
    ];
  },
});

export const crossEntropyRule = gradientRule(crossEntropy, ({ name, inputs, gradients, add }) => [
  add(crossEntropyGradient, `${name}/gradient`, {}, [inputs[0]!, inputs[1]!, gradients[0]!])[0],
  undefined,
]);

/** Inputs: logits N×C, targets N×C, gradient of the loss [1]. */
export const crossEntropyGradient = defineOperator<Record<never, never>>({
  type: 'crossEntropyGradient',
  keepsPadding: true,
  infer(_, [logits, targets]) {
    expectTargets(logits!, targets);
    return [logits!];
  },
  cost: (_, inputs, outputs) => pointwiseCost(4, inputs, outputs),
  candidates(_, { inputs, outputs }) {
    const problem = { x: inputs[0]!.view, targets: inputs[1]!.view, dx: outputs[0]!.view };
    return [
      {
        name: 'rows',
        accuracy: 'exact',
        workspaces: [crossEntropyBytes(problem.x)],
        lower: () => [
          { kernel: crossEntropyRows(problem), args: [fromInput(0), fromInput(1), rows] },
          { kernel: gradientKernel(problem), args: [rows, fromInput(0), fromInput(1), fromInput(2), fromOutput(0)] },
        ],
      },
    ];
  },
});

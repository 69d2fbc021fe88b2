import { accumulate as accumulateKernel, zero as zeroKernel } from '../kernels/optimiser/accumulate.ts';
import { denseView, expectSame } from './dense.ts';
import { defineOperator, fromInput, pointwiseCost, singleDispatch } from './operator.ts';
import { batchesOf, partsWork, runsOf } from './runs.ts';

interface AccumulateAttributes {
  readonly factor: number;
}

/** Inputs: sum (a state, changed in place) and a gradient of its shape. sum += factor · gradient. */
export const accumulate = defineOperator<AccumulateAttributes>({
  type: 'accumulate',
  keepsPadding: true,
  inPlace: [0],
  infer(_, [sum, gradient]) {
    expectSame(sum!, gradient, 'gradient');
    return [sum!];
  },
  cost: (_, inputs, outputs) => pointwiseCost(2, inputs, outputs),
  candidates({ factor }, { inputs }) {
    const [sum, gradient] = [denseView(inputs[0]!, 'sum'), denseView(inputs[1]!, 'gradient')];
    return [
      singleDispatch('accumulate', () => accumulateKernel({ sum, gradient, factor }), [fromInput(0), fromInput(1)]),
    ];
  },
});

/** Inputs: states, which become zero in place. */
export const zero = defineOperator<Record<never, never>>({
  type: 'zero',
  keepsPadding: true,
  inPlace: (inputs) => Array.from({ length: inputs }, (_, i) => i),
  runs: runsOf,
  infer: (_, sums) => [...sums],
  cost: (_, __, outputs) => pointwiseCost(0, [], outputs),
  candidates(_, { inputs }, { maxStorageBinding }) {
    for (const operand of inputs) denseView(operand, 'sum');
    const batches = batchesOf([inputs], maxStorageBinding);
    return [
      {
        name: 'zero',
        accuracy: 'exact',
        workspaces: [],
        work: batches.map(({ parts, size }) => partsWork(parts, size)),
        lower: () =>
          batches.map(({ from, size, parts, table }) => ({
            kernel: zeroKernel(parts),
            args: [{ ...fromInput(from), size }, table],
          })),
      },
    ];
  },
});

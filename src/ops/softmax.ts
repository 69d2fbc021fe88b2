import { softmax as softmaxKernel } from '../kernels/loss/softmax.ts';
import { defineOperator, input, output, pointwiseCost, single } from './operator.ts';

/** Softmax over the last axis. */
export const softmax = defineOperator<Record<never, never>>({
  type: 'softmax',
  keepsPadding: true,
  infer: (_, [x]) => [x!],
  cost: (_, inputs, outputs) => pointwiseCost(4, inputs, outputs),
  candidates(_, io) {
    const views = { x: io.inputs[0]!.view, y: io.outputs[0]!.view };
    return [single('softmax', () => softmaxKernel(views), [input(0), output(0)])];
  },
});

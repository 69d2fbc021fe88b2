import { sizeOf } from '../core/tensor.ts';
import { axisOf } from './axis.ts';
import { binary } from './binary.ts';
import { defineOperator, fromInput, fromOutput, gradientRule, pointwiseCost, singleDispatch } from './operator.ts';
import { reduce } from './reduce.ts';

interface SoftmaxAttributes {
  /** May be counted from the last one, −1, which it is where left out. */
  readonly axis?: number;
}

/** Softmax over an axis. */
export const softmax = defineOperator<SoftmaxAttributes>({
  type: 'softmax',
  keepsPadding: true,
  infer({ axis = -1 }, [x]) {
    axisOf(axis, x!.shape);
    return [x!];
  },
  cost: (_, inputs, outputs) => pointwiseCost(4, inputs, outputs),
  async candidates({ axis = -1 }, io) {
    const views = { x: io.inputs[0]!.view, y: io.outputs[0]!.view };
    const { shape } = io.inputs[0]!.type;
    const at = axisOf(axis, shape);
    if (at === shape.length - 1) {
      const { softmax: kernel } = await import('../kernels/loss/softmax.ts');
      return [singleDispatch('softmax', () => kernel(views), [fromInput(0), fromOutput(0)])];
    }
    const { softmaxAxis } = await import('../kernels/loss/softmax_axis.ts');
    const along = { size: shape[at]!, step: sizeOf(shape.slice(at + 1, -1)) };
    return [singleDispatch('softmax axis', () => softmaxAxis({ ...views, ...along }), [fromInput(0), fromOutput(0)])];
  },
});

/** y · (dy − Σ dy · y). */
export const softmaxRule = gradientRule(
  softmax,
  ({ name, attributes: { axis = -1 }, outputs, gradients, typeOf, add }) => {
    const [y, dy] = [outputs[0]!, gradients[0]!];
    const plain = { activation: 'none' } as const;
    const axes = [axisOf(axis, typeOf(y).shape)];
    const [product] = add(binary, `${name}/gradient/product`, { fn: 'mul', ...plain }, [dy, y]);
    const [sums] = add(reduce, `${name}/gradient/sums`, { op: 'sum', axes }, [product!]);
    const [difference] = add(binary, `${name}/gradient/difference`, { fn: 'sub', ...plain }, [dy, sums!]);
    return [add(binary, `${name}/gradient`, { fn: 'mul', ...plain }, [y, difference!])[0]];
  },
);

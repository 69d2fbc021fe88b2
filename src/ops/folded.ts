import { floatTensor } from '../core/tensor.ts';
import { type BatchNormAttributes, foldBias, scaleOf } from './batch_norm.ts';
import { defineOperator, type TensorType } from './operator.ts';

const hostOnly = { cost: () => ({ flops: 0, bytes: 0 }), candidates: () => [] };

/** Weights of a convolution with the batch norm behind it folded in. Inputs: weights (…×Cout), gamma, variance. */
export const foldedWeights = defineOperator<BatchNormAttributes>({
  type: 'foldedWeights',
  keepsPadding: true,
  infer: (_, [weights]): TensorType[] => [weights!],
  host({ epsilon }, [weights, gamma, variance]) {
    const scale = scaleOf(gamma!, variance!, epsilon);
    const { shape, data } = weights!;
    const folded = new Float32Array(data.length);
    for (let row = 0; row < data.length; row += scale.length) {
      for (let c = 0; c < scale.length; c++) folded[row + c] = data[row + c]! * scale[c]!;
    }
    return floatTensor(shape, folded);
  },
  ...hostOnly,
});

/** Bias of a convolution with the batch norm behind it folded in. Inputs: gamma, beta, mean, variance, and the convolution's own bias where it has one. */
export const foldedBias = defineOperator<BatchNormAttributes>({
  type: 'foldedBias',
  keepsPadding: true,
  infer: (_, [gamma]): TensorType[] => [gamma!],
  host: ({ epsilon }, [gamma, beta, mean, variance, bias]) => foldBias(bias, gamma!, beta!, mean!, variance!, epsilon),
  ...hostOnly,
});

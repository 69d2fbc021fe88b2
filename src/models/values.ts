/** @file Parameters as numbers to compute with: everything that would make a network's results meaningless is refused here. */

import { checkTensor } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { toFloat32 } from '../core/half.ts';
import { type DType, type FloatTensor, formatShape, type HostTensor } from '../core/tensor.ts';

/** Integers would be weights of a quantised network, which mean nothing without its scales. */
const FLOATS: readonly DType[] = ['f32', 'f64', 'f16', 'bf16'];
/** Larger magnitudes are not finite. */
const FLOAT32_MAX = 3.4028234663852886e38;

/**
 * A stored parameter in float32, with values that batch norms and convolutions can work with.
 * @param ours The graph's name of it, which ends in what it is: `/weights`, `/variance` and so on.
 * @param what Begins the sentence: the file and the tensor's name in it.
 * @throws InputError when it holds no floating-point numbers, NaN, an infinity, a number beyond float32, or a negative variance.
 */
export function parameterValues(ours: string, tensor: HostTensor, what: string): FloatTensor {
  checkTensor(what, tensor, FLOATS);
  const values = toFloat32(tensor, what);
  const { data, shape } = values;
  const variance = ours.endsWith('/variance');
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    // Written so that NaN is caught.
    if (!(Math.abs(value) <= FLOAT32_MAX)) throw noNumber(what, tensor, values, i);
    if (variance && value < 0) {
      throw new InputError(
        `${what} holds ${value} ${place(shape, i)}; a variance is never negative: the file is damaged.`,
      );
    }
  }
  return values;
}

function noNumber(what: string, stored: HostTensor, { data, shape }: FloatTensor, first: number): InputError {
  const value = data[first]!;
  if (stored.dtype === 'f64' && Number.isFinite(stored.data[first])) {
    return new InputError(
      `${what} holds ${stored.data[first]} ${place(shape, first)}, which is too large for float32.`,
    );
  }
  const count = data.reduce((sum, number) => sum + (Number.isFinite(number) ? 0 : 1), 0);
  const others = count > 1 ? ` and ${count - 1} more such values` : '';
  return new InputError(
    `${what} holds a value that is no finite number: ${value} ${place(shape, first)}${others}; the file is damaged, or its training diverged.`,
  );
}

/** Where in a tensor a value is: `at 0, 3, 1`. */
function place(shape: readonly number[], index: number): string {
  if (shape.length === 0) return `in its ${formatShape(shape)}`;
  const indices: number[] = [];
  let rest = index;
  for (const extent of [...shape].reverse()) {
    indices.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return `at ${indices.join(', ')}`;
}

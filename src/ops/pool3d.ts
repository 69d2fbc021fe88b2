/** @file Max and average pooling over T, H, W. */

import { sizeOf } from '../core/tensor.ts';
import { pool3d as pool3dKernel } from '../kernels/pool3d.ts';
import { expectVolume, f32, type Operator, storedBytes } from './operator.ts';
import { splitWindows, type WindowGeometry, windowOutput } from './window.ts';

export interface Pool3dAttributes extends WindowGeometry {
  readonly mode: 'max' | 'average';
}

/** Input: x. Padding never wins a maximum and is not counted by an average, as in TensorFlow. */
export const pool3d: Operator<Pool3dAttributes> = {
  type: 'pool3d',
  infer(attributes, [x]) {
    const [n, t, h, w, c] = expectVolume(x, 'its input');
    return [f32([n, ...windowOutput(attributes, [t, h, w]), c])];
  },
  cost({ kernel }, [x], [y]) {
    return { flops: sizeOf(kernel) * sizeOf(y!.shape), bytes: storedBytes(x!) + storedBytes(y!) };
  },
  candidates(attributes, io, profile) {
    const parts = splitWindows(
      attributes,
      io.inputs[0]!,
      io.outputs,
      profile.maxStorageBinding,
      profile.bindingAlignment,
    );
    const { kernel, stride, mode } = attributes;
    return [
      {
        name: 'window',
        accuracy: 'exact',
        workspaces: [],
        lower: () =>
          parts.map((part) => ({
            kernel: pool3dKernel({ x: part.x, y: part.outputs[0]!, kernel, stride, padding: part.padding, mode }),
            args: [part.input, ...part.outputArgs],
          })),
      },
    ];
  },
};

/** @file Ways of computing a matrix product. */

import { GraphError } from '../../core/errors.ts';
import type { DeviceProfile } from '../../core/kernel.ts';
import { type Shape, sizeOf } from '../../core/tensor.ts';
import type { MatmulOperand, MatmulProblem } from '../../kernels/matmul/problem.ts';
import { broadcastOf } from '../../kernels/shared/broadcast.ts';
import { constant, storage } from '../../kernels/shared/wgsl.ts';
import { matmulKinds } from '../matmul_kinds.ts';
import { type Candidate, fromInput, fromOutput, type NodeOperands, storedBytes } from '../operator.ts';

/** What a product is of, as its operator has checked it. */
interface MatmulNode extends Pick<MatmulProblem, 'm' | 'n' | 'k'> {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** The axes before the last two. */
  readonly batch: Shape;
}

export function matmulCandidates(node: MatmulNode, io: NodeOperands, profile: DeviceProfile): Candidate[] {
  const problem = problemOf(node, io);
  const args = [fromInput(0), ...(problem.a.binding === problem.b.binding ? [] : [fromInput(1)]), fromOutput(0)];
  if ([...io.inputs, ...io.outputs].some(({ storageBytes }) => storageBytes > profile.maxStorageBinding)) {
    throw new GraphError('one of its operands is larger than a binding may be');
  }
  const bytes = [...io.inputs, ...io.outputs].reduce((sum, { type }) => sum + storedBytes(type), 0);
  return matmulKinds(problem, profile, bytes).map(
    ({ name, work, kernel }): Candidate => ({
      name,
      accuracy: 'exact',
      workspaces: [],
      work: [work],
      lower: () => [{ kernel: kernel(), args }],
    }),
  );
}

function problemOf(
  { m, n, k, batch, transposeA, transposeB }: MatmulNode,
  { inputs, outputs }: NodeOperands,
): MatmulProblem {
  const [a, b] = inputs as [(typeof inputs)[0], (typeof inputs)[0]];
  const isParameter = (operand: typeof a): boolean => operand.storage < 0;
  const first = isParameter(a) ? constant('a') : storage('a');
  const shared = a.storage === b.storage && !isParameter(a);
  const second = shared ? first : isParameter(b) ? constant('b') : storage('b');
  const operand = (of: typeof a, binding: typeof first, transposed: boolean): MatmulOperand => ({
    binding,
    view: of.view,
    transposed,
  });
  // A matrix of a batch is what a pixel is in other operands.
  const matrices = (shape: Shape): number[] => [...shape.slice(0, -2), 1];
  return {
    a: operand(a, first, transposeA),
    b: operand(b, second, transposeB),
    y: outputs[0]!.view,
    m,
    n,
    k,
    batch: sizeOf(batch),
    batches: broadcastOf([...batch, 1], [matrices(a.type.shape), matrices(b.type.shape)]),
  };
}

/** @file Ways of computing a matrix product. */

import { GraphError } from '../../core/errors.ts';
import type { DeviceProfile } from '../../core/kernel.ts';
import { type Shape, sizeOf } from '../../core/tensor.ts';
import { matmulBlocks } from '../../kernels/matmul/blocks.ts';
import type { MatmulOperand, MatmulProblem } from '../../kernels/matmul/problem.ts';
import { MATMUL_TILES, matmulTiled, matmulTiledFits } from '../../kernels/matmul/tiled.ts';
import { broadcastOf } from '../../kernels/shared/broadcast.ts';
import { tileLabel, tileLayout } from '../../kernels/shared/tile_product.ts';
import { constant, loopBound, storage } from '../../kernels/shared/wgsl.ts';
import { productWork } from '../../kernels/shared/work.ts';
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
  const product = { m: problem.m, n: problem.n, k: problem.k, batches: problem.batch };
  const blocks = ([2, 1] as const).map((columns): Candidate => {
    const tile = {
      bm: 4,
      bn: 4 * columns,
      threads: 1,
      arithmetic: 'register',
      share: columns === 2 ? 1 : 0.7,
    } as const;
    return {
      name: `blocks 4×${4 * columns}`,
      accuracy: 'exact',
      workspaces: [],
      work: [productWork(product, tile, bytes)],
      lower: () => [{ kernel: matmulBlocks(problem, columns, profile.software ? 16 : 64), args }],
    };
  });
  const tiled = MATMUL_TILES.filter((tile) => matmulTiledFits(profile, tile)).map((tile): Candidate => {
    const { bm, bn, tm, tn } = tile;
    const { threads } = tileLayout(tile);
    // A thread of 8×4 reads half as many words again for a multiply-add.
    const share = tm * tn < 64 ? 0.7 : 1;
    return {
      name: `tiled ${tileLabel(tile)}`,
      accuracy: 'exact',
      workspaces: [],
      work: [productWork(product, { bm, bn, threads, arithmetic: 'tiled', share }, bytes)],
      lower: () => [{ kernel: matmulTiled(problem, tile, loopBound(profile)), args }],
    };
  });
  return [...blocks, ...tiled];
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

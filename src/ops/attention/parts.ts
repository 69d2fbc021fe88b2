/**
 * @file Attention over parts of its rows, each of which has few scores: the matrix products that it consists of, by the fastest kernel of
 * those that matrix products have. A part is whole samples, or some rows of one.
 */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { sizeOf } from '../../core/tensor.ts';
import type { RowThreads } from '../../kernels/attention/rows.ts';
import type { MatmulOperand, MatmulProblem } from '../../kernels/matmul/problem.ts';
import { broadcastOf } from '../../kernels/shared/broadcast.ts';
import { denseView, type View, vec4s, viewBytes } from '../../kernels/shared/view.ts';
import { storage } from '../../kernels/shared/wgsl.ts';
import type { Work } from '../../kernels/shared/work.ts';
import { deviceRates } from '../device_rates.ts';
import { estimate } from '../estimate.ts';
import { matmulKinds } from '../matmul_kinds.ts';
import type { Argument, Candidate } from '../operator.ts';
import type { AttentionExtents } from './extents.ts';

/** Of the scores of a part, unless the fewest rows have more. Enough rows to fill a large GPU, few enough for its cache. Bytes. */
const SCORES_BUDGET = 8 * 2 ** 20;
/** Rows of a tile, and what the number of a part's rows is a multiple of. */
const FEWEST_ROWS = 64;

export interface AttentionPart {
  /** Matrices of a batch, and rows of q in each. */
  readonly samples: number;
  readonly m: number;
  /** Rows in all. */
  readonly count: number;
  /** The first one of its sample, so that what is summed up over rows begins anew. */
  readonly begins: boolean;
  /** Samples × rows × L, from the start of scratch memory. */
  readonly scores: View;
  /** Its rows of a tensor that has a row for each of q's, of so many channels. */
  rows(view: View, channels: number): View;
  /** Its samples of a tensor that has a row for each key. */
  keys(view: View, channels: number): View;
}

const scoreBytes = (rows: number, l: number): number => 16 * rows * vec4s(l);

/** Threads of a row in kernels over rows. */
export const rowThreads = ({ software }: Pick<DeviceProfile, 'software'>): RowThreads => (software ? 1 : 64);

function partsOf({ batch, m, l }: AttentionExtents): AttentionPart[] {
  const total = sizeOf(batch);
  const affordable = Math.floor(SCORES_BUDGET / scoreBytes(1, l));
  const samples = Math.max(1, Math.min(total, Math.floor(affordable / m)));
  const rows = Math.min(m, Math.max(FEWEST_ROWS, Math.floor(affordable / FEWEST_ROWS) * FEWEST_ROWS));
  const parts: AttentionPart[] = [];
  for (let sample = 0; sample < total; sample += samples) {
    const here = Math.min(samples, total - sample);
    for (let row = 0; row < m; row += rows) {
      const count = Math.min(rows, m - row);
      const part = (view: View, channels: number, skipped: number, each: number): View => ({
        ...view,
        shape: [here, 1, 1, each, channels],
        base: view.base + skipped * view.stride,
      });
      parts.push({
        samples: here,
        m: count,
        count: here * count,
        begins: row === 0,
        scores: denseView([here, 1, 1, count, l]),
        rows: (view, channels) => part(view, channels, sample * m + row, count),
        keys: (view, channels) => part(view, channels, sample * l, l),
      });
    }
  }
  return parts;
}

export const matrix = (name: string, view: View, transposed = false): MatmulOperand => ({
  binding: storage(name),
  view,
  transposed,
});

/** A product of a part; its rows where `m` is left out. */
type PartProduct = Pick<MatmulProblem, 'a' | 'b' | 'y' | 'n' | 'k' | 'epilogue'> & { readonly m?: number };

interface Step {
  readonly work: Work;
  kernel(): Kernel;
}

/** What is done with each part, one after the other. Scratch memory: 0 holds the scores, 1 a vec4 for each row. */
export function inParts(
  extents: AttentionExtents,
  lower: (part: AttentionPart) => readonly (Step & { readonly args: readonly Argument[] })[],
): Candidate {
  const parts = partsOf(extents);
  const all = parts.flatMap(lower);
  const most = Math.max(...parts.map(({ count }) => count));
  return {
    name: 'rows',
    accuracy: 'exact',
    workspaces: [scoreBytes(most, extents.l), 16 * most],
    work: all.map(({ work }) => work),
    lower: () => all.map(({ kernel, args }) => ({ kernel: kernel(), args })),
  };
}

/** The fastest kernel of a product of each of the part's samples. */
export function partProduct({ samples, m }: AttentionPart, profile: DeviceProfile): (product: PartProduct) => Step {
  const rates = deviceRates(profile);
  const batches = broadcastOf(
    [samples, 1],
    [
      [samples, 1],
      [samples, 1],
    ],
  );
  return (product) => {
    const problem: MatmulProblem = { m, ...product, batch: samples, batches };
    const bytes = [product.a.view, product.b.view, product.y].reduce((sum, view) => sum + viewBytes(view), 0);
    const kinds = matmulKinds(problem, profile, bytes).map((kind) => ({
      ...kind,
      time: estimate({ work: [kind.work] }, rates),
    }));
    return kinds.reduce((best, kind) => (kind.time < best.time ? kind : best));
  };
}

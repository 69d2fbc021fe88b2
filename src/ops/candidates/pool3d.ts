/** @file Ways of computing a pool. */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { type Pool3dProblem, pool3d, pool3dWork } from '../../kernels/pool/pool3d.ts';
import { type Pool3dStripTile, pool3dStrip, pool3dStripFits, pool3dStripWork } from '../../kernels/pool/strip.ts';
import { pool3dSweep, pool3dSweepFits, pool3dSweepWork } from '../../kernels/pool/sweep.ts';
import { viewBytes } from '../../kernels/shared/view.ts';
import type { Work } from '../../kernels/shared/work.ts';
import type { Candidate, NodeOperands } from '../operator.ts';
import { coversAll, splitWindows, type WindowGeometry } from '../sliding_window.ts';
import { channelSums, holdsVectors } from './reduce.ts';

/** What a thread of a GPU takes. Neighbours share what they load; threads with one output each fill the device where there are few. */
const STRIPS: readonly Pool3dStripTile[] = [
  { columns: 2, span: 4 },
  { columns: 2, span: 1 },
  { columns: 1, span: 1 },
];

export function pool3dCandidates(
  attributes: WindowGeometry & Pick<Pool3dProblem, 'mode'>,
  io: NodeOperands,
  profile: DeviceProfile,
): Candidate[] {
  const parts = splitWindows(attributes, io.inputs[0]!, io.outputs, profile);
  const { kernel, stride, mode } = attributes;
  const problems = parts.map((part) => ({
    problem: { x: part.x, y: part.outputs[0]!, kernel, stride, padding: part.padding, mode },
    args: [part.input, ...part.outputArgs],
  }));
  const candidate = (
    name: string,
    make: (problem: Pool3dProblem) => Kernel,
    work: (problem: Pool3dProblem) => Work,
  ): Candidate => ({
    name,
    accuracy: 'exact',
    workspaces: [],
    work: problems.map(({ problem }) => work(problem)),
    lower: () => problems.map(({ problem, args }) => ({ kernel: make(problem), args })),
  });
  const fits = (test: (problem: Pool3dProblem) => boolean): boolean => problems.every(({ problem }) => test(problem));
  const sweep = profile.software && fits(pool3dSweepFits) ? [candidate('sweep', pool3dSweep, pool3dSweepWork)] : [];
  const strips =
    profile.software || !fits(pool3dStripFits)
      ? []
      : STRIPS.filter(
          ({ columns, span }) => columns <= io.outputs[0]!.view.shape[3] && (span === 1 || kernel[0] > stride[0]),
        );
  return [
    ...whole(attributes, io, profile),
    ...sweep,
    ...strips.map((tile) =>
      candidate(
        `strip ${tile.columns}×${tile.span}`,
        (problem) => pool3dStrip(problem, tile),
        (problem) => pool3dStripWork(problem, tile),
      ),
    ),
    candidate('window', (problem) => pool3d(problem), pool3dWork),
  ];
}

/** An average over all of a sample has few threads with much to add up: on GPUs workgroups share it. */
function whole(
  geometry: WindowGeometry & Pick<Pool3dProblem, 'mode'>,
  io: NodeOperands,
  profile: DeviceProfile,
): Candidate[] {
  const [x, y] = [io.inputs[0]!.view, io.outputs[0]!.view];
  const [samples, t, h, w] = x.shape;
  if (profile.software || geometry.mode !== 'average' || !coversAll(geometry, [t, h, w])) return [];
  if (!holdsVectors(y, samples) || viewBytes(x) > profile.maxStorageBinding) return [];
  return [channelSums(io, profile, 'mean', samples)];
}

/**
 * @file Candidates for few input channels: pack the pixels under a row of the window into one run of channels
 * (conv3d/stem.ts), then any kernel of the family: the same products in another order. The copy is f16 for kernels whose tiles are.
 */

import { conv3dStemPack, packedProblem, packedShape } from '../../kernels/conv3d/stem.ts';
import { denseView, pixelsOf, type View, vec4s, viewBytes } from '../../kernels/shared/view.ts';
import { streamWork } from '../../kernels/shared/work.ts';
import type { Argument, Candidate } from '../operator.ts';
import { splitForScratch } from '../sliding_window.ts';
import { type Convolution, memberWeights, memberWork, problemOf, spareOutputs } from './family.ts';
import { membersFor, surchargesOf } from './members.ts';

/** From more channels on, packing saves nothing worth a copy of x. */
const FEW_CHANNELS = 4;

/** A packed clip of I3D's 16 frames is one piece; of 64, six, which overlap by 5 frames each. */
const PACKED_BYTES = 40 * 2 ** 20;

export function packedCandidates(conv: Convolution): Candidate[] {
  const { geometry, x, outputs, profile, cin, groups } = conv;
  const [kt, kh, kw] = geometry.kernel;
  const saved = vec4s(kw * cin) / (kw * vec4s(cin));
  if (groups !== 1 || cin > FEW_CHANNELS || saved >= 1 || x.view.half) return [];
  const columns = outputs[0]!.view.shape[3];
  const packed = (samples: number, frames: number, half: boolean): View => ({
    ...denseView(packedShape([samples, frames, ...x.view.shape.slice(2)] as unknown as View['shape'], kw, columns)),
    half,
  });
  const planOf = (half: boolean) => {
    const workspaces = (samples: number, frames: number): number[] => [viewBytes(packed(samples, frames, half))];
    const split = splitForScratch(geometry, x, outputs, profile, { workspaces, budget: PACKED_BYTES, step: 1 });
    const pieces = (split?.parts ?? []).map((part) => {
      const problem = problemOf(conv, part);
      const view = packed(part.x.shape[0], part.x.shape[1], half);
      const packing = streamWork(pixelsOf(view) * view.stride, viewBytes(part.x) + viewBytes(view));
      return { part, problem, view, packedProblem: packedProblem(problem, view), packing };
    });
    return split && { workspaces: split.workspaces, pieces };
  };
  const [single, halved] = [planOf(false), planOf(true)];
  const packedWeights = conv.weights.packed(kt * kh, kw * cin);
  return membersFor(conv, outputs).flatMap((member): Candidate[] => {
    if (!member.takesPacked) return [];
    const half = member.weights === 'half';
    const [weights, plan] = [memberWeights(member, conv, packedWeights), half ? halved : single];
    if (!weights || !plan) return [];
    const { pieces, workspaces } = plan;
    const spare = spareOutputs(member, outputs, workspaces.length);
    const tile = member.tile(profile);
    const products = pieces.map((piece) => memberWork(piece.packedProblem, tile, member));
    const workspace: Argument = { from: 'workspace', index: 0 };
    return [
      {
        name: half ? member.name.replace('half', 'half packed') : `packed ${member.name}`,
        accuracy: half ? 'half' : 'exact',
        workspaces: [...workspaces, ...spare.workspaces],
        packs: weights.packs,
        work: [...weights.work, ...pieces.map(({ packing }) => packing), ...products],
        surcharges: surchargesOf(member, profile),
        lower: () => [
          ...weights.prepare(),
          ...pieces.flatMap(({ part, problem, view, packedProblem }) => [
            { kernel: conv3dStemPack(problem, view), args: [part.input, workspace] },
            {
              kernel: member.kernel(packedProblem, profile),
              args: [workspace, weights.argument, conv.biasArgument, ...part.outputArgs, ...spare.args],
            },
          ]),
        ],
      },
    ];
  });
}

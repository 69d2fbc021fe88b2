/**
 * @file Candidates for few input channels: pack the pixels under a row of the window into one run of channels
 * (conv3d/stem.ts), then any kernel of the family. Exact: the same products in another order.
 */

import { conv3dStemPack, packedProblem, packedShape } from '../../kernels/conv3d/stem.ts';
import { denseView, pixelsOf, vec4s, viewBytes } from '../../kernels/shared/view.ts';
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
  const packed = (samples: number, frames: number) =>
    denseView(packedShape([samples, frames, ...x.view.shape.slice(2)] as unknown as typeof x.view.shape, kw, columns));
  const workspaces = (samples: number, frames: number): number[] => {
    const view = packed(samples, frames);
    return [viewBytes(view)];
  };
  const split = splitForScratch(geometry, x, outputs, profile, { workspaces, budget: PACKED_BYTES, step: 1 });
  if (!split) return [];
  const packedWeights = conv.weights.packed(kt * kh, kw * cin);
  const pieces = split.parts.map((part) => {
    const problem = problemOf(conv, part);
    const view = packed(part.x.shape[0], part.x.shape[1]);
    const items = pixelsOf(view) * view.stride;
    return {
      part,
      problem,
      view,
      packedProblem: packedProblem(problem, view),
      packing: streamWork(items, viewBytes(part.x) + viewBytes(view)),
    };
  });
  return membersFor(conv, outputs).flatMap((member): Candidate[] => {
    if (!member.takesPacked) return [];
    const weights = memberWeights(member, conv, packedWeights);
    if (!weights) return [];
    const spare = spareOutputs(member, outputs, split.workspaces.length);
    const tile = member.tile(profile);
    const products = pieces.map((piece) => memberWork(piece.packedProblem, tile, member));
    const workspace: Argument = { from: 'workspace', index: 0 };
    return [
      {
        name: `packed ${member.name}`,
        accuracy: 'exact',
        workspaces: [...split.workspaces, ...spare.workspaces],
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

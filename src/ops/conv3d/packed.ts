/**
 * @file Candidates for few input channels: pack the pixels under a row of the window into one run of channels
 * (conv3d/stem.ts), then any kernel of the family. Exact: the same products in another order.
 */

import { conv3dStemPack, packedProblem, packedShape } from '../../kernels/conv3d/stem.ts';
import { denseView, pixelsOf, vec4s } from '../../kernels/shared/view.ts';
import type { Argument, Candidate } from '../operator.ts';
import { splitForScratch } from '../window.ts';
import { type Convolution, memberWeights, problemOf, type RankedCandidate, spareOutputs, takes } from './family.ts';
import { MEMBERS } from './members.ts';

/** From more channels on, packing saves nothing worth a copy of x. */
const FEW_CHANNELS = 4;

/** A packed clip of I3D's 16 frames is one piece; of 64, six, which overlap by 5 frames each. */
const PACKED_BYTES = 40 * 2 ** 20;

/** Which of the family's kernels are worth a try on what packing leaves. */
const PACKED = [
  'subgroup panels 3',
  'subgroup panels 2',
  'subgroup 3',
  'subgroup 2',
  'narrow 8×3',
  'narrow 16×3',
  'narrow 24×3',
  'tiled 64×64×16 8×8',
  'tiled 64×64×16 4×8',
  'register 4×8',
];

export function packedCandidates(conv: Convolution): RankedCandidate[] {
  const { geometry, x, outputs, profile, cin, groups } = conv;
  const [kt, kh, kw] = geometry.kernel;
  const saved = vec4s(kw * cin) / (kw * vec4s(cin));
  if (groups !== 1 || cin > FEW_CHANNELS || saved >= 1 || x.view.half) return [];
  const columns = outputs[0]!.view.shape[3];
  const packed = (samples: number, frames: number) =>
    denseView(packedShape([samples, frames, ...x.view.shape.slice(2)] as unknown as typeof x.view.shape, kw, columns));
  const workspaces = (samples: number, frames: number): number[] => {
    const view = packed(samples, frames);
    return [pixelsOf(view) * view.stride * 16];
  };
  const split = splitForScratch(geometry, x, outputs, profile, { workspaces, budget: PACKED_BYTES, step: 1 });
  if (!split) return [];
  const packedWeights = conv.weights.packed(kt * kh, kw * cin);
  const members = MEMBERS.filter(
    (member) => PACKED.includes(member.name) && member.applies(1, profile) && takes(member, outputs),
  );
  return members.flatMap((member) => {
    const weights = memberWeights(member, conv, packedWeights);
    if (!weights) return [];
    const spare = spareOutputs(member, outputs, split.workspaces.length);
    const candidate: Candidate = {
      name: `packed ${member.name}`,
      accuracy: 'exact',
      workspaces: [...split.workspaces, ...spare.workspaces],
      packs: weights.packs,
      lower: () => [
        ...weights.prepare(),
        ...split.parts.flatMap((part) => {
          const problem = problemOf(conv, part);
          const view = packed(part.x.shape[0], part.x.shape[1]);
          const workspace: Argument = { from: 'workspace', index: 0 };
          return [
            { kernel: conv3dStemPack(problem, view), args: [part.input, workspace] },
            {
              kernel: member.kernel(packedProblem(problem, view), profile),
              args: [workspace, weights.argument, conv.biasArgument, ...part.outputArgs, ...spare.args],
            },
          ];
        }),
      ],
    };
    // The tiled kernel walks K as one run, so few channels cost it little; on a GPU packing is for the tuner to try.
    return [{ rank: member.rank(profile, conv.cout) + (profile.software ? -20 : 20), candidate }];
  });
}

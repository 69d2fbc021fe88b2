/** @file All ways of computing a convolution. Which of them is taken where follows from what they do (estimate.ts). */

import type { DeviceProfile } from '../../core/kernel.ts';
import type { Candidate, NodeOperands } from '../operator.ts';
import { depthwiseCandidates } from './depthwise.ts';
import { type ConvolutionNode, convolution } from './family.ts';
import { fewRowsCandidates } from './few_rows.ts';
import { groupedCandidates } from './grouped.ts';
import { memberCandidates } from './members.ts';
import { packedCandidates } from './packed.ts';
import { splitKCandidates } from './split_k.ts';
import { winogradCandidates } from './winograd.ts';

export function conv3dCandidates(node: ConvolutionNode, io: NodeOperands, profile: DeviceProfile): Candidate[] {
  const depthwise = depthwiseCandidates(node, io, profile);
  // The others flip the weights of one group.
  if (node.flipped && node.groups > 1) return depthwise;
  const conv = convolution(node, io, profile);
  const groups = [
    memberCandidates,
    packedCandidates,
    winogradCandidates,
    splitKCandidates,
    fewRowsCandidates,
    groupedCandidates,
  ];
  return [...depthwise, ...groups.flatMap((candidates) => candidates(conv))];
}

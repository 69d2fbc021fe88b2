/** @file What candidates are tried on: the convolutions and pools of I3D, their gradients, and shapes that fill no tile. */

import { ACCURACIES, type Accuracy, type DeviceProfile } from '../../src/core/kernel.ts';
import { devicePasses } from '../../src/graph/choose.ts';
import { type Case, conv3dCase, gradientCases, i3dCases } from '../cases.ts';
import type { ModelSize } from '../i3d.ts';
import type { ModelResult } from './outcome.ts';

export interface Problem {
  readonly subject: Case;
  /** Of the model's clip; 0 for what is none of its. */
  readonly frames: number;
  /** In which it occurs: some hand each other f16. */
  readonly classes: readonly Accuracy[];
  /** Whether candidates are timed, too. */
  readonly timed: boolean;
}

/** All of a network's on a clip, in all classes. */
export function modelProblems(profile: DeviceProfile, clip: ModelSize): Problem[] {
  const found = new Map<string, Problem>();
  for (const accuracy of ACCURACIES) {
    for (const subject of i3dCases(clip, devicePasses(profile, { accuracy }))) {
      const classes = [...(found.get(subject.name)?.classes ?? []), accuracy];
      found.set(subject.name, { subject, frames: clip.frames, classes, timed: true });
    }
  }
  return [...found.values()];
}

/** Channels that are no multiple of 4, pictures smaller than tiles, windows that hang over, two strides. */
export function awkwardProblems(): Problem[] {
  const subjects = [
    conv3dCase([1, 1, 1], 1, 1, [3, 3, 3]),
    conv3dCase([2, 7, 13], 5, 17, [3, 3, 3]),
    conv3dCase([7, 2, 1], 33, 5, [3, 3, 3]),
    conv3dCase([4, 13, 14], 36, 70, [3, 3, 3]),
    conv3dCase([2, 5, 6], 69, 73, [3, 3, 3]),
    conv3dCase([7, 13, 7], 17, 5, [3, 3, 3], [2, 2, 2]),
    conv3dCase([5, 13, 13], 3, 8, [7, 7, 7], [2, 2, 2]),
    conv3dCase([3, 7, 7], 130, 67, [1, 1, 1]),
    conv3dCase([1, 1, 3], 514, 3, [1, 1, 1]),
  ];
  return subjects.map((subject) => ({ subject, frames: 0, classes: ACCURACIES, timed: false }));
}

/** Of a training step on a clip. */
export const gradientProblems = (clip: ModelSize): Problem[] =>
  gradientCases(clip).map((subject) => ({
    subject,
    frames: clip.frames,
    classes: ['exact'],
    timed: true,
  }));

/** The largest share of a model's time first, in whichever class it is largest; by arithmetic where no model was timed. */
export function byShareOfTime(problems: readonly Problem[], models: readonly ModelResult[]): Problem[] {
  const share = ({ subject, frames }: Problem): number => {
    const nodes = new Set(subject.nodes);
    const shares = models
      .filter(({ record }) => record.frames === frames)
      .map(({ layers }) => total(layers.filter(({ node }) => nodes.has(node))) / total(layers));
    return Math.max(0, ...shares);
  };
  return problems
    .map((problem) => ({ problem, share: share(problem), flops: problem.subject.cost.flops * problem.subject.count }))
    .sort((a, b) => b.share - a.share || b.flops - a.flops)
    .map(({ problem }) => problem);
}

const total = (layers: readonly { readonly ms: number }[]): number => layers.reduce((sum, { ms }) => sum + ms, 0);

/** @file What a visitor may choose: how long, which network, which stages. */

import type { StageName } from '../../bench/gpu/outcome.ts';
import { type SessionSizes, SIZES } from '../../bench/gpu/sizes.ts';

export const BUDGETS = ['quick', 'short', 'long'] as const;
export type Budget = (typeof BUDGETS)[number];

/** How long each takes, and the stages that are worth that time. */
export const BUDGET: Readonly<
  Record<Budget, { readonly title: string; readonly minutes: number; readonly stages: readonly StageName[] }>
> = {
  quick: { title: '30 s', minutes: 0.5, stages: ['peaks', 'models', 'flow'] },
  short: { title: '3 min', minutes: 3, stages: ['peaks', 'defaults', 'models', 'flow', 'training'] },
  long: {
    title: '10 min',
    minutes: 10,
    stages: ['peaks', 'defaults', 'models', 'flow', 'training', 'candidates', 'timings'],
  },
};

export const SCALES = ['full', 'small'] as const;
export type Scale = (typeof SCALES)[number];

/** The small one is for phones and for adapters that run on the processor. */
export const SCALE: Readonly<Record<Scale, { readonly title: string; readonly sizes: SessionSizes }>> = {
  full: { title: 'I3D, 224×224', sizes: SIZES },
  small: {
    title: 'Small network, 56×56',
    sizes: {
      clips: { frames: [8, 16], size: 56, network: { architecture: 'inception-4', width: 0.25 } },
      flow: { width: 80, height: 60, pairs: 4 },
      training: [{ architecture: 'inception-4', width: 0.25, frames: 8, size: 56, batch: 2, classes: 16 }],
    },
  },
};

/** What each stage finds. */
export const STAGE_TITLES: Readonly<Record<StageName, { readonly title: string; readonly finds: string }>> = {
  facts: { title: 'Device', finds: 'limits, features, subgroups' },
  peaks: { title: 'Peaks', finds: 'multiply-adds in registers, bytes copied: what 100 % is' },
  defaults: { title: 'Correctness', finds: 'the kernels that are taken here, against sums in float64' },
  models: { title: 'Network', finds: 'whole forward passes in all accuracy classes, and each layer' },
  peers: {
    title: 'Other engines',
    finds: 'tfjs and onnxruntime-web on the same work, in turns; they are loaded only now',
  },
  flow: { title: 'Optical flow', finds: 'TV-L1 in its presets, on a motion that is known' },
  training: { title: 'Training step', finds: 'forward, backward and update' },
  candidates: { title: 'All kernels', finds: 'every kernel of every layer, checked, then timed' },
  timings: { title: 'Long clip', finds: 'the better kernels on four times as many frames' },
};

/** @file Candidates for a few output pixels, such as a dense layer has: conv3d/few_rows.ts. */

import { sizeOf } from '../../core/tensor.ts';
import { conv3dFewRows, type FewRowsTile, fewRowsWidth } from '../../kernels/conv3d/few_rows.ts';
import { conv3dSplitKSum, splitKBytes } from '../../kernels/conv3d/split_k.ts';
import { fixedNarrowSubgroup, type WeightsIn } from '../../kernels/shared/subgroup.ts';
import { pixelsOf, vec4s, viewBytes } from '../../kernels/shared/view.ts';
import { streamWork, type Work } from '../../kernels/shared/work.ts';
import { deviceRates, workgroupsToFill } from '../device_rates.ts';
import type { Candidate } from '../operator.ts';
import { splitWindows } from '../sliding_window.ts';
import { type Convolution, problemOf } from './family.ts';
import { type PackedWeights, panelWeights } from './weights.ts';

/** With more pixels than that the products count, and tiles share what they load. */
const MOST_PIXELS = 8;
/** vec4 of K that a part should have. */
const FEWEST_QUADS = 16;
const MOST_PARTS = 128;

export function fewRowsCandidates(conv: Convolution): Candidate[] {
  const { groups, second, outputs, profile, packedWeights, halfWeights, cout } = conv;
  if (groups !== 1 || second || pixelsOf(outputs[0]!.view) > MOST_PIXELS) return [];
  const lanes = profile.software ? fixedNarrowSubgroup(profile) : undefined;
  const panels = lanes !== undefined && profile.texels ? panelWeights(packedWeights, cout, lanes) : undefined;
  const buffer = { weightsIn: 'buffer', unrolled: profile.software ? 1 : 4 } as const;
  return [
    ...(panels ? candidate(conv, panels, { lanes, weightsIn: 'panels' }) : []),
    ...candidate(conv, packedWeights, buffer),
    ...(halfWeights ? candidate(conv, halfWeights, { ...buffer, half: true }) : []),
  ];
}

/** One, or none where the pixels do not fit into one binding. */
function candidate(conv: Convolution, weights: PackedWeights, kind: Omit<FewRowsTile, 'parts'>): Candidate[] {
  const { geometry, x, outputs, profile, cin } = conv;
  const [part, ...others] = splitWindows(geometry, x, outputs, profile);
  if (!part || others.length > 0) return [];
  const problem = problemOf(conv, part);
  const half = kind.half ?? false;
  const quads = sizeOf(geometry.kernel) * vec4s(cin);
  const cout4 = outputs.reduce((sum, { view }) => sum + vec4s(view.shape[4]), 0);
  const threads = fewRowsWidth(kind);
  const columns = Math.ceil(cout4 / threads);
  const filled = workgroupsToFill(deviceRates(profile), threads);
  const parts = Math.max(1, Math.min(Math.ceil(filled / columns), Math.floor(quads / FEWEST_QUADS), MOST_PARTS));
  const pixels = pixelsOf(outputs[0]!.view);
  const sumsBytes = parts > 1 ? splitKBytes(problem, parts) : 0;
  const written = outputs.reduce((sum, { view }) => sum + viewBytes(view), 0);
  const product: Work = {
    arithmetic: kind.weightsIn === 'panels' ? 'panels' : profile.software ? 'buffer' : 'plain',
    share: profile.software ? processorShare(kind.weightsIn, pixels) : 1,
    flops: 32 * quads * cout4 * pixels,
    bytes: quads * cout4 * (half ? 32 : 64) + viewBytes(part.x) + (sumsBytes || written),
    workgroups: columns * parts,
    threads,
  };
  const tile: FewRowsTile = { ...kind, parts };
  return [
    {
      name: `${half ? 'half ' : ''}few rows${kind.weightsIn === 'panels' ? ' panels' : ''} ${parts}`,
      accuracy: half ? 'half' : 'exact',
      workspaces: parts > 1 ? [sumsBytes] : [],
      packs: weights.packs,
      work: [...weights.work, product, ...(parts > 1 ? [streamWork(sumsBytes / parts / 16, sumsBytes + written)] : [])],
      lower() {
        const kernel = conv3dFewRows(problem, tile);
        const from = [part.input, weights.argument];
        if (parts === 1) {
          return [...weights.prepare(), { kernel, args: [...from, conv.biasArgument, ...part.outputArgs] }];
        }
        const sums = { from: 'workspace', index: 0 } as const;
        return [
          ...weights.prepare(),
          { kernel, args: [...from, sums] },
          { kernel: conv3dSplitKSum(problem, parts), args: [sums, conv.biasArgument, ...part.outputArgs] },
        ];
      },
    },
  ];
}

/** Of the rate of full tiles, which use a weight for every pixel: with few of those, reading weights is most of it. */
const processorShare = (weightsIn: WeightsIn, pixels: number): number => {
  const products = pixels * (weightsIn === 'panels' ? 0.25 : 0.15);
  return products / (1 + products);
};

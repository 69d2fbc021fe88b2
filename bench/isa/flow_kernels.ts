/**
 * @file The dispatches of TV-L1 and what they do. As many steps are recorded as the parameters allow, and a pair that has converged
 * does nothing in what is left of a warp, so which of them work is a guess from what real pairs took.
 */

import type { DeviceProfile, Kernel } from '../../src/core/kernel.ts';
import { type PresetName, presets } from '../../src/flow/options.ts';
import { planFlow } from '../../src/flow/plan.ts';
import { pyramidExtents } from '../../src/flow/pyramid.ts';
import { solverFor } from '../../src/flow/solver_kind.ts';
import type { Work } from '../../src/kernels/shared/work.ts';
import { iterationsPerStep } from '../../src/kernels/tvl1/layout.ts';
import type { Use } from './use.ts';

/** The pictures that the flow stream works on, in pixels, and how many pairs there are. */
const FLOW = { width: 340, height: 256, pairs: 16 };

/** Iterations of a level's first warp and of its others: means over two pairs of the reference clip, 2026-11-29. */
const ITERATIONS: Record<PresetName, readonly [first: number, later: number]> = {
  opencv: [74, 19],
  accurate: [53, 23],
  fast: [28, 28],
};

/** Read and written by a thread, by the beginnings of kernels' names. A tile's thread has two quads, and its rim is read only. */
const BYTES: readonly (readonly [name: string, bytes: number])[] = [
  ['tvl1_tile', 2 * (2 + 4 + 4) * 16 + 2 * (2 + 4) * 16],
  ['tvl1_median', 16 + 16],
  ['tvl1_warp', 8 + 8 + 16],
  ['tvl1_upsample', 8 + 24],
  ['tvl1_weighted_median', 16 + 8],
  ['tvl1', 16],
];

/** Multiply-adds of a pixel in an iteration, as compilers fuse them; by these the estimate knows how often the loop turns. */
const FMAS = 14;
const PIXELS_OF_THREAD = 8;

/** Equal dispatches as one, with their number. */
export function flowUses(profile: DeviceProfile): { kernel: Kernel; use: Omit<Use, 'workgroups'> }[] {
  return (Object.keys(presets) as PresetName[]).flatMap((name) => {
    const options = presets[name];
    const extents = pyramidExtents(FLOW, options.scales, options.scaleStep);
    const { steps } = planFlow(profile, extents, FLOW.pairs, options, solverFor(profile));
    const count = iterationsPerStep(options.innerIterations);
    const found = new Map<string, { kernel: Kernel; use: Omit<Use, 'workgroups'> & { times: number } }>();
    let warp = -1;
    let iterations = 0;
    for (const { kernel } of steps) {
      if (kernel.name.startsWith('tvl1_upsample')) warp = -1;
      if (kernel.name.startsWith('tvl1_warp')) [warp, iterations] = [warp + 1, 0];
      const iterates = /^tvl1_(tile|median)/.test(kernel.name);
      const idle = iterates && iterations >= ITERATIONS[name][warp === 0 ? 0 : 1];
      if (kernel.name.startsWith('tvl1_tile')) iterations += count;
      const key = `${kernel.wgsl}${kernel.workgroups}${idle}`;
      const entry = found.get(key) ?? {
        kernel,
        use: {
          where: `TV-L1 ${name}`,
          node: kernel.name,
          candidate: kernel.name,
          flops: 0,
          work: workOf(kernel, count),
          idle,
          times: 0,
        },
      };
      found.set(key, entry);
      entry.use.times++;
    }
    return [...found.values()];
  });
}

function workOf({ name, wgsl, workgroups }: Kernel, iterations: number): Work {
  const [, size] = wgsl.match(/@workgroup_size\(([\d, ]+)\)/) ?? [];
  if (size === undefined) throw new Error(`${name} says no size of its workgroups.`);
  const threads = size.split(',').reduce((product, each) => product * Number(each), 1);
  const groups = workgroups.reduce((product, each) => product * each, 1);
  const [, bytes] = BYTES.find(([prefix]) => name.startsWith(prefix))!;
  const fmas = name.startsWith('tvl1_tile') ? FMAS * PIXELS_OF_THREAD * iterations : 0;
  const all = groups * threads;
  return { arithmetic: 'transform', flops: 2 * fmas * all, bytes: bytes * all, workgroups: groups, threads };
}

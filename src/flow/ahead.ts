/** @file Compiles the kernels of a flow before there are frames, for callers who wait for something else meanwhile. */

import { type Abortable, checkSignal, unlessAborted } from '../core/abort.ts';
import type { Gpu } from '../gpu/device.ts';
import { warmUp } from '../gpu/warmup.ts';
import { denseView } from '../kernels/shared/view.ts';
import { flowGrey } from '../kernels/tvl1/grey.ts';
import { flowStream } from '../kernels/tvl1/stream.ts';
import { type PresetName, resolveOptions } from './options.ts';
import { pyramidExtents } from './pyramid.ts';
import { solverFor } from './solver_kind.ts';
import { checkStreamOptions } from './stream.ts';

/** Sizes are uniforms, so frames of any size have these kernels. Two levels at least; small, since a pair is computed. Pixels. */
const SIZE = { width: 24, height: 24 };

interface CompileFlowOptions extends Abortable {
  /** Called with the kernels that are done and all of them. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Compiles what `computeFlow` and `flowToStream` will want.
 * @throws InputError for an unknown preset; KernelCompileError, DeviceLostError; the reason of `signal`
 */
export async function compileFlow(
  gpu: Gpu,
  preset: PresetName,
  { signal, onProgress }: CompileFlowOptions = {},
): Promise<void> {
  checkSignal('compileFlow', signal);
  const options = resolveOptions({ preset });
  const extents = pyramidExtents(SIZE, options.scales, options.scaleStep);
  // More warps and rounds have the same kernels; only those after the first round may find that nothing is left to do.
  const few = { ...options, warps: 1, outerIterations: Math.min(2, options.outerIterations) };
  const { planFlow } = await import('./plan.ts');
  const { steps } = planFlow(gpu.profile, extents, 1, few, solverFor(gpu.profile));
  const stream = flowStream({
    flow: SIZE,
    y: denseView([1, 1, SIZE.height, SIZE.width, 2]),
    ...checkStreamOptions({}, SIZE),
  });
  const kernels = [flowGrey(SIZE, 2), ...steps.map(({ kernel }) => kernel), stream];
  await unlessAborted(warmUp(gpu, kernels, onProgress), signal);
}

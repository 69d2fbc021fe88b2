/**
 * @file How a convolution that needs scratch memory is cut over batch and time: few output frames at a time, so that the
 * scratch memory stays small and no binding is larger than the device allows.
 */

import type { DeviceProfile } from '../../core/kernel.ts';
import type { Triple } from '../../kernels/conv3d/problem.ts';
import type { Operand } from '../operator.ts';
import { frameBytes, frameRange, type Part, resolvePadding, type WindowGeometry } from '../window.ts';

/** Bytes of each workspace for a part of so many samples, input frames and output frames. */
export type WorkspaceSizes = (samples: number, inputFrames: number, outputFrames: number) => readonly number[];

export interface PartLimits {
  /** Bytes of all workspaces together that a part should stay below; a part of `step` frames may need more. */
  readonly budget: number;
  /** Output frames per part are a multiple of it, but for the last part's. */
  readonly step: number;
}

/**
 * The whole node as one part where everything fits, else a range of frames of one sample per part; undefined when the
 * smallest part does not fit into the device's bindings.
 */
export function splitForWorkspace(
  geometry: WindowGeometry,
  x: Operand,
  outputs: readonly Operand[],
  { maxStorageBinding: limit, bindingAlignment: alignment }: DeviceProfile,
  sizes: WorkspaceSizes,
  { budget, step }: PartLimits,
): { readonly parts: readonly Part[]; readonly workspaces: readonly number[] } | undefined {
  const [samples, frames, height, width] = x.view.shape;
  const outputFrames = outputs[0]!.view.shape[1];
  const before = resolvePadding(geometry, [frames, height, width]).map((pair) => pair[0]) as unknown as Triple;
  const [window, stride] = [geometry.kernel[0], geometry.stride[0]];
  const inputFrames = (count: number): number => Math.min((count - 1) * stride + window, frames);
  const small = (workspaces: readonly number[]): boolean => workspaces.every((size) => size <= limit);
  const total = (workspaces: readonly number[]): number => workspaces.reduce((sum, size) => sum + size, 0);

  const whole = sizes(samples, frames, outputFrames);
  const operands = [x, ...outputs];
  if (operands.every(({ storageBytes }) => storageBytes <= limit) && small(whole) && total(whole) <= budget) {
    const part = {
      x: x.view,
      outputs: outputs.map(({ view }) => view),
      padding: before,
      input: { from: 'input', index: 0 },
      outputArgs: outputs.map((_, index) => ({ from: 'output', index }) as const),
    } satisfies Part;
    return { parts: [part], workspaces: whole };
  }

  const bindable = (count: number): boolean =>
    inputFrames(count) * frameBytes(x.view) + alignment <= limit &&
    outputs.every(({ view }) => count * frameBytes(view) + alignment <= limit) &&
    small(sizes(1, inputFrames(count), count));
  const affordable = (count: number): boolean =>
    bindable(count) && total(sizes(1, inputFrames(count), count)) <= budget;
  let largest = Math.ceil(outputFrames / step) * step;
  while (largest > step && !affordable(largest)) largest -= step;
  if (!bindable(Math.min(largest, outputFrames))) return undefined;
  // Parts of about the same size: their time is bounded by the largest, and so is the workspace.
  const count = Math.ceil(outputFrames / Math.ceil(outputFrames / largest) / step) * step;

  const parts: Part[] = [];
  for (let sample = 0; sample < samples; sample++) {
    for (let first = 0; first < outputFrames; first += count) {
      const last = Math.min(first + count, outputFrames);
      const top = first * stride - before[0];
      const from = Math.min(Math.max(top, 0), frames - 1);
      const to = Math.max(Math.min(top + (last - 1 - first) * stride + window, frames), from + 1);
      const source = frameRange(x.view, sample, from, to, alignment);
      const targets = outputs.map(({ view }) => frameRange(view, sample, first, last, alignment));
      parts.push({
        x: source.view,
        outputs: targets.map(({ view }) => view),
        padding: [from - top, before[1], before[2]],
        input: { from: 'input', index: 0, offset: source.offset, size: source.size },
        outputArgs: targets.map(({ offset, size }, index) => ({ from: 'output', index, offset, size })),
      });
    }
  }
  const each = parts.map((part) => sizes(1, part.x.shape[1], part.outputs[0]!.shape[1]));
  return { parts, workspaces: each[0]!.map((_, i) => Math.max(...each.map((workspaces) => workspaces[i]!))) };
}

/**
 * @file Sliding windows: output sizes and padding of convolutions and pools, and how a dispatch is cut over batch and time
 * where a tensor is larger than one storage binding may be.
 */

import { describeValue } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import type { DeviceProfile, Kernel } from '../core/kernel.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import { type View, vec4Bytes, vec4s } from '../kernels/shared/view.ts';
import type { Argument, Candidate, Operand } from './operator.ts';

/** `same` and `valid` as TensorFlow has them, or explicit amounts before and after each of T, H, W. */
export type Padding = 'same' | 'valid' | readonly [PaddingPair, PaddingPair, PaddingPair];
export type PaddingPair = readonly [before: number, after: number];

export interface WindowGeometry {
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly padding: Padding;
}

const AXES = ['frames', 'rows', 'columns'] as const;

/**
 * Padding per axis. TensorFlow's SAME depends on the input's size and puts the odd one at the end:
 * total = (⌈n/s⌉ − 1)·s + k − n.
 */
export function resolvePadding(
  { kernel, stride, padding }: WindowGeometry,
  size: Triple,
): [PaddingPair, PaddingPair, PaddingPair] {
  const axis = (i: 0 | 1 | 2): PaddingPair => {
    if (padding === 'valid') return [0, 0];
    if (padding !== 'same') return padding[i];
    const total = Math.max((Math.ceil(size[i] / stride[i]) - 1) * stride[i] + kernel[i] - size[i], 0);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  };
  return [axis(0), axis(1), axis(2)];
}

/** @throws GraphError unless kernel and stride are three whole numbers of at least 1 and the padding is one that there is. */
function checkGeometry({ kernel, stride, padding }: WindowGeometry): void {
  for (const [name, triple] of Object.entries({ kernel, stride })) {
    if (Array.isArray(triple) && triple.length === 3 && triple.every((n) => Number.isSafeInteger(n) && n >= 1))
      continue;
    throw new GraphError(`its ${name} must be three whole numbers of at least 1 (T, H, W), not ${listed(triple)}`);
  }
  if (padding === 'same' || padding === 'valid') return;
  const isPair = (pair: unknown): boolean =>
    Array.isArray(pair) && pair.length === 2 && pair.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (Array.isArray(padding) && padding.length === 3 && padding.every(isPair)) return;
  throw new GraphError(
    `its padding must be "same", "valid" or three pairs of whole numbers of at least 0, not ${listed(padding)}`,
  );
}

const listed = (value: unknown): string => (Array.isArray(value) ? JSON.stringify(value) : describeValue(value));

/** @throws GraphError when the window does not fit, or is none. */
export function windowOutput(geometry: WindowGeometry, size: Triple): Triple {
  checkGeometry(geometry);
  const padding = resolvePadding(geometry, size);
  return size.map((extent, i) => {
    const [before, after] = padding[i]!;
    const output = Math.floor((extent + before + after - geometry.kernel[i]!) / geometry.stride[i]!) + 1;
    if (output < 1) {
      throw new GraphError(`its window of ${geometry.kernel[i]} ${AXES[i]} does not fit into ${extent}`);
    }
    return output;
  }) as unknown as Triple;
}

/** Whether the one window of the output is all of the input. */
export const coversAll = (geometry: WindowGeometry, size: Triple): boolean =>
  geometry.kernel.every((extent, axis) => extent === size[axis]) &&
  resolvePadding(geometry, size).every(([before]) => before === 0) &&
  windowOutput(geometry, size).every((extent) => extent === 1);

/** A part of a node's work: whole operands, or a range of frames of one sample. */
export interface Part {
  readonly x: View;
  readonly outputs: readonly View[];
  readonly padding: Triple;
  readonly input: Argument;
  readonly outputArgs: readonly Argument[];
}

/** Scratch memory that each part of a node's work needs, and how much of it there should be. */
interface Scratch {
  /** Bytes of each workspace for a part of so many samples, input frames and output frames. */
  workspaces(samples: number, inputFrames: number, outputFrames: number): readonly number[];
  /** Bytes of all workspaces together that a part should stay below; a part of `step` frames may need more. */
  readonly budget: number;
  /** Output frames per part are a multiple of it, but for the last part's. */
  readonly step: number;
}

const NO_SCRATCH: Scratch = { workspaces: () => [], budget: 0, step: 1 };

/** Where parts may lie: no binding is larger than the limit, and each begins at a multiple of the alignment. */
type BindingLimits = Pick<DeviceProfile, 'maxStorageBinding' | 'bindingAlignment'>;

/**
 * Cuts a sliding-window node over samples and frames so that no binding is larger than the device allows. One part that covers
 * everything where it fits.
 * @throws GraphError when a single output frame does not fit.
 */
export function splitWindows(
  geometry: WindowGeometry,
  x: Operand,
  outputs: readonly Operand[],
  limits: BindingLimits,
): readonly Part[] {
  const split = splitForScratch(geometry, x, outputs, limits, NO_SCRATCH);
  if (!split) throw tooLarge(limits);
  return split.parts;
}

const tooLarge = ({ maxStorageBinding }: BindingLimits): GraphError =>
  new GraphError(`one frame of it needs a storage binding of more than ${maxStorageBinding} bytes, the device's limit`);

/**
 * The same with so few output frames at a time that the scratch memory stays within its budget.
 * @returns The parts and the bytes of the workspaces that they share; undefined when the smallest part does not fit into the
 *   device's bindings.
 */
export function splitForScratch(
  geometry: WindowGeometry,
  x: Operand,
  outputs: readonly Operand[],
  { maxStorageBinding: limit, bindingAlignment: alignment }: BindingLimits,
  { workspaces, budget, step }: Scratch,
): { readonly parts: readonly Part[]; readonly workspaces: readonly number[] } | undefined {
  const [samples, frames, height, width] = x.view.shape;
  const outputFrames = outputs[0]!.view.shape[1];
  const before = resolvePadding(geometry, [frames, height, width]).map((pair) => pair[0]) as unknown as Triple;
  const [window, stride] = [geometry.kernel[0], geometry.stride[0]];
  const inputFrames = (count: number): number => Math.min((count - 1) * stride + window, frames);
  const small = (sizes: readonly number[]): boolean => sizes.every((size) => size <= limit);
  const total = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum + size, 0);

  const whole = workspaces(samples, frames, outputFrames);
  if (small([x, ...outputs].map(({ storageBytes }) => storageBytes)) && small(whole) && total(whole) <= budget) {
    const part: Part = {
      x: x.view,
      outputs: outputs.map(({ view }) => view),
      padding: before,
      input: { from: 'input', index: 0 },
      outputArgs: outputs.map((_, index) => ({ from: 'output', index })),
    };
    return { parts: [part], workspaces: whole };
  }

  const bindable = (count: number): boolean =>
    inputFrames(count) * frameBytes(x.view) + alignment <= limit &&
    outputs.every(({ view }) => count * frameBytes(view) + alignment <= limit) &&
    small(workspaces(1, inputFrames(count), count));
  const affordable = (count: number): boolean =>
    bindable(count) && total(workspaces(1, inputFrames(count), count)) <= budget;
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
      // A window that lies in the padding alone still gets a frame to bind.
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
  const each = parts.map((part) => workspaces(1, part.x.shape[1], part.outputs[0]!.shape[1]));
  return { parts, workspaces: each[0]!.map((_, i) => Math.max(...each.map((sizes) => sizes[i]!))) };
}

/** Whole operands, or the same frames of one sample of each. */
export interface PointwisePart {
  readonly inputs: readonly View[];
  readonly outputs: readonly View[];
  readonly inputArgs: readonly Argument[];
  readonly outputArgs: readonly Argument[];
}

/** Cuts a node whose operands all have the same pixels, as `splitWindows` does. */
export function splitPointwise(
  inputs: readonly Operand[],
  outputs: readonly Operand[],
  limits: BindingLimits,
): PointwisePart[] {
  const { maxStorageBinding: limit, bindingAlignment: alignment } = limits;
  const all = [...inputs, ...outputs];
  const argument = (from: 'input' | 'output', index: number) => ({ from, index }) as const;
  if (all.every((operand) => operand.storageBytes <= limit)) {
    return [
      {
        inputs: inputs.map(({ view }) => view),
        outputs: outputs.map(({ view }) => view),
        inputArgs: inputs.map((_, i) => argument('input', i)),
        outputArgs: outputs.map((_, i) => argument('output', i)),
      },
    ];
  }
  const [samples, frames] = outputs[0]!.view.shape;
  const largest = Math.max(...all.map(({ view }) => frameBytes(view)));
  const chunk = Math.min(frames, Math.floor((limit - alignment) / largest));
  if (chunk < 1) throw tooLarge(limits);
  const parts: PointwisePart[] = [];
  for (let n = 0; n < samples; n++) {
    for (let first = 0; first < frames; first += chunk) {
      const range = ({ view }: Operand) => frameRange(view, n, first, Math.min(first + chunk, frames), alignment);
      const sources = inputs.map(range);
      const targets = outputs.map(range);
      parts.push({
        inputs: sources.map(({ view }) => view),
        outputs: targets.map(({ view }) => view),
        inputArgs: sources.map(({ offset, size }, i) => ({ ...argument('input', i), offset, size })),
        outputArgs: targets.map(({ offset, size }, i) => ({ ...argument('output', i), offset, size })),
      });
    }
  }
  return parts;
}

/** The candidate of an elementwise kernel. `constants` come between the inputs and the outputs. */
export function pointwise(
  name: string,
  inputs: readonly Operand[],
  outputs: readonly Operand[],
  limits: BindingLimits,
  kernel: (inputs: readonly View[], outputs: readonly View[]) => Kernel,
  constants: readonly Argument[] = [],
): Candidate {
  const parts = splitPointwise(inputs, outputs, limits);
  const lower = () =>
    parts.map((part) => ({
      kernel: kernel(part.inputs, part.outputs),
      args: [...part.inputArgs, ...constants, ...part.outputArgs],
    }));
  return { name, accuracy: 'exact', workspaces: [], lower };
}

/** Bytes from one frame of a view to the next. */
function frameBytes(view: View): number {
  const [, , height, width] = view.shape;
  return height * width * view.stride * vec4Bytes(view);
}

/** Frames `from` … `to` of one sample as a view of its own, with the binding that covers it. */
export function frameRange(view: View, sample: number, from: number, to: number, alignment: number) {
  const [, frames, height, width, channels] = view.shape;
  const bytes = vec4Bytes(view);
  const start = (view.base + (sample * frames + from) * height * width * view.stride) * bytes;
  const offset = Math.floor(start / alignment) * alignment;
  const pixels = (to - from) * height * width;
  const end = start + ((pixels - 1) * view.stride + vec4s(channels)) * bytes;
  return {
    view: { ...view, shape: [1, to - from, height, width, channels], base: (start - offset) / bytes } as View,
    offset,
    size: end - offset,
  };
}

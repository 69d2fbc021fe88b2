/**
 * @file Checks an inflated network against the 2D one it came from: on a clip that repeats one image, every layer must give at
 * every frame what the 2D network gives on the image.
 *
 * SAME padding puts zeros before the first and after the last frame, so near a clip's ends layers differ, and the deeper the
 * layer the further in. Which frames of a layer no padding has reached follows from the graph: a convolution's output frame is
 * free of it where its window lies within the clip and all frames of the window are free. Max pools leave padding out, so of
 * their windows only the frames that exist must be free. Frames that are not free are not compared, and the clip is just long
 * enough that every layer has one that is.
 */

import { checkTensor } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { type FloatTensor, floatTensor, formatShape, sizeOf } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { compile } from '../graph/compile.ts';
import { type Graph, isOp, type Node, type ValueId } from '../graph/graph.ts';
import { DeviceParameters } from '../graph/parameters.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import { conv3d } from '../ops/conv3d/conv3d.ts';
import { pool3d } from '../ops/pool3d.ts';
import { resolvePadding } from '../ops/sliding_window.ts';
import { unary } from '../ops/unary.ts';
import type { ModelSpec } from './definition.ts';
import { addModel, OUTPUTS } from './graph.ts';
import type { Network } from './recogniser.ts';
import { checkSpec, reductionOf, specMinimum } from './spec.ts';

/** The largest relative difference that rounding explains, in float32 and over all layers. */
export const TOLERANCE = 1e-4;

export interface LayerDifference {
  readonly layer: string;
  /** Frames of the layer's output, and how many of them no padding has reached. */
  readonly frames: number;
  readonly free: number;
  /** Largest difference in those, divided by the largest value of the 2D network's layer; NaN where a value is NaN. */
  readonly difference: number;
}

export interface Verification {
  /** Frames of the clip. */
  readonly frames: number;
  /** Side of the image, pixels. */
  readonly size: number;
  /** In the order in which they are computed. */
  readonly layers: readonly LayerDifference[];
  /** The first layer whose difference is larger than `TOLERANCE`. */
  readonly first: LayerDifference | undefined;
}

/**
 * Runs both networks with kernels of full accuracy.
 * @param image size×size×C in −1 … 1, what the networks are run on.
 * @throws InputError when the two are not the same network in 2D and 3D, or the image does not suit them.
 */
export async function verifyInflation(
  gpu: Gpu,
  flat: Network,
  inflated: Network,
  image: FloatTensor,
): Promise<Verification> {
  checkPair(checkSpec(flat.spec, 'The 2D network'), checkSpec(inflated.spec, 'The 3D network'));
  checkTensor('The image', image, ['f32']);
  const [size = 0, width, channels] = image.shape;
  if (image.shape.length !== 3 || width !== size || channels !== flat.spec.channels) {
    throw new InputError(`The image must be size×size×${flat.spec.channels}, not ${formatShape(image.shape)}.`);
  }
  const frames = freeClipLength(inflated.spec, size);
  const reference = await run(gpu, flat, repeated(image, 1));
  const actual = await run(gpu, inflated, repeated(image, frames));
  const free = freeFrames(actual.graph);
  const layers = layerNames(actual.graph).map((layer) => {
    const mask = free.get(actual.graph.names.get(layer)!)!;
    const difference = largestDifference(reference.outputs[layer]!, actual.outputs[layer]!, mask);
    return { layer, frames: mask.length, free: mask.filter(Boolean).length, difference };
  });
  // NaN is no agreement.
  return { frames, size, layers, first: layers.find(({ difference }) => !(difference <= TOLERANCE)) };
}

/** @throws InputError when one is not the other with time added. */
function checkPair(flat: ModelSpec, inflated: ModelSpec): void {
  if (flat.dimensions !== 2 || inflated.dimensions !== 3) {
    throw new InputError('Verification takes a 2D network and the 3D one that it was inflated to, in this order.');
  }
  for (const key of ['architecture', 'width', 'channels', 'classes'] as const) {
    if (flat[key] !== inflated[key]) {
      throw new InputError(
        `The two networks do not belong together: ${key} is ${flat[key]} in 2D and ${inflated[key]} in 3D.`,
      );
    }
  }
}

/** The network with a head that fits any image. All layers are named. */
function verificationGraph(spec: ModelSpec, frames: number, size: number): Graph {
  const builder = new GraphBuilder();
  addModel(builder, spec, builder.input('clip', [1, frames, size, size, spec.channels]), {
    dropout: 0,
    overTime: true,
  });
  const graph = builder.build();
  const units = graph.nodes.flatMap((node) =>
    isOp(node, unary) && node.attributes.fn === 'relu'
      ? [[node.name.replace(/\/relu$/, ''), node.outputs[0]!] as const]
      : [],
  );
  return { ...graph, names: new Map([...units, ...graph.names]) };
}

/** What is compared: everything before time is averaged, in the order of computation. */
function layerNames({ names }: Graph): string[] {
  const after = Object.values(OUTPUTS) as readonly string[];
  const layers = [...names].filter(([name]) => !after.includes(name));
  return layers.sort(([, a], [, b]) => a - b).map(([name]) => name);
}

/** The shortest clip in which every layer has a frame that no padding has reached. */
export function freeClipLength(spec: ModelSpec, size: number): number {
  const step = reductionOf(spec).stride[0];
  const steps = Math.ceil(specMinimum(spec)[0] / step);
  for (let frames = steps * step; ; frames += step) {
    const graph = verificationGraph(spec, frames, size);
    const free = freeFrames(graph);
    if (layerNames(graph).every((name) => free.get(graph.names.get(name)!)!.some(Boolean))) return frames;
  }
}

/** For each value with a time axis, which of its frames no padding along time has reached. */
export function freeFrames(graph: Graph): Map<ValueId, boolean[]> {
  const free = new Map<ValueId, boolean[]>();
  graph.values.forEach(({ source, type: { shape } }, id) => {
    if (source.kind === 'input') free.set(id, new Array<boolean>(shape[1]!).fill(true));
  });
  for (const node of graph.nodes) {
    const masks = node.inputs.flatMap((id) => (free.has(id) ? [free.get(id)!] : []));
    const [output] = node.outputs as [ValueId];
    const { shape } = graph.values[output]!.type;
    if (masks.length > 0 && shape.length === 5) free.set(output, freeOutputs(graph, node, masks, shape[1]!));
  }
  return free;
}

function freeOutputs(graph: Graph, node: Node, masks: readonly boolean[][], count: number): boolean[] {
  const [mask] = masks as [boolean[]];
  const window = windowOf(graph, node);
  if (!window) return mask.map((_, frame) => masks.every((other) => other[frame]));
  const { extent, stride, before, ignoresPadding } = window;
  return Array.from({ length: count }, (_, frame) =>
    Array.from({ length: extent }, (_, tap) => mask[frame * stride - before + tap] ?? ignoresPadding).every(Boolean),
  );
}

/** The window of a node along time. */
function windowOf(graph: Graph, node: Node) {
  const [, ...size] = graph.values[node.inputs[0]!]!.type.shape.slice(0, 4) as [number, number, number, number];
  if (isOp(node, conv3d)) {
    const kernel = graph.values[node.inputs[1]!]!.type.shape.slice(0, 3) as unknown as Triple;
    const { stride, padding } = node.attributes;
    const [[before]] = resolvePadding({ kernel, stride, padding }, size as unknown as Triple);
    return { extent: kernel[0], stride: stride[0], before, ignoresPadding: false };
  }
  if (isOp(node, pool3d)) {
    const { kernel, stride, padding, mode } = node.attributes;
    const [[before]] = resolvePadding({ kernel, stride, padding }, size as unknown as Triple);
    return { extent: kernel[0], stride: stride[0], before, ignoresPadding: mode === 'max' };
  }
  return undefined;
}

async function run(gpu: Gpu, { spec, parameters }: Network, clip: FloatTensor) {
  const [, frames = 0, size = 0] = clip.shape;
  const graph = verificationGraph(spec, frames, size);
  const device = new DeviceParameters(gpu, parameters);
  try {
    const plan = await compile(graph, device, { outputs: layerNames(graph), accuracy: 'exact' });
    try {
      return { graph, outputs: await plan.run({ clip }) };
    } finally {
      plan.dispose();
    }
  } finally {
    device.dispose();
  }
}

/** 1×T×H×W×C of H×W×C. */
function repeated({ shape, data }: FloatTensor, frames: number): FloatTensor {
  const clip = new Float32Array(frames * data.length);
  for (let t = 0; t < frames; t++) clip.set(data, t * data.length);
  return floatTensor([1, frames, ...shape], clip);
}

/** @param reference 1×1×H×W×C @param actual 1×T×H×W×C @param frames Which of the T are compared. */
function largestDifference(reference: FloatTensor, actual: FloatTensor, frames: readonly boolean[]): number {
  const size = sizeOf(reference.shape);
  let [largest, scale] = [0, 0];
  for (const value of reference.data) scale = Math.max(scale, Math.abs(value));
  for (const [t, free] of frames.entries()) {
    if (!free) continue;
    for (let i = 0; i < size; i++) {
      const difference = Math.abs(actual.data[t * size + i]! - reference.data[i]!);
      if (Number.isNaN(difference)) return difference;
      if (difference > largest) largest = difference;
    }
  }
  // A layer that is zero throughout, as after a ReLU that nothing passes, must be zero in both.
  return largest === 0 ? 0 : largest / scale;
}

/** @file The networks that the bench runs: the graph at a size, and made-up weights that keep activations finite. */

import { MODELS } from '../src/catalogue.ts';
import { type FloatTensor, floatTensor, type HostTensor, sizeOf } from '../src/core/tensor.ts';
import type { Graph } from '../src/graph/graph.ts';
import { STREAM_CHANNELS, type Stream } from '../src/models/definition.ts';
import { modelGraph as graphOf } from '../src/models/graph.ts';
import { modelSpec } from '../src/models/spec.ts';

export const CLASSES = 400;

/** A model that comes with the package. */
export interface NetworkForm {
  /** An id of `MODELS`. */
  readonly architecture: string;
  /** Factor of all channels. */
  readonly width: number;
}

/** As it was published. */
const I3D_FORM: NetworkForm = { architecture: 'i3d', width: 1 };

export interface ModelSize {
  readonly stream: Stream;
  readonly frames: number;
  /** Pixels on each side. */
  readonly size: number;
  /** I3D where left out. */
  readonly network?: NetworkForm | undefined;
}

/** As records call it, such as `i3d-rgb` or `inception-4×0.25-rgb`. */
export function modelId({ stream, network = I3D_FORM }: Pick<ModelSize, 'stream' | 'network'>): string {
  const { architecture, width } = network;
  return `${architecture}${width === 1 ? '' : `×${width}`}-${stream}`;
}

/** For people, such as `I3D` or `Inception-4 × 0.25`. */
export function networkName({ architecture, width }: NetworkForm = I3D_FORM): string {
  return `${MODELS.get(architecture).name}${width === 1 ? '' : ` × ${width}`}`;
}

/** Frames and pixels that a network is run at where nobody says: a short clip of I3D, what others were published with. */
export function usualSize({ architecture, width }: NetworkForm): Pick<ModelSize, 'frames' | 'size'> {
  const { frames, size } = modelSpec({
    architecture: MODELS.get(architecture),
    width,
    stream: 'rgb',
    classes: CLASSES,
  });
  return { frames: architecture === I3D_FORM.architecture ? 16 : frames, size };
}

export const clipTitle = ({ network, frames, size }: ModelSize): string =>
  `${networkName(network)} ${frames}×${size}×${size}`;

/** What a program of the bench that runs a model is called with. */
export const modelArguments = ({
  network = I3D_FORM,
  stream,
  frames,
  size,
}: ModelSize): readonly (string | number)[] => [network.architecture, network.width, stream, frames, size];

/** The same, read. */
export function modelOf([architecture, width, stream, frames, size]: readonly string[]): ModelSize {
  return {
    network: { architecture: architecture!, width: Number(width) },
    stream: stream as Stream,
    frames: Number(frames),
    size: Number(size),
  };
}

export function modelGraph({ stream, frames, size, network = I3D_FORM }: ModelSize): Graph {
  const { architecture, width } = network;
  const spec = modelSpec({ architecture: MODELS.get(architecture), width, stream, classes: CLASSES });
  return graphOf(spec, { frames, height: size, width: size });
}

/** Cheap numbers in −1 … 1, the same for the same seed: a linear congruential generator is random enough to time with. */
export function cheapNoise(seed: number, count: number, scale = 1): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state / 2 ** 31 - 1) * scale;
  }
  return values;
}

/** Weights by fan-in, so that every layer's output is about as large as its input; batch norms near the identity. */
export function madeUpParameters(graph: Graph): Map<string, HostTensor> {
  const parameters = new Map<string, HostTensor>();
  graph.values.forEach(({ source, type: { shape } }, seed) => {
    if (source.kind !== 'parameter') return;
    const count = sizeOf(shape);
    const key = source.name.split('/').at(-1)!;
    const fanIn = sizeOf(shape.slice(0, -1));
    const noise = cheapNoise(seed, count, key === 'weights' ? Math.sqrt(6 / fanIn) : 0.1);
    const data = key === 'gamma' || key === 'variance' ? noise.map((value) => 1 + value) : noise;
    parameters.set(source.name, floatTensor(shape, data));
  });
  return parameters;
}

/** The clip that everything is timed with, N×T×H×W×C in −1 … 1. */
export function madeUpClip({ stream, frames, size }: Pick<ModelSize, 'stream' | 'frames' | 'size'>): FloatTensor {
  const shape = [1, frames, size, size, STREAM_CHANNELS[stream]];
  return floatTensor(shape, cheapNoise(12345, sizeOf(shape)));
}

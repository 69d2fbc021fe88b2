/**
 * @file Where a convolution's weights come from: parameters are packed once, on the host or, where they grow, on the device;
 * states (weights that are being trained) are packed on the device in every run, unless they lie right already.
 */

import { GraphError } from '../../core/errors.ts';
import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { type FloatTensor, sizeOf } from '../../core/tensor.ts';
import { conv3dFlipWeights, flipWeights } from '../../kernels/conv3d/flip_weights.ts';
import { conv3dPack, packedWeightsBytes } from '../../kernels/conv3d/pack_weights.ts';
import { packHalves, packPanels, packWeights } from '../../kernels/conv3d/problem.ts';
import { padChannels } from '../../kernels/shared/stored.ts';
import { vec4s } from '../../kernels/shared/view.ts';
import { loopBound } from '../../kernels/shared/wgsl.ts';
import { streamWork, type Work } from '../../kernels/shared/work.ts';
import {
  WEIGHT_TRANSFORM_FLOPS,
  type WinogradTile,
  winogradBatches,
  winogradWeights,
} from '../../kernels/winograd/math.ts';
import {
  conv3dWinogradWeights,
  type WinogradWeightsProblem,
  winogradWeightsBytes,
} from '../../kernels/winograd/weights.ts';
import type { Argument, ConstantArgument, LoweredDispatch, Operand } from '../operator.ts';

/** Weights as the kernels of a candidate read them, and what has to run before. */
export interface PackedWeights {
  readonly argument: Argument;
  /** `packs` of the candidate. */
  readonly packs: readonly number[];
  /** Dispatches that come before the candidate's own, and what they do. */
  readonly prepare: () => readonly LoweredDispatch[];
  readonly work: readonly Work[];
}

/** What is there when a run begins needs nothing. */
const READY = { packs: [], prepare: () => [], work: [] } as const;

/** Weights that are known on the host in another layout; undefined for states, which are packed on the device, if at all. */
function repacked(
  { argument }: PackedWeights,
  name: string,
  repack: (values: Float32Array) => ReturnType<ConstantArgument['make']>,
  texels = false,
): PackedWeights | undefined {
  if (argument.from !== 'constant') return undefined;
  return {
    argument: {
      ...argument,
      layout: `${name} of ${argument.layout}`,
      texels,
      make: (parameters) => repack(argument.make(parameters) as Float32Array),
    },
    ...READY,
  };
}

/**
 * The same weights in 16 bits. None for states: what is being trained lies on the device in f32, and rounding it in every run
 * would cost what it saves.
 */
export const halfWeights = (weights: PackedWeights): PackedWeights | undefined =>
  repacked(weights, 'half', (values) => packHalves(values));

/** The same weights cut into panels for subgroups of `lanes` lanes, in a texture. None for states. */
export const panelWeights = (weights: PackedWeights, cout: number, lanes: number): PackedWeights | undefined =>
  repacked(weights, `panels of ${lanes}`, (values) => packPanels(values, 1, vec4s(cout), lanes), true);

/** What the transform of a convolution's weights depends on; the channels are those of the convolution at hand. */
type WinogradSizes = Omit<WinogradWeightsProblem, 'flipped'>;

/** A convolution's weights, input 1 of its node. */
export interface ConvolutionWeights {
  /** They are a state: packing them takes time in every run, and memory only while the node runs. */
  readonly trained: boolean;
  /** Weights for the GEMM kernels, `[groups][rows up to a multiple of 4][Cout up to a multiple of 4]`. */
  packed(groups: number, rows: number): PackedWeights;
  /** Weights for the products of Winograd's algorithm. */
  winograd(sizes: WinogradSizes, tile: WinogradTile): PackedWeights;
  /** The same in panels for subgroups of `lanes` lanes, in a texture; undefined for states. */
  winogradPanels(sizes: WinogradSizes, tile: WinogradTile, lanes: number): PackedWeights | undefined;
}

const INPUT: Argument = { from: 'input', index: 1 };
const PACKED: Argument = { from: 'packed', index: 0 };

/** @throws GraphError where the weights are a slice of something. */
function expectState({ view, type }: Operand): void {
  if (view.base !== 0 || view.stride !== vec4s(type.shape.at(-1)!)) {
    throw new GraphError('its weights must be a parameter or a state');
  }
}

/** Weights [taps][Cin of a group][Cout] for the convolution itself. */
export function forwardWeights(weights: Operand, profile: DeviceProfile): ConvolutionWeights {
  const cout = weights.type.shape.at(-1)!;
  if (weights.storage < 0) return hostWeights('', cout, profile, (values) => values);
  expectState(weights);
  return {
    trained: true,
    winograd: (sizes, tile) => winogradOfState({ ...sizes, flipped: false }, tile, profile),
    winogradPanels: () => undefined,
    packed(groups, rows) {
      if (rows % 4 === 0) return { argument: INPUT, ...READY };
      const problem = { groups, rows, cout };
      return packedAs(packedWeightsBytes(problem), () => conv3dPack(problem));
    },
  };
}

/** Weights row after row as they are, [taps][Cin of a group] of Cout channels up to a multiple of 4: what depthwise kernels read. */
export function plainWeights(weights: Operand): PackedWeights {
  if (weights.storage >= 0) {
    expectState(weights);
    return { argument: INPUT, ...READY };
  }
  const make = ([values]: readonly FloatTensor[]) => padChannels(values!.data, weights.type.shape.at(-1)!);
  return { argument: { from: 'constant', layout: 'rows', inputs: [1], make }, ...READY };
}

/** Of a parameter's columns (output channels) those of one group, packed for the GEMM kernels: [taps][`inner`] of `size` channels. */
export function columnsPacked(
  { columns, from, size }: { readonly columns: number; readonly from: number; readonly size: number },
  taps: number,
  inner: number,
): PackedWeights {
  const make = ([values]: readonly FloatTensor[]) => {
    const own = new Float32Array(taps * inner * size);
    for (let row = 0; row < taps * inner; row++) {
      own.set(values!.data.subarray(row * columns + from, row * columns + from + size), row * size);
    }
    return packWeights(own, taps, inner, size);
  };
  const layout = `gemm of ${taps}×${inner}, columns ${from} to ${from + size}`;
  return { argument: { from: 'constant', layout, inputs: [1], make }, ...READY };
}

/** The same weights for the convolution of dy that gives the gradient by x: taps reversed, channels swapped. One group. */
export function flippedWeights(weights: Operand, profile: DeviceProfile): ConvolutionWeights {
  const { shape } = weights.type;
  const [cin, cout] = shape.slice(-2) as [number, number];
  const taps = sizeOf(shape.slice(0, -2));
  if (weights.storage < 0)
    return hostWeights('flipped ', cin, profile, (values) => flipWeights(values, taps, cin, cout));
  expectState(weights);
  return {
    trained: true,
    winograd: (sizes, tile) => winogradOfState({ ...sizes, flipped: true }, tile, profile),
    winogradPanels: () => undefined,
    packed: (groups, rows) =>
      packedAs(packedWeightsBytes({ groups, rows, cout: cin }), () => conv3dFlipWeights({ taps, cin, cout, rows })),
  };
}

/** A state that a kernel packs into so many bytes in every run. @param flops Of each value that it writes. */
function packedAs(bytes: number, kernel: () => Kernel, flops = 0): PackedWeights {
  return {
    argument: PACKED,
    packs: [bytes],
    prepare: () => [{ kernel: kernel(), args: [INPUT, PACKED] }],
    work: [streamWork(bytes / 4, 2 * bytes, (flops * bytes) / 4)],
  };
}

function winogradOfState(problem: WinogradWeightsProblem, tile: WinogradTile, profile: DeviceProfile): PackedWeights {
  const kernel = () => conv3dWinogradWeights(problem, tile, { loop: loopBound(profile) });
  return packedAs(winogradWeightsBytes(problem, tile), kernel, WEIGHT_TRANSFORM_FLOPS);
}

/** Below so many bytes the host has transformed weights before a device could begin, and there is no kernel to compile. */
const TRANSFORM_ON_DEVICE = 2 ** 21;

/** @param natural [taps][Cin][Cout], Cout = `channels`, from the parameter. */
function hostWeights(
  prefix: string,
  channels: number,
  profile: DeviceProfile,
  natural: (values: Float32Array) => Float32Array,
): ConvolutionWeights {
  const constant = (
    layout: string,
    make: (values: Float32Array) => Float32Array<ArrayBuffer>,
    more: Pick<ConstantArgument, 'texels' | 'prepare'> = {},
  ): PackedWeights => ({
    argument: {
      from: 'constant',
      layout: `${prefix}${layout}`,
      inputs: [1],
      make: ([values]) => make(natural(values!.data)),
      ...more,
    },
    ...READY,
  });
  const winograd = (sizes: WinogradSizes, tile: WinogradTile, panels?: number): PackedWeights => {
    const plain = `winograd ${tile.t}×${tile.hw} of ${tile.taps} taps, stride ${sizes.stride[1]}`;
    const layout = panels === undefined ? plain : `panels of ${panels} of ${plain}`;
    const texels = panels !== undefined;
    const problem = { ...sizes, flipped: false };
    const bytes = winogradWeightsBytes(problem, tile);
    if (bytes >= TRANSFORM_ON_DEVICE && bytes <= profile.maxStorageBinding) {
      const kernel = () => conv3dWinogradWeights(problem, tile, { loop: loopBound(profile), panels });
      return constant(layout, (values) => padChannels(values, channels), { texels, prepare: { kernel, bytes } });
    }
    const make = (values: Float32Array): Float32Array<ArrayBuffer> => {
      const packed = winogradWeights(values, sizes, tile);
      return texels ? packPanels(packed, winogradBatches(tile), vec4s(sizes.cout), panels) : packed;
    };
    return constant(layout, make, { texels });
  };
  return {
    trained: false,
    packed: (groups, rows) =>
      constant(`gemm of ${groups}×${rows}`, (values) => packWeights(values, groups, rows, channels)),
    winograd: (sizes, tile) => winograd(sizes, tile),
    winogradPanels: winograd,
  };
}

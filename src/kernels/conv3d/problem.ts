/**
 * @file What all 3D convolution kernels share. As a matrix product (implicit GEMM):
 *
 *   M = output pixels, N·To·Ho·Wo, flattened in that order
 *   N = output channels
 *   K = taps × input channels, taps (kt, kh, kw) outside, channels inside
 *
 * x is a channels-last activation, so one `vec4f` never straddles a tap and one bounds test per vec4 is enough. Weights are
 * packed once as [K][N] with K's channels and N padded to multiples of 4 by zeros. The sizes live in a uniform, not in the
 * text: all layers of a network share one pipeline.
 */

import { floatToHalf, HALF_MAX } from '../../core/half.ts';
import type { Binding } from '../../core/kernel.ts';
import { type Activation, epilogue, epilogueFunctions, epilogueUniform } from '../pointwise/activation.ts';
import { activation, elementOf } from '../shared/element.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { constant, type FieldType, repeat, type Struct, struct } from '../shared/wgsl.ts';

export type Triple = readonly [t: number, h: number, w: number];

/** A convolution that shares its dispatch with the one of the problem; see branches.ts. */
interface Branch {
  readonly x: View;
  /** Output channels before its own: those of the problem's first outputs, a multiple of 4. */
  readonly after: number;
}

/** Channels of a convolution of 1×1×1 that come from another frame, zeros where there is none. */
export interface ChannelShift {
  /** Channels below `first` come from `frames[0]` frames on, those below `second` from `frames[1]`, all others from the same. In vec4. */
  readonly first: number;
  readonly second: number;
  /** −1, 0 or 1. */
  readonly frames: readonly [number, number];
}

export interface Conv3dProblem {
  readonly x: View;
  /**
   * Of a convolution of 1×1×1, whose problem has a kernel of 3×1×1 and a padding of one frame: of its three taps, each vec4 of channels
   * has one. Only for kernels that say so (`Member.shifts`).
   */
  readonly shift?: ChannelShift;
  /** Another convolution of the same window and pixels, whose output channels follow those of the first. */
  readonly branch?: Branch;
  /**
   * Where the output channels go: one view, or several whose channels follow each other (siblings that were merged into
   * one convolution). All but the last have a multiple of 4 channels.
   */
  readonly outputs: readonly View[];
  /** Which binding each output is written through, where several lie in one tensor; each its own where left out. */
  readonly outputBinding?: readonly number[];
  readonly kernel: Triple;
  readonly stride: Triple;
  /** Padding before the first frame, row and column; what the end needs follows from the output's size. */
  readonly padding: Triple;
  readonly groups: number;
  readonly activation: Activation;
  /** The one output holds values that the result is added to, before the activation. */
  readonly onto?: boolean;
}

/** Output channels over all outputs. */
export const outputChannels = ({ outputs }: Pick<Conv3dProblem, 'outputs'>): number =>
  outputs.reduce((sum, view) => sum + view.shape[4], 0);

/** The part of the uniforms that every convolution kernel has; strides and bases are in vec4. */
export const CONV3D_FIELDS = {
  pixels: 'u32',
  cin4: 'u32',
  cout4: 'u32',
  relu: 'i32',
  x_t: 'i32',
  x_h: 'i32',
  x_w: 'i32',
  x_stride: 'u32',
  y_t: 'u32',
  y_h: 'u32',
  y_w: 'u32',
  x_base: 'u32',
  kernel_t: 'i32',
  kernel_h: 'i32',
  kernel_w: 'i32',
  groups: 'u32',
  stride_t: 'i32',
  stride_h: 'i32',
  stride_w: 'i32',
  cin: 'u32',
  pad_t: 'i32',
  pad_h: 'i32',
  pad_w: 'i32',
  cout: 'u32',
  y0_base: 'u32',
  y0_stride: 'u32',
  y0_end: 'u32',
  y1_base: 'u32',
  y1_stride: 'u32',
  y1_end: 'u32',
  y2_base: 'u32',
  y2_stride: 'u32',
} as const;

export const Conv3dParams = struct('Conv3d', CONV3D_FIELDS);

const SHIFT_FIELDS = { shift_first: 'u32', shift_second: 'u32', shift_a: 'i32', shift_b: 'i32' } as const;

/** Uniforms of a kernel that takes shifts: those it has anyway, and of the shift where there is one. */
export function shiftUniforms(
  { shift }: Pick<Conv3dProblem, 'shift'>,
  plain: { readonly params: Struct<Record<string, FieldType>>; readonly values: Readonly<Record<string, number>> },
): typeof plain {
  if (!shift) return plain;
  const { first, second, frames } = shift;
  return {
    params: struct(plain.params.name, { ...plain.params.fields, ...SHIFT_FIELDS }),
    values: {
      ...plain.values,
      shift_first: first,
      shift_second: second,
      shift_a: 1 + frames[0],
      shift_b: 1 + frames[1],
    },
  };
}

/** `tap_of(c)`: the frame of the window that the channels 4c … 4c + 3 come from; 3, which none has, past the last one. */
export const SHIFT_FUNCTION = /* wgsl */ `
fn tap_of(c: u32) -> i32 {
  let tap = select(select(1, p.shift_b, c < p.shift_second), p.shift_a, c < p.shift_first);
  return select(3, tap, c < p.cin4);
}`;

/** vec4 of K, an expression. */
export const quadsOf = ({ shift }: Pick<Conv3dProblem, 'shift'>, cin4 = 'p.cin4'): string =>
  shift ? cin4 : `u32(p.kernel_t * p.kernel_h * p.kernel_w) * ${cin4}`;

export function conv3dValues(problem: Conv3dProblem): Parameters<typeof Conv3dParams.pack>[0] {
  const { x, outputs, kernel, stride, padding } = problem;
  const y = outputs[0]!;
  const output = (i: number): View => outputs[Math.min(i, outputs.length - 1)]!;
  const end = (i: number): number => outputs.slice(0, i + 1).reduce((sum, view) => sum + vec4s(view.shape[4]), 0);
  return {
    pixels: pixelsOf(y),
    cin4: vec4s(x.shape[4]),
    cout4: vec4s(outputChannels(problem)),
    relu: epilogueUniform(problem.activation, outputChannels(problem)),
    x_t: x.shape[1],
    x_h: x.shape[2],
    x_w: x.shape[3],
    x_stride: x.stride,
    x_base: x.base,
    y_t: y.shape[1],
    y_h: y.shape[2],
    y_w: y.shape[3],
    kernel_t: kernel[0],
    kernel_h: kernel[1],
    kernel_w: kernel[2],
    stride_t: stride[0],
    stride_h: stride[1],
    stride_w: stride[2],
    pad_t: padding[0],
    pad_h: padding[1],
    pad_w: padding[2],
    groups: problem.groups,
    cin: x.shape[4],
    cout: outputChannels(problem),
    y0_base: output(0).base,
    y0_stride: output(0).stride,
    y0_end: end(0),
    y1_base: output(1).base,
    y1_stride: output(1).stride,
    y1_end: end(1),
    y2_base: output(2).base,
    y2_stride: output(2).stride,
  };
}

/** x and the weights (vec4f in a buffer where nothing is said), of each branch, bias, then the outputs. */
export const conv3dBindings = (problem: Destination & Sources, weights: Binding = constant('weights')): Binding[] => [
  ...inputBindings(problem, weights),
  constant('bias'),
  ...outputBindings(problem),
];

type Sources = Pick<Conv3dProblem, 'x' | 'branch'>;
type Destination = Pick<Conv3dProblem, 'outputs' | 'outputBinding'>;

/** x and the weights, of each branch. */
export const inputBindings = ({ x, branch }: Sources, weights: Binding): Binding[] =>
  branch
    ? [activation('x', x), activation('x_b', branch.x), weights, { ...weights, name: `${weights.name}_b` }]
    : [activation('x', x), weights];

/** Those of the outputs, or of the tensors that they lie in. */
export const outputBindings = (
  { outputs, outputBinding = outputs.map((_, i) => i) }: Destination,
  by: 'vec4' | 'scalar' = 'vec4',
): Binding[] =>
  outputs.flatMap((view, i) =>
    outputBinding.indexOf(outputBinding[i]!) === i ? [activation(`y${outputBinding[i]}`, view, by)] : [],
  );

/**
 * `store(pixel, oc4, value)`: the epilogue (bias, activation) and the choice of the output; guards both tails. Kernels that
 * store many pixels of the same channels guard the tails and read the bias themselves, once (`bias_of(oc4)`), and take
 * `store_inside(pixel, oc4, value, bias)`.
 * @param channelsEnd One past the last vec4 of channels that this workgroup has
 */
export function storeFunction(
  problem: Destination & Pick<Conv3dProblem, 'activation' | 'onto'>,
  channelsEnd = 'p.cout4',
): string {
  const { outputs, outputBinding, activation, onto = false } = problem;
  const held = onto ? ` + ${elementOf(outputs[0]!).widen('y0[p.y0_base + pixel * p.y0_stride + oc4]')}` : '';
  const end = epilogue(activation);
  const write = (i: number): string => {
    const first = i === 0 ? '' : ` - p.y${i - 1}_end`;
    const to = `y${outputBinding?.[i] ?? i}`;
    return `${to}[p.y${i}_base + pixel * p.y${i}_stride + oc4${first}] = ${elementOf(outputs[i]!).narrow('v')};`;
  };
  const chain = repeat(
    outputs.length,
    (i) => (i < outputs.length - 1 ? `if (oc4 < p.y${i}_end) { ${write(i)} } else ` : `{ ${write(i)} }`),
    '',
  );
  return /* wgsl */ `${epilogueFunctions(end)}
fn bias_of(oc4: u32) -> vec4f {
  return bias[min(oc4, p.cout4 - 1u)];
}

fn store_inside(pixel: u32, oc4: u32, value: vec4f, bias: vec4f) {
  let sum = value + bias${held};
  let v = ${end.stored('sum', '4u * oc4')};
  ${chain}
}

fn store(pixel: u32, oc4: u32, value: vec4f) {
  if (pixel < p.pixels && oc4 < ${channelsEnd}) { store_inside(pixel, oc4, value, bias[oc4]); }
}`;
}

/**
 * `corner(pixel)`: the input position (frame, row, column) under the kernel's first tap, and in `.w` the first frame of the
 * pixel's sample, counted over the batch. `address(corner, tap)`: where that input pixel starts, or −1 in the padding.
 */
export const PIXEL_FUNCTIONS = pixelFunctions('p.x_stride', 'p.x_base');

/** The same for an x of another stride and base. */
export function pixelFunctions(stride: string, base: string): string {
  return /* wgsl */ `
fn corner(pixel: u32) -> vec4i {
  let column = pixel % p.y_w;
  let rows = pixel / p.y_w;
  let row = rows % p.y_h;
  let frames = rows / p.y_h;
  let frame = frames % p.y_t;
  let sample = frames / p.y_t;
  return vec4i(
    i32(frame) * p.stride_t - p.pad_t,
    i32(row) * p.stride_h - p.pad_h,
    i32(column) * p.stride_w - p.pad_w,
    i32(sample) * p.x_t,
  );
}

fn address(corner: vec4i, tap: vec3i) -> i32 {
  let at = corner.xyz + tap;
  let inside = all(at >= vec3i(0)) && all(at < vec3i(p.x_t, p.x_h, p.x_w));
  let pixel = ((corner.w + at.x) * p.x_h + at.y) * p.x_w + at.z;
  return select(-1, pixel * i32(${stride}) + i32(${base}), inside);
}`;
}

/**
 * Weights as the GEMM kernels read them: [taps][Cin up to a multiple of 4][Cout up to a multiple of 4], `vec4f` over Cout.
 * @param weights [kt][kh][kw][Cin][Cout], row-major
 */
export function packWeights(weights: Float32Array, taps: number, cin: number, cout: number): Float32Array<ArrayBuffer> {
  const cinPadded = 4 * vec4s(cin);
  const coutPadded = 4 * vec4s(cout);
  const packed = new Float32Array(taps * cinPadded * coutPadded);
  for (let tap = 0; tap < taps; tap++) {
    for (let c = 0; c < cin; c++) {
      const from = (tap * cin + c) * cout;
      packed.set(weights.subarray(from, from + cout), (tap * cinPadded + c) * coutPadded);
    }
  }
  return packed;
}

/**
 * Packed weights cut into panels of `lanes` vec4 of output channels, each of which a workgroup reads from start to end:
 * [groups][panel][rows][up to `lanes`]. The last panel of a group is as narrow as what is left, so nothing is added.
 * @param packed [groups][rows][cout4] vec4
 */
export function packPanels(
  packed: Float32Array,
  groups: number,
  cout4: number,
  lanes: number,
): Float32Array<ArrayBuffer> {
  const panels = new Float32Array(packed.length);
  const size = packed.length / groups;
  const rows = size / (4 * cout4);
  let at = 0;
  for (let group = 0; group < groups; group++) {
    for (let first = 0; first < cout4; first += lanes) {
      const width = 4 * Math.min(lanes, cout4 - first);
      for (let row = 0; row < rows; row++) {
        const from = group * size + 4 * (row * cout4 + first);
        panels.set(packed.subarray(from, from + width), at);
        at += width;
      }
    }
  }
  return panels;
}

/** Packed weights in 16 bits; those beyond the range of f16 become its largest value, as activations do (element.ts). */
export function packHalves(values: Float32Array): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    halves[i] = floatToHalf(Math.min(Math.max(values[i]!, -HALF_MAX), HALF_MAX));
  }
  return halves;
}

/**
 * @file Winograd for the gradient of a convolution by its weights (winograd/weight_gradient.ts): two transforms and a
 * product for each piece of the activations, and one transform back. Not exact, as Winograd's convolution.
 */

import type { DeviceProfile } from '../../core/kernel.ts';
import type { Conv3dProblem } from '../../kernels/conv3d/problem.ts';
import type { Conv3dWeightGradientProblem } from '../../kernels/conv3d_backward/weight_gradient.ts';
import { denseView, pixelsOf, type View, vec4s, viewBytes } from '../../kernels/shared/view.ts';
import { loopBound } from '../../kernels/shared/wgsl.ts';
import { streamWork } from '../../kernels/shared/work.ts';
import {
  TRANSFORM_FLOPS,
  WEIGHT_TRANSFORM_FLOPS,
  type WinogradLayout,
  type WinogradTile,
  winogradApplies,
  winogradLayout,
} from '../../kernels/winograd/math.ts';
import { conv3dWinogradInput, conv3dWinogradOutputGradient } from '../../kernels/winograd/transforms.ts';
import { conv3dWinogradWeightGradient } from '../../kernels/winograd/weight_gradient.ts';
import { bestFirst } from '../estimate.ts';
import type { Argument, Candidate, NodeOperands, Operand, Surcharge } from '../operator.ts';
import { type Part, splitForScratch, type WindowGeometry } from '../sliding_window.ts';
import { WORKSPACE_BUDGET } from './family.ts';
import {
  isDirect,
  kindWork,
  partsOf,
  sumsBytes,
  type WeightGradientKind,
  type WeightGradientNode,
  weightGradientKinds,
} from './weight_gradient_kinds.ts';

const TILES: readonly WinogradTile[] = [
  { t: 1, hw: 4, taps: 3 },
  { t: 1, hw: 4, taps: 4 },
  { t: 1, hw: 2, taps: 5 },
];

/** Ways of computing the products that are worth a try. */
const PRODUCTS = 2;

/** Values of a transformed tile for each that it is made of, about: tiles overlap. */
const REPEATED = 2.25;

export function winogradWeightGradientCandidates(
  node: WeightGradientNode,
  io: NodeOperands,
  profile: DeviceProfile,
): Candidate[] {
  const { geometry, groups } = node;
  if (groups !== 1) return [];
  return TILES.filter((tile) => winogradApplies(geometry.kernel, geometry.stride, tile)).flatMap((tile) =>
    candidatesOf(node, io, profile, tile),
  );
}

function candidatesOf(
  { geometry }: WeightGradientNode,
  { inputs, outputs }: NodeOperands,
  profile: DeviceProfile,
  tile: WinogradTile,
): Candidate[] {
  const [x, dy] = inputs as readonly [Operand, Operand];
  const { kernel, stride } = geometry;
  const [cin, cout] = [x.view.shape[4], dy.view.shape[4]];
  const workspaces = (samples: number, inputFrames: number, outputFrames: number): number[] => {
    const layout = (frames: number) => layoutOf(geometry, tile, samples, frames, x.view, dy.view);
    return [layout(inputFrames).inputBytes, layout(outputFrames).outputBytes];
  };
  const split = splitForScratch(geometry, x, [dy], profile, { workspaces, budget: WORKSPACE_BUDGET, step: 1 });
  if (!split) return [];
  const loop = loopBound(profile);
  const products = split.parts.map((part) => productOf(geometry, tile, part));
  const first = products[0]!;
  const batches = first.batches!.count;
  const [v, d, sums] = [0, 1, 2].map((index) => ({ from: 'workspace', index }) as const) as [
    Argument,
    Argument,
    Argument,
  ];
  const surcharges = fewChannels(geometry, cin, cout, profile);
  const transform = (view: View) => {
    const bytes = batches * viewBytes(view);
    return streamWork(bytes / 4 / batches, (1 + 1 / REPEATED) * bytes, (TRANSFORM_FLOPS * bytes) / 4);
  };
  const candidate = (kind: WeightGradientKind): Candidate[] => {
    const parts = partsOf(kind, first, profile, batches);
    const problems = products.map((problem, i) => ({ ...problem, parts, accumulate: i > 0 }));
    const bytes = sumsBytes(kind, problems[0]!);
    if (bytes > profile.maxStorageBinding) return [];
    const back = { dw: outputs[0]!.view, kernel, stride, cin, parts: parts * kind.sums };
    return [
      {
        name: `winograd 1×${tile.hw}×${tile.hw} ${kind.name}`,
        accuracy: 'fast',
        workspaces: [...split.workspaces, bytes],
        work: [
          ...problems.flatMap((problem) => [transform(problem.x), transform(problem.dy), kindWork(kind, problem)]),
          streamWork(
            pixelsOf(back.dw) * vec4s(cout),
            bytes + viewBytes(back.dw),
            (WEIGHT_TRANSFORM_FLOPS * bytes) / 4 / back.parts,
          ),
        ],
        surcharges,
        lower: () => [
          ...split.parts.flatMap((part, i) => {
            const gradient = { ...part.outputArgs[0]!, from: 'input', index: 1 } as Argument;
            return [
              { kernel: conv3dWinogradInput(frameByFrame(geometry, part), tile, loop), args: [part.input, v] },
              { kernel: conv3dWinogradOutputGradient(part.outputs[0]!, tile, loop), args: [gradient, d] },
              { kernel: kind.kernel(problems[i]!), args: [v, d, sums] },
            ];
          }),
          { kernel: conv3dWinogradWeightGradient(back, tile, loop), args: [sums, { from: 'output', index: 0 }] },
        ],
      },
    ];
  };
  const kinds = weightGradientKinds(first, profile).filter((kind) => !isDirect(kind));
  return bestFirst(kinds.flatMap(candidate), profile).slice(0, PRODUCTS);
}

/** Sizes of both transforms, which leave the frames alone: the taps over time belong to the product. */
function layoutOf(
  { kernel, stride }: WindowGeometry,
  tile: WinogradTile,
  samples: number,
  frames: number,
  x: View,
  dy: View,
): WinogradLayout {
  const [, , height, width, cin] = x.shape;
  const [, , rows, columns, cout] = dy.shape;
  const shape = {
    x: [samples, frames, height, width, cin],
    y: [samples, frames, rows, columns, cout],
    cout,
    kernel: [1, kernel[1], kernel[2]],
    stride: [1, stride[1], stride[2]],
  } as const;
  return winogradLayout(shape, tile);
}

/** A convolution of every frame of x, whose input's transform is the one that is wanted. */
function frameByFrame({ kernel, stride }: WindowGeometry, part: Part): Conv3dProblem {
  const gradient = part.outputs[0]!;
  const [samples, , height, width, channels] = gradient.shape;
  return {
    x: part.x,
    outputs: [{ ...gradient, shape: [samples, part.x.shape[1], height, width, channels] }],
    kernel: [1, kernel[1], kernel[2]],
    stride: [1, stride[1], stride[2]],
    padding: [0, part.padding[1], part.padding[2]],
    groups: 1,
    activation: 'none',
  };
}

/** The product of the transforms: tiles are samples, and frames, which lie next to each other, are columns. */
function productOf(geometry: WindowGeometry, tile: WinogradTile, part: Part): Conv3dWeightGradientProblem {
  const gradient = part.outputs[0]!;
  const { tilesH, tilesW, cin4, batches } = layoutOf(geometry, tile, 1, 1, part.x, gradient);
  const tiles = part.x.shape[0] * tilesH * tilesW;
  const v = denseView([tiles, 1, 1, part.x.shape[1], 4 * cin4]);
  const d = denseView([tiles, 1, 1, gradient.shape[1], gradient.shape[4]]);
  const size = (view: View): number => pixelsOf(view) * view.stride;
  return {
    x: v,
    dy: d,
    kernel: [1, 1, geometry.kernel[0]],
    stride: [1, 1, geometry.stride[0]],
    padding: [0, 0, part.padding[0]],
    groups: 1,
    parts: 1,
    batches: { count: batches, xStride: size(v), dyStride: size(d) },
  };
}

/** Processors only, measured: on fewer channels the transforms cost more than they save. GPUs go by the estimate. */
function fewChannels(
  { kernel, stride }: WindowGeometry,
  cin: number,
  cout: number,
  { software }: DeviceProfile,
): readonly Surcharge[] {
  const few = stride[1] > 1 || kernel[1] > 4 ? 12 : 16;
  if (!software || (cin * stride[1] ** 2 >= few && cout >= few)) return [];
  return [{ factor: 8, because: 'has too few channels for its transforms on a processor' }];
}

/** @file Gradients of max and average pooling. */

import { GraphError } from '../core/errors.ts';
import { formatShape, sizeOf } from '../core/tensor.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import { averagePool3dGradient as averageKernel } from '../kernels/pool/average_gradient.ts';
import { choiceBytes, MOST_POSITIONS, maxPool3dChoice, maxPool3dGather } from '../kernels/pool/max_gradient.ts';
import {
  maxPool3dUnrolledChoice,
  maxPool3dUnrolledFits,
  maxPool3dUnrolledGather,
  windowsOf,
} from '../kernels/pool/max_gradient_unrolled.ts';
import {
  maxPool3dSweep,
  maxPool3dSweepChoice,
  maxPool3dSweepFits,
  maxPool3dSweepFrames,
  maxPool3dSweepRows,
  sweepBytes,
} from '../kernels/pool/max_sweep_gradient.ts';
import { type PoolWindow, windowRuns } from '../kernels/pool/pool_window.ts';
import { pixelsOf, type View, vec4s, viewBytes } from '../kernels/shared/view.ts';
import { streamWork, type Work } from '../kernels/shared/work.ts';
import {
  type Argument,
  type Candidate,
  defineOperator,
  expectVolume,
  f32,
  fromInput,
  fromOutput,
  singleDispatch,
  storedBytes,
  type TensorType,
} from './operator.ts';
import { resolvePadding, type WindowGeometry, windowOutput } from './sliding_window.ts';

/** The window as kernels take it, over an input of `size`. */
function windowOf(geometry: WindowGeometry, size: Triple): PoolWindow {
  const padding = resolvePadding(geometry, size).map(([before]) => before) as unknown as Triple;
  return { kernel: geometry.kernel, stride: geometry.stride, padding };
}

function expectGradient(geometry: WindowGeometry, size: Triple, dy: TensorType | undefined): void {
  const [, ...found] = expectVolume(dy, 'its dy');
  const expected = windowOutput(geometry, size);
  if (expected.some((extent, i) => extent !== found[i])) {
    throw new GraphError(`its dy ${formatShape(dy!.shape)} must have ${formatShape(expected)} positions`);
  }
}

/** Inputs: x, dy. The gradient goes to the first of the largest values of a window, as in PyTorch. */
export const maxPool3dGradient = defineOperator<WindowGeometry>({
  type: 'maxPool3dGradient',
  keepsPadding: true,
  infer(geometry, [x, dy]) {
    const [, t, h, w] = expectVolume(x, 'its input');
    expectGradient(geometry, [t, h, w], dy);
    if (sizeOf(geometry.kernel) > MOST_POSITIONS) {
      throw new GraphError(`its window ${formatShape(geometry.kernel)} has more than ${MOST_POSITIONS} positions`);
    }
    return [x!];
  },
  cost: ({ kernel }, [x, dy]) => ({
    flops: 2 * sizeOf(kernel) * sizeOf(dy!.shape),
    bytes: 2 * storedBytes(x!) + storedBytes(dy!),
  }),
  candidates(geometry, io, profile) {
    const [x, dy, dx] = [io.inputs[0]!.view, io.inputs[1]!.view, io.outputs[0]!.view];
    const window = windowOf(geometry, [x.shape[1], x.shape[2], x.shape[3]]);
    const runs = windowRuns(profile);
    const [choices, planes] = [0, 1].map((index) => ({ from: 'workspace', index }) as const) as [Argument, Argument];
    /** A dispatch over the positions of dy or dx that loads so many values for each. */
    const pass = (view: View, loads: number, bytes: number) => {
      const items = pixelsOf(view) * vec4s(view.shape[4]);
      return streamWork(items, bytes, 4 * items * loads, 'window');
    };
    const [whole, all] = [sizeOf(geometry.kernel), viewBytes(x) + viewBytes(dy)];
    const gather: Candidate = {
      name: 'gather',
      accuracy: 'exact',
      workspaces: [choiceBytes(dy)],
      work: [pass(dy, whole, all), pass(dx, whole, all)],
      lower: () => [
        { kernel: maxPool3dChoice(x, dy, window, runs), args: [fromInput(0), choices] },
        { kernel: maxPool3dGather(dx, dy, window, runs), args: [choices, fromInput(1), fromOutput(0)] },
      ],
    };
    /** A dispatch of the unrolled kernels. */
    const strip = (view: View, loads: number): Work => ({ ...pass(view, loads, all), arithmetic: 'strip' });
    const unrolled: Candidate = {
      name: 'unrolled',
      accuracy: 'exact',
      workspaces: [choiceBytes(dy)],
      work: [strip(dy, whole), strip(dx, 2 * sizeOf(windowsOf(window)))],
      lower: () => [
        { kernel: maxPool3dUnrolledChoice(x, dy, window), args: [fromInput(0), choices] },
        { kernel: maxPool3dUnrolledGather(dx, dy, window), args: [choices, fromInput(1), fromOutput(0)] },
      ],
    };
    const plain = profile.software || !maxPool3dUnrolledFits(x, dy, window) ? [gather] : [unrolled, gather];
    if (!maxPool3dSweepFits(x, dy, window)) return plain;
    const sweep = maxPool3dSweep(profile);
    return [
      {
        name: 'sweep',
        accuracy: 'exact',
        workspaces: sweepBytes(dy),
        // Three rows of three columns and a neighbour, then the choice and the gradient of each frame, then of each row.
        work: [pass(dy, 9, all), pass(dy, 2, all), pass(dx, 2, all)],
        lower: () => [
          { kernel: maxPool3dSweepChoice(x, dy, sweep), args: [fromInput(0), choices] },
          { kernel: maxPool3dSweepFrames(x, dy, sweep), args: [choices, fromInput(1), planes] },
          { kernel: maxPool3dSweepRows(dx, dy, sweep), args: [choices, planes, fromOutput(0)] },
        ],
      },
      ...plain,
    ];
  },
});

interface AveragePool3dGradientAttributes extends WindowGeometry {
  /** Frames, rows and columns of the pool's input. */
  readonly size: Triple;
}

/** Input: dy. Padding is not counted, as in the forward pass. */
export const averagePool3dGradient = defineOperator<AveragePool3dGradientAttributes>({
  type: 'averagePool3dGradient',
  keepsPadding: true,
  infer({ size, ...geometry }, [dy]) {
    expectGradient(geometry, size, dy);
    return [f32([dy!.shape[0]!, ...size, dy!.shape[4]!])];
  },
  cost: ({ kernel }, [dy], [dx]) => ({
    flops: sizeOf(kernel) * sizeOf(dy!.shape),
    bytes: storedBytes(dy!) + storedBytes(dx!),
  }),
  candidates({ size, ...geometry }, io, profile) {
    const [dy, dx] = [io.inputs[0]!.view, io.outputs[0]!.view];
    return [
      singleDispatch('gather', () => averageKernel(dx, dy, windowOf(geometry, size), windowRuns(profile)), [
        fromInput(0),
        fromOutput(0),
      ]),
    ];
  },
});

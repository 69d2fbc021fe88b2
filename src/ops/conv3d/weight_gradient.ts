/**
 * @file Ways of computing the gradient of a convolution by its weights: a dispatch for the sums of each piece of the activations
 * (as a rule there is one), and one that adds the sums up.
 */

import { GraphError } from '../../core/errors.ts';
import type { DeviceProfile } from '../../core/kernel.ts';
import type { Conv3dWeightGradientProblem } from '../../kernels/conv3d_backward/weight_gradient.ts';
import { conv3dWeightGradientSum } from '../../kernels/conv3d_backward/weight_gradient_sum.ts';
import { pixelsOf, type View, vec4s, viewBytes } from '../../kernels/shared/view.ts';
import { streamWork } from '../../kernels/shared/work.ts';
import type { Argument, Candidate, NodeOperands, Operand } from '../operator.ts';
import { splitWindows } from '../sliding_window.ts';
import { kindWork, partsOf, sumsBytes, type WeightGradientNode, weightGradientKinds } from './weight_gradient_kinds.ts';
import { winogradWeightGradientCandidates } from './weight_gradient_winograd.ts';

/** Inputs of the node: x, dy. Output: dW. */
export function weightGradientCandidates(
  { geometry, groups }: WeightGradientNode,
  { inputs, outputs }: NodeOperands,
  profile: DeviceProfile,
): Candidate[] {
  const [x, dy] = inputs as readonly [Operand, Operand];
  if (x.storage === dy.storage) throw new GraphError('its two inputs must not share memory');
  const dw = outputs[0]!.view;
  const pieces = splitWindows(geometry, x, [dy], profile);
  const whole = pieces.map((piece): Conv3dWeightGradientProblem => {
    const { kernel, stride } = geometry;
    const rest = { kernel, stride, padding: piece.padding, groups, parts: 1 };
    return inLongRows({ x: piece.x, dy: piece.outputs[0]!, ...rest });
  });
  const sums: Argument = { from: 'workspace', index: 0 };
  const exact = weightGradientKinds(whole[0]!, profile).map((kind): Candidate => {
    const parts = partsOf(kind, whole[0]!, profile);
    const problems = whole.map((problem, i) => ({ ...problem, parts, accumulate: i > 0 }));
    const addUp = () => conv3dWeightGradientSum({ dw, cin: x.view.shape[4] / groups, parts: parts * kind.sums });
    const scratch = sumsBytes(kind, problems[0]!);
    return {
      name: kind.name,
      accuracy: 'exact',
      workspaces: [scratch],
      work: [
        ...problems.map((problem) => kindWork(kind, problem)),
        streamWork(pixelsOf(dw) * vec4s(dw.shape[4]), scratch + viewBytes(dw)),
      ],
      surcharges: kind.surcharges ?? [],
      lower: () => [
        ...problems.map((problem, i) => {
          const { input, outputArgs } = pieces[i]!;
          const gradient = { ...outputArgs[0]!, from: 'input', index: 1 } as Argument;
          return { kernel: kind.kernel(problem), args: [input, gradient, sums] };
        }),
        { kernel: addUp(), args: [sums, { from: 'output', index: 0 }] },
      ],
    };
  });
  return [...exact, ...winogradWeightGradientCandidates({ geometry, groups }, { inputs, outputs }, profile)];
}

/** Longest row of pixels, where rows can be chosen. */
const LONGEST_ROW = 128;

/** Without a window to move, all pixels are alike: rows as long as possible leave fewer of them half walked. */
function inLongRows(problem: Conv3dWeightGradientProblem): Conv3dWeightGradientProblem {
  const { x, dy, kernel, stride, padding } = problem;
  const plain = kernel.every((taps) => taps === 1) && stride.every((s) => s === 1) && padding.every((p) => p === 0);
  if (!plain || pixelsOf(x) !== pixelsOf(dy)) return problem;
  const pixels = pixelsOf(x);
  let row = Math.min(LONGEST_ROW, pixels);
  while (pixels % row !== 0) row--;
  if (row <= x.shape[3]) return problem;
  const inRows = (view: View): View => ({ ...view, shape: [1, 1, pixels / row, row, view.shape[4]] });
  return { ...problem, x: inRows(x), dy: inRows(dy) };
}

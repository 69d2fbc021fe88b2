/**
 * @file A convolution of a few large groups as that many convolutions of one group each: their channels are slices of x and of the
 * output, which every kernel of the family reads and writes as they lie. Of parameters only: a state's weights cannot be cut so.
 */

import { sizeOf } from '../../core/tensor.ts';
import type { Conv3dProblem } from '../../kernels/conv3d/problem.ts';
import { padChannels } from '../../kernels/shared/stored.ts';
import type { View } from '../../kernels/shared/view.ts';
import type { Argument, Candidate } from '../operator.ts';
import { splitWindows } from '../sliding_window.ts';
import { type Convolution, memberWeights, memberWork, problemOf, spareOutputs } from './family.ts';
import { membersFor, surchargesOf } from './members.ts';
import { columnsPacked, halfWeights } from './weights.ts';

/** More of them are too many dispatches. */
const MOST_GROUPS = 64;

export function groupedCandidates(conv: Convolution): Candidate[] {
  const { geometry, groups, x, outputs, profile, cin, cout, bias } = conv;
  const [inner, outer] = [cin / groups, cout / groups];
  const whole = inner % 4 === 0 && outer % 4 === 0 && outputs.length === 1;
  const known = !conv.weights.trained && conv.biasArgument.from === 'constant';
  if (groups === 1 || groups > MOST_GROUPS || !whole || !known) return [];
  const slice = (view: View, group: number, channels: number): View => {
    const [n, t, h, w] = view.shape;
    return { ...view, shape: [n, t, h, w, channels], base: view.base + (group * channels) / 4 };
  };
  const parts = splitWindows(geometry, x, outputs, profile).flatMap((part) =>
    Array.from({ length: groups }, (_, group) => {
      const problem: Conv3dProblem = {
        ...problemOf(conv, part),
        x: slice(part.x, group, inner),
        outputs: [slice(part.outputs[0]!, group, outer)],
        groups: 1,
      };
      return { part, group, problem };
    }),
  );
  const taps = sizeOf(geometry.kernel);
  const packed = Array.from({ length: groups }, (_, group) =>
    columnsPacked({ columns: cout, from: group * outer, size: outer }, taps, inner),
  );
  const biasOf = (group: number): Argument => ({
    from: 'constant',
    layout: `channels ${cout}, group ${group} of ${groups}`,
    inputs: bias ? [2] : [],
    make: ([values]) =>
      padChannels(values ? values.data.slice(group * outer, (group + 1) * outer) : new Float32Array(outer)),
  });
  return membersFor({ ...conv, groups: 1 }, [x, ...outputs]).flatMap((member): Candidate[] => {
    const weights = packed.map((each) =>
      memberWeights(member, { profile, cout: outer, halfWeights: halfWeights(each) }, each),
    );
    if (!weights.every((each) => each !== undefined)) return [];
    const spare = spareOutputs(member, outputs);
    const tile = member.tile(profile);
    return [
      {
        name: member.weights === 'half' ? member.name.replace('half', 'half grouped') : `grouped ${member.name}`,
        accuracy: member.weights === 'half' ? 'half' : 'exact',
        workspaces: spare.workspaces,
        work: parts.map(({ problem }) => memberWork(problem, tile, member)),
        surcharges: surchargesOf(member, profile),
        lower: () =>
          parts.map(({ part, group, problem }) => ({
            kernel: member.kernel(problem, profile),
            args: [part.input, weights[group]!.argument, biasOf(group), ...part.outputArgs, ...spare.args],
          })),
      },
    ];
  });
}

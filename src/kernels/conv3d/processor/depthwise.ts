/**
 * @file Depthwise 3D convolution for adapters whose subgroups are narrow (software adapters), where loads are what costs (see
 * subgroup.ts). A workgroup is one subgroup and has one vec4 of channels; its lanes lie along the columns, each loads its own and has
 * the neighbours' by shuffles:
 *
 *   lane                0  1  2  3  4  5  6  7     3 columns of stride 1
 *   x, one load         a  b  c  d  e  f  g  h     and the same a lane to the left and to the right
 *   outputs                └──────────────┘        6; 7 or 8 at the ends of a row, where what is missing is padding
 *
 * With a stride, a lane loads as many columns as it steps over. `rows` output rows, one frame after the other (depthwise_walk.ts): of
 * 3×3×3 a thread loads (rows + 2) / rows · 8 / 6 values for an output. The weights of all taps are loaded by different lanes and
 * broadcast. No barriers.
 */

import type { Kernel } from '../../../core/kernel.ts';
import { pixelsOf, vec4s, viewBytes } from '../../shared/view.ts';
import { divideUp, entryPoint, kernel, repeat, struct } from '../../shared/wgsl.ts';
import type { Work } from '../../shared/work.ts';
import {
  DEPTHWISE_FIELDS,
  type DepthwiseOptions,
  depthwiseGrid,
  depthwiseWalk,
  framesUnder,
  rowsUnder,
  tapAt,
} from '../depthwise_walk.ts';
import { type Conv3dProblem, conv3dBindings, conv3dValues, storeFunction } from '../problem.ts';

const Params = struct('Conv3dDepthwiseLanes', DEPTHWISE_FIELDS);

interface DepthwiseLanesTile {
  /** Of a subgroup; fixed. */
  readonly lanes: number;
  readonly rows: number;
}

/** How the columns of a window lie on the lanes. */
interface Columns {
  /** For each column, how many lanes further on it is, and which of that lane's columns. */
  readonly places: readonly { readonly lane: number; readonly phase: number }[];
  /** Lanes to the left and to the right that a lane needs. */
  readonly before: number;
  readonly behind: number;
  /** Outputs from one subgroup to the next, and subgroups of a row. */
  readonly step: number;
  readonly groups: number;
}

type Window = Pick<Conv3dProblem, 'kernel' | 'stride' | 'padding'>;

function placesOf({ kernel, stride, padding }: Window): Pick<Columns, 'places' | 'before' | 'behind'> {
  const places = Array.from({ length: kernel[2] }, (_, column) => {
    const lane = Math.floor((column - padding[2]) / stride[2]);
    return { lane, phase: column - padding[2] - lane * stride[2] };
  });
  const before = Math.max(0, ...places.map(({ lane }) => -lane));
  const behind = Math.max(0, ...places.map(({ lane }) => lane));
  return { places, before, behind };
}

function columnsOf(problem: Conv3dProblem, lanes: number): Columns {
  const { x, outputs, stride } = problem;
  const { places, before, behind } = placesOf(problem);
  const step = lanes - before - behind;
  const width = outputs[0]!.shape[3];
  let groups = 1;
  // The last one has the last output, or nothing but padding behind it.
  while ((groups - 1) * step + lanes - behind < width && stride[2] * ((groups - 1) * step + lanes) < x.shape[3])
    groups++;
  return { places, before, behind, step, groups };
}

/** Whether the window leaves outputs to half of the lanes at least. */
export function depthwiseLanesFit(window: Window, lanes: number): boolean {
  const { before, behind } = placesOf(window);
  return 2 * (before + behind) <= lanes;
}

export function conv3dDepthwiseLanesWork(problem: Conv3dProblem, { lanes, rows: height }: DepthwiseLanesTile): Work {
  const { x, outputs, kernel: window, stride } = problem;
  const { span, rows, frames, c4 } = depthwiseGrid(problem, { rows: height, span: ALL });
  const workgroups = c4 * columnsOf(problem, lanes).groups * rows * frames;
  const taps = window[0] * window[1] * window[2];
  const loads = framesUnder(problem, span) * rowsUnder(problem, height) * Math.min(stride[2], window[2]);
  const flops = 4 * lanes * workgroups * (loads + divideUp(taps, lanes));
  const bytes = viewBytes(x) + pixelsOf(outputs[0]!) * vec4s(outputs[0]!.shape[4]) * 16;
  return { arithmetic: 'strip', share: share(height), flops, bytes, workgroups, threads: lanes };
}

/**
 * Lanes that lie a pixel apart share no line of memory: of the speed of lanes along the channels, on 5×1×1. More rows load less for an
 * output, in a loop of so much more code that an old core is slower with them (bench/NOTES.md).
 */
const share = (rows: number): number => 0.75 / (0.4 + 0.6 * rows);

/** Frames of a thread: a shorter span loads the frames at its ends twice. */
const ALL = Number.MAX_SAFE_INTEGER;

/** Bindings: x, weights, bias, y. */
export function conv3dDepthwiseLanes(
  problem: Conv3dProblem,
  { lanes, rows: height }: DepthwiseLanesTile,
  options: DepthwiseOptions = {},
): Kernel {
  const { kernel: window, stride } = problem;
  const { span, spans, rows, frames, c4 } = depthwiseGrid(problem, { rows: height, span: ALL });
  const { places, before, behind, step, groups } = columnsOf(problem, lanes);
  const taps = window[0] * window[1] * window[2];
  const phases = [...new Set(places.map(({ phase }) => phase))];
  const shifts = [...new Set(places.map(({ lane }) => lane))].filter((lane) => lane !== 0);
  const far = (lane: number): string => `${lane < 0 ? 'left' : 'right'}${Math.abs(lane)}`;
  const name = ({ lane, phase }: Columns['places'][number]): string =>
    lane === 0 ? `v${phase}` : `v${phase}_${far(lane)}`;
  const shifted = places
    .filter(({ lane }) => lane !== 0)
    .map((place) => {
      const moved = `subgroupShuffle(v${place.phase}, from_${far(place.lane)})`;
      return `let ${name(place)} = select(vec4f(0), ${moved}, has_${far(place.lane)});`;
    });
  return kernel({
    name: `conv3d_depthwise lanes ${window.join('×')}/${stride.join('×')} ${height}`,
    params: Params,
    values: { ...conv3dValues(problem), units: c4 * groups, spans, span },
    storage: conv3dBindings(problem),
    workgroups: [c4 * groups, rows, frames],
    enable: 'enable subgroups;',
    body: /* wgsl */ `
${storeFunction(problem)}

${entryPoint(lanes, 'lane', 'subgroup_invocation_id')} {
  let c = workgroup.x % p.cout4;
  let group = i32(workgroup.x / p.cout4);
  let own = i32(lane);
  let column = group * ${step} + own;
  let row = i32(workgroup.y) * ${height};
  ${phases.map((phase) => `let x${phase} = column * ${stride[2]} + ${phase}; let at${phase} = u32(min(x${phase}, p.x_w - 1)) * p.x_stride + c; let real${phase} = x${phase} < p.x_w;`).join('\n  ')}
  ${shifts.map((lane) => `let from_${far(lane)} = u32(clamp(own + ${lane}, 0, ${lanes - 1})); let has_${far(lane)} = own + ${lane} >= 0 && own + ${lane} < ${lanes};`).join('\n  ')}
  // At the ends of a row, lanes that lack a neighbour lack padding.
  let first = own >= ${before} || group == 0;
  let last = own < ${lanes - behind} || ${stride[2]} * (group * ${step} + ${lanes}) >= p.x_w;
  let stores = column < i32(p.y_w) && first && last;
  ${repeat(divideUp(taps, lanes), (i) => `let loaded${i} = weights[min(lane + ${i * lanes}u, ${taps - 1}u) * p.cout4 + c];`, '\n  ')}
  ${repeat(
    taps,
    (tap) => {
      const at = tapAt(problem, tap, options);
      return `let w${tap} = subgroupBroadcast(loaded${Math.floor(at / lanes)}, ${at % lanes}u);`;
    },
    '\n  ',
  )}
  ${depthwiseWalk(
    problem,
    { rows: height, columns: 1, span },
    {
      load: [
        ...phases.map((phase) => `let v${phase} = select(vec4f(0), x[line + at${phase}], there && real${phase});`),
        ...shifted,
      ].join('\n        '),
      value: (_, w) => name(places[w]!),
      stored: () => 'stores',
    },
  )}
}`,
  });
}

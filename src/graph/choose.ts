/** @file From prepared nodes to candidates and dispatches: what compiling and tuning share. */

import { checkChoice, describeValue } from '../core/check.ts';
import { GraphError, InputError } from '../core/errors.ts';
import { ACCURACIES, type Accuracy, type DeviceProfile } from '../core/kernel.ts';
import { isAbout, type ShippedTable, type TuningTable } from '../core/tuning.ts';
import { type Layout, viewOf, viewShape } from '../kernels/shared/layout.ts';
import { denseView } from '../kernels/shared/view.ts';
import { completed } from '../ops/complete.ts';
import { bestFirst } from '../ops/estimate.ts';
import {
  type Candidate,
  type NodeOperands,
  type Operand,
  operand,
  type Runs,
  type TensorType,
} from '../ops/operator.ts';
import { type Graph, type Node, parameterValues, type ValueId } from './graph.ts';
import type { Activations } from './passes/half_activations.ts';
import { MOST_DENSE_WEIGHTS, type PassOptions } from './passes/index.ts';
import type { StorageMap } from './storage.ts';
import { SHIPPED_TABLES } from './tables/index.ts';

export interface ChoiceOptions {
  /** How far kernels may trade accuracy for speed; `fast` where left out. */
  readonly accuracy?: Accuracy;
  /** Takes the first candidate whose name starts with this, where a node has one: for research. */
  readonly kernel?: string;
  /** How often the plan is going to run; `few` where left out: then kernels that take long to compile have to be worth it. */
  readonly runs?: Runs;
  /** Choices measured on this device; nodes without one take those measured on others of its kind, else the best guess. */
  readonly tuning?: TuningTable;
  /**
   * What convolutions and pools hand each other. `f16`, for devices with `shader-f16`, halves its memory and rounds to 11 bits between layers, as only the accuracy `half`
   * may; it does so on GPUs where this is left out. States and outputs are f32 anyway.
   */
  readonly activations?: Activations;
  /** Choices measured on other devices; those that come with the package where left out. */
  readonly tables?: readonly ShippedTable[];
}

/** A node that runs on the device, with all its ways of being computed, the best guess first. */
export interface ChoiceNode {
  readonly node: Node;
  readonly operands: NodeOperands;
  readonly candidates: readonly Candidate[];
}

/**
 * Nodes that leave something to do on the device; those that only rename memory have no candidates and are left out. One at a
 * time: writing a node's kernels down takes a millisecond or more.
 */
export async function* nodesToRun(
  graph: Graph,
  storage: StorageMap,
  profile: DeviceProfile,
  runs?: Runs,
): AsyncGenerator<ChoiceNode> {
  const parameters = parameterValues(graph);
  const places = new Map(
    storage.runs.flatMap(({ members, offsets }, index) =>
      members.map((member, i) => [member, { index, offset: offsets[i]! }] as const),
    ),
  );
  const operandOf = (value: ValueId): Operand => {
    const { type } = graph.values[value]!;
    const placement = storage.placements[value];
    if (!placement) return operand(type, denseView(viewShape(type.shape)), -1, 0);
    const { storage: index, layout } = placement;
    return operand(type, layout, index, storage.storages[index]!.size, places.get(index));
  };
  for (const node of graph.nodes) {
    if (node.outputs.every((value) => parameters.has(value))) continue;
    const operands = { inputs: node.inputs.map(operandOf), outputs: node.outputs.map(operandOf) };
    const candidates = await candidatesOf(node, operands, profile, runs);
    if (candidates.length > 0) yield { node, operands, candidates };
  }
}

async function candidatesOf(
  node: Node,
  operands: NodeOperands,
  profile: DeviceProfile,
  runs?: Runs,
): Promise<readonly Candidate[]> {
  try {
    const candidates = await node.operator.candidates(node.attributes, operands, profile);
    return bestFirst(completed(candidates, node.operator, operands), profile, runs);
  } catch (error) {
    if (error instanceof GraphError) throw new GraphError(`${node.name} (${node.operator.type}): ${error.message}.`);
    throw error;
  }
}

/**
 * @param kernel The beginning of a candidate's name; see `ChoiceOptions`.
 * @throws InputError when no node has such a candidate; the message lists those that there are.
 */
export function checkKernel(entries: readonly ChoiceNode[], kernel: string | undefined): void {
  if (kernel === undefined) return;
  const known = new Set(entries.flatMap(({ candidates }) => candidates.map(({ name }) => name)));
  if (typeof kernel === 'string' && [...known].some((name) => name.startsWith(kernel))) return;
  throw new InputError(`No layer has a kernel ${describeValue(kernel)}; there are ${[...known].join(', ') || 'none'}.`);
}

/**
 * What the passes of inference are told of a device.
 * @throws GraphError where the device has no f16; InputError when the accuracy or the activations are none that there are.
 */
export const devicePasses = (
  profile: DeviceProfile,
  options: ChoiceOptions & Pick<PassOptions, 'joinBranches' | 'denseOfMeans' | 'addInPlace'> = {},
) => ({
  activations: activationsOf(profile, options),
  // The cores of a processor are busy with the last workgroups of a dispatch, or with the next.
  joinBranches: options.joinBranches ?? !profile.software,
  // There a shader that adds is another one to compile, and sums are 2 % of a network's time.
  addInPlace: options.addInPlace ?? !profile.software,
  // A dispatch costs a processor little, and barriers much: seconds of compiling.
  denseOfMeans: options.denseOfMeans ?? (profile.software ? 0 : MOST_DENSE_WEIGHTS),
});

function activationsOf(profile: DeviceProfile, { accuracy, activations }: ChoiceOptions): Activations {
  if (accuracy !== undefined) checkChoice('accuracy', accuracy, ACCURACIES);
  if (activations !== undefined) checkChoice('activations', activations, ['f32', 'f16']);
  if (activations === 'f16' && !profile.shaderF16) {
    throw new GraphError(`${profile.description} has no f16 (shader-f16); activations have to be f32.`);
  }
  // A processor converts in software.
  return activations ?? (accuracy === 'half' && profile.shaderF16 && !profile.software ? 'f16' : 'f32');
}

const DEFAULT_ACCURACY: Accuracy = 'fast';

/** Candidates within an accuracy class, the best guess first. */
export function allowedCandidates<C extends Pick<Candidate, 'accuracy'>>(
  { candidates }: { readonly candidates: readonly C[] },
  accuracy = DEFAULT_ACCURACY,
): C[] {
  const limit = ACCURACIES.indexOf(accuracy);
  return candidates.filter((candidate) => ACCURACIES.indexOf(candidate.accuracy) <= limit);
}

/**
 * Why a candidate was taken: it was asked for by `name` (the option `kernel`); it was the fastest when `tuning` on this device, in so
 * many milliseconds; a `table` that comes with the package has it, measured on what it says; or it has the best `estimate`.
 */
export type ChosenBy =
  | { readonly by: 'name' }
  | { readonly by: 'tuning'; readonly ms: number }
  | { readonly by: 'table'; readonly measured: string }
  | { readonly by: 'estimate' };

export interface Choice {
  readonly candidate: Candidate;
  readonly chosenBy: ChosenBy;
}

/** Forced, else tuned here, else tuned elsewhere, else the best guess. */
export function chooseCandidate(entry: ChoiceNode, profile: DeviceProfile, options: ChoiceOptions): Choice {
  const { accuracy = DEFAULT_ACCURACY, kernel, tuning, tables = SHIPPED_TABLES } = options;
  const allowed = allowedCandidates(entry, accuracy);
  const forced = kernel === undefined ? undefined : entry.candidates.find(({ name }) => name.startsWith(kernel));
  if (forced) return { candidate: forced, chosenBy: { by: 'name' } };
  if (tuning && allowed.length > 1 && knowsOf(tuning, tuningProblem(entry, profile))) {
    const record = tuning[tuningKey(entry, allowed, profile)];
    const tuned = record && allowed.find(({ name }) => name === record.candidate);
    if (tuned) return { candidate: tuned, chosenBy: { by: 'tuning', ms: record.ms } };
  }
  const table = tables.find((one) => isAbout(one, profile));
  const shipped = allowed.find(({ name }) => name === table?.choices[accuracy]?.[tableKey(entry)]);
  if (table && shipped) return { candidate: shipped, chosenBy: { by: 'table', measured: table.measured } };
  return { candidate: allowed[0]!, chosenBy: { by: 'estimate' } };
}

/** What a node computes, the same on any device: the key of a shipped table. */
export function tableKey({ node, operands }: ChoiceNode): string {
  const shapes = (list: readonly Operand[]) => list.map(({ type }) => shapeOf(type)).join(' ');
  return `${node.operator.type} ${JSON.stringify(node.attributes)} ${shapes(operands.inputs)} → ${shapes(operands.outputs)}`;
}

const shapeOf = ({ dtype, shape }: TensorType): string => `${dtype === 'f16' ? 'f16 ' : ''}${shape.join('×')}`;

/** Whether it is worth writing down all candidates' shaders for a key: most tables know nothing of most problems. */
const knowsOf = (tuning: TuningTable, problem: string): boolean =>
  Object.keys(tuning).some((key) => key.startsWith(problem));

/** What a tuning key begins with: adapter and driver, the node's shapes and strides. */
function tuningProblem({ node, operands }: ChoiceNode, profile: DeviceProfile): string {
  const shape = ({ type, storage, layout }: Operand) => `${shapeOf(type)}@${storage < 0 ? 0 : stridesOf(layout)}`;
  const shapes = `${operands.inputs.map(shape).join(' ')} → ${operands.outputs.map(shape).join(' ')}`;
  const adapter = `${profile.vendor} ${profile.architecture} ${profile.description}`;
  return `${adapter} | ${node.operator.type} ${JSON.stringify(node.attributes)} ${shapes} | `;
}

/** The problem, and a hash of every allowed candidate's shaders. */
export function tuningKey(entry: ChoiceNode, allowed: readonly Candidate[], profile: DeviceProfile): string {
  const sources = allowed.flatMap(({ name, lower }) => [name, ...new Set(lower().map(({ kernel }) => kernel.wgsl))]);
  return `${tuningProblem(entry, profile)}${hash(sources.join('\n'))}`;
}

/** From pixel to pixel in vec4, where there is such a distance; else of each axis in values. */
const stridesOf = (layout: Layout): string =>
  `${viewOf(layout)?.stride ?? layout.axes.map(({ stride }) => stride).join(',')}`;

/** 53 bits of a string (two 32-bit multiplicative hashes), in base 36. */
function hash(text: string): string {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(36);
}

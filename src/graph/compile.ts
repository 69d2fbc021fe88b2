/** @file From a graph to a plan: passes, choice of kernels, memory, pipelines. */

import { type Abortable, checkProgress, checkSignal, unlessAborted } from '../core/abort.ts';
import { checkOptionNames, describeValue } from '../core/check.ts';
import { GraphError, InputError } from '../core/errors.ts';
import type { DeviceProfile, Kernel } from '../core/kernel.ts';
import { Slices } from '../core/slices.ts';
import { sizeOf } from '../core/tensor.ts';
import { checkGpu, type Gpu } from '../gpu/device.ts';
import { Program, type Step } from '../gpu/program.ts';
import type { Resource } from '../gpu/resource.ts';
import { warmUp } from '../gpu/warmup.ts';
import { type ConsideredKernel, consideredKernels } from '../ops/estimate.ts';
import { type Argument, constantsOf, type LoweredDispatch } from '../ops/operator.ts';
import { PlanBuffers } from './buffers.ts';
import {
  allowedCandidates,
  type Choice,
  type ChoiceNode,
  type ChoiceOptions,
  checkKernel,
  chooseCandidate,
  devicePasses,
  nodesToRun,
} from './choose.ts';
import { type Graph, parameterValues, type ValueId } from './graph.ts';
import { DeviceParameters, type WantedConstant } from './parameters.ts';
import { inferencePasses, type PassOptions } from './passes/index.ts';
import { Plan, type PlanRow } from './plan.ts';
import type { DeviceState } from './state.ts';
import { assignStorage, type StorageMap } from './storage.ts';

export interface CompileOptions extends ChoiceOptions, Omit<PassOptions, 'activations'>, Abortable {
  /** Where the graph's states are. */
  readonly state?: DeviceState;
  readonly onProgress?: ((progress: CompileProgress) => void) | undefined;
}

/** How far a compilation is: first the kernels, then the weights in the layouts that they want. Only what is new is counted. */
export interface CompileProgress {
  readonly stage: 'kernels' | 'weights';
  readonly done: number;
  readonly total: number;
}

interface LoweredNode extends ChoiceNode, Choice {
  readonly considered: readonly ConsideredKernel[];
  readonly dispatches: readonly LoweredDispatch[];
}

/**
 * Compiles a graph for inference.
 * @throws GraphError (shapes, names, missing parameters, a tensor too large for the device), KernelCompileError,
 *   GpuOutOfMemoryError; the reason of `signal`
 */
export async function compile(graph: Graph, parameters: DeviceParameters, options: CompileOptions = {}): Promise<Plan> {
  if (!(parameters instanceof DeviceParameters)) {
    throw new InputError(`compile takes its parameters as DeviceParameters, not ${describeValue(parameters)}.`);
  }
  parameters.assertUsable();
  const { gpu } = parameters;
  const { profile } = gpu;
  const { signal } = options;
  const { prepared, storage, lowered } = await lower(graph, profile, options);
  parameters.check(prepared);
  checkStates(prepared, options.state);
  await compiled(gpu, lowered, options);

  const nodeIndex = new Map(prepared.nodes.map((node, i) => [node, i] as const));
  const scratch = lowered.map(({ node, candidate }) => ({ step: nodeIndex.get(node)!, candidate }));
  const buffers = await PlanBuffers.create(gpu, storage, scratch, options.state);

  try {
    const wanted = lowered.flatMap(({ node: { inputs }, dispatches }) =>
      constantsOf(dispatches).map((argument): WantedConstant => ({ argument, inputs })),
    );
    const making = parameters.packed(parameters.evaluator(prepared), wanted, {
      signal,
      onProgress: progressOf(options, 'weights'),
    });
    const constants = (await unlessAborted(making, signal)).values();
    const steps: Step[] = [];
    const rows: PlanRow[] = [];
    const known = parameterValues(prepared);
    lowered.forEach((entry, i) => {
      const resolve = (argument: Argument): Resource => {
        if (argument.from === 'constant') return constants.next().value!;
        const { from, index, offset, size } = argument;
        const value = (from === 'input' ? entry.node.inputs : entry.node.outputs)[index]!;
        const range =
          from === 'workspace' || from === 'packed'
            ? buffers[from](i, index, offset, size)
            : buffers.storage(storage.placements[value]!.storage, offset, size);
        if (range.size > profile.maxStorageBinding) {
          throw new GraphError(
            `${entry.node.name} (${entry.node.operator.type}) binds ${range.size} bytes at once; this device allows ${profile.maxStorageBinding}.`,
          );
        }
        return range;
      };
      rows.push(describe(prepared, known, entry, steps.length));
      for (const { kernel, args } of entry.dispatches) steps.push({ kernel, resources: args.map(resolve) });
    });
    signal?.throwIfAborted();
    const program = await Program.create(gpu, 'plan', steps);
    return new Plan(gpu, prepared, storage, buffers, program, rows, parameters);
  } catch (error) {
    buffers.dispose();
    throw error;
  }
}

/**
 * Compiles the kernels that `compile` will want for this graph, or one like it: sizes are uniforms, so other frame sizes mostly
 * have the same ones. For callers who wait for something else meanwhile, such as the parameters.
 * @throws GraphError, KernelCompileError; the reason of `signal`
 */
export async function compileKernels(graph: Graph, gpu: Gpu, options: CompileOptions = {}): Promise<void> {
  checkGpu('compileKernels', gpu);
  const { lowered } = await lower(graph, gpu.profile, options);
  await compiled(gpu, lowered, options);
}

/** Kernels that a driver is compiling already come to their end after an abort, too; whoever compiles them next has them at once. */
const compiled = (gpu: Gpu, lowered: readonly LoweredNode[], options: CompileOptions): Promise<void> =>
  unlessAborted(warmUp(gpu, kernelsOf(lowered), progressOf(options, 'kernels')), options.signal);

const progressOf = ({ onProgress }: CompileOptions, stage: CompileProgress['stage']) =>
  onProgress && ((done: number, total: number) => onProgress({ stage, done, total }));

interface LoweredGraph {
  readonly prepared: Graph;
  readonly storage: StorageMap;
  readonly lowered: readonly LoweredNode[];
}

const OPTION_NAMES: readonly (keyof CompileOptions)[] = [
  'accuracy',
  'kernel',
  'runs',
  'tuning',
  'activations',
  'tables',
  'state',
  'outputs',
  'optimise',
  'joinBranches',
  'denseOfMeans',
  'addInPlace',
  'signal',
  'onProgress',
];

async function lower(graph: Graph, profile: DeviceProfile, options: CompileOptions): Promise<LoweredGraph> {
  checkOptionNames('compile', options, OPTION_NAMES);
  if (typeof graph !== 'object' || graph === null || !Array.isArray(graph.nodes) || !Array.isArray(graph.values)) {
    throw new InputError(`compile takes a graph, what GraphBuilder.build returns, not ${describeValue(graph)}.`);
  }
  const { tables, signal, onProgress } = options;
  checkProgress('compile', onProgress);
  checkSignal('compile', signal);
  if (tables !== undefined && !Array.isArray(tables)) {
    throw new InputError(`The option tables must be a list of tables, not ${describeValue(tables)}.`);
  }
  const slices = new Slices();
  const prepared = inferencePasses(graph, { ...options, ...devicePasses(profile, options) });
  const storage = assignStorage(prepared);
  const entries: ChoiceNode[] = [];
  for await (const entry of nodesToRun(prepared, storage, profile, options.runs)) {
    entries.push(entry);
    signal?.throwIfAborted();
    await slices.pause();
  }
  checkKernel(entries, options.kernel);
  const lowered: LoweredNode[] = [];
  for (const entry of entries) {
    const choice = chooseCandidate(entry, profile, options);
    const considered = consideredKernels(allowedCandidates(entry, options.accuracy), profile, options.runs);
    lowered.push({ ...entry, ...choice, considered, dispatches: choice.candidate.lower() });
    signal?.throwIfAborted();
    await slices.pause();
  }
  return { prepared, storage, lowered };
}

/** Those of the dispatches, and those that compute constants. */
function kernelsOf(lowered: readonly LoweredNode[]): Kernel[] {
  return lowered
    .flatMap(({ dispatches }) => dispatches)
    .flatMap(({ kernel, args }) => [
      kernel,
      ...args.flatMap((argument) =>
        argument.from === 'constant' && argument.prepare ? [argument.prepare.kernel()] : [],
      ),
    ]);
}

function checkStates(graph: Graph, state: DeviceState | undefined): void {
  if (state) state.check(graph);
  else if (graph.values.some(({ source }) => source.kind === 'state')) {
    throw new GraphError('The graph has states, and none were given to compile it with.');
  }
}

function describe(
  graph: Graph,
  known: ReadonlySet<ValueId>,
  { node, candidate, chosenBy, considered, dispatches, operands }: LoweredNode,
  firstDispatch: number,
): PlanRow {
  const types = (values: readonly ValueId[]) => values.map((value) => graph.values[value]!.type);
  return {
    node: node.name,
    op: node.operator.type,
    kernel: candidate.name,
    chosenBy,
    considered,
    firstDispatch,
    dispatches: dispatches.length,
    workgroups: dispatches.map(({ kernel }) => kernel.workgroups),
    shapes: operands.outputs.map(({ type }) => type.shape),
    parameters: node.inputs.reduce((sum, v) => (known.has(v) ? sum + sizeOf(graph.values[v]!.type.shape) : sum), 0),
    ...node.operator.cost(node.attributes, types(node.inputs), types(node.outputs)),
  };
}

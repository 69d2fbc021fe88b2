/** @file From a graph to a plan: passes, choice of kernels, memory, pipelines. */

import { GraphError } from '../core/errors.ts';
import { sizeOf } from '../core/tensor.ts';
import { Program, type Step } from '../gpu/program.ts';
import { warmUp } from '../gpu/warmup.ts';
import type { Argument, Candidate, LoweredDispatch } from '../ops/operator.ts';
import { Arena } from './arena.ts';
import { type Graph, type Node, operatorOf, parameterValues, type ValueId } from './graph.ts';
import { type ChoiceNode, type ChoiceOptions, chooseCandidate, nodesToRun } from './lower.ts';
import { type Allocation, planMemory } from './memory.ts';
import type { DeviceParameters } from './parameters.ts';
import { inferencePasses } from './passes/index.ts';
import { Plan, type PlanRow } from './plan.ts';
import { assignStorage, type StorageMap } from './storage.ts';

export interface CompileOptions extends ChoiceOptions {
  /** Names of the values that runs return; all named ones where left out. */
  readonly outputs?: readonly string[];
  /** `false` leaves all passes out: every node of the graph runs as it was written. */
  readonly optimise?: boolean;
}

interface LoweredNode extends ChoiceNode {
  readonly candidate: Candidate;
  readonly dispatches: readonly LoweredDispatch[];
}

/**
 * Compiles a graph for inference.
 * @throws GraphError (shapes, names, missing parameters, a tensor too large for the device), KernelCompileError,
 *   GpuOutOfMemoryError
 */
export async function compile(graph: Graph, parameters: DeviceParameters, options: CompileOptions = {}): Promise<Plan> {
  const { gpu } = parameters;
  const { profile } = gpu;
  const prepared = inferencePasses(graph, options.outputs ?? [...graph.names.keys()], options.optimise ?? true);
  parameters.check(prepared);
  const storage = assignStorage(prepared);
  const lowered = nodesToRun(prepared, storage, profile).map((entry): LoweredNode => {
    const candidate = chooseCandidate(entry, profile, options);
    return { ...entry, candidate, dispatches: candidate.lower() };
  });

  await warmUp(
    gpu,
    lowered.flatMap(({ dispatches }) => dispatches.map(({ kernel }) => kernel)),
  );

  const workspaces = lowered.map(({ candidate }) => candidate.workspaces);
  const nodeIndex = new Map(prepared.nodes.map((node, i) => [node, i] as const));
  const allocations: Allocation[] = [
    ...storage.storages,
    ...lowered.flatMap(({ node, candidate }) => {
      const step = nodeIndex.get(node)!;
      return candidate.workspaces.map((size) => ({ size, first: step, last: step }));
    }),
  ];
  const tooLarge = allocations.find(({ size }) => size > profile.maxBufferSize);
  if (tooLarge) {
    throw new GraphError(
      `A tensor of ${tooLarge.size} bytes is larger than a buffer of this device, ${profile.maxBufferSize}.`,
    );
  }
  const memory = planMemory(allocations, { alignment: profile.bindingAlignment, segment: profile.maxBufferSize });
  const sizes = allocations.map(({ size }) => size);
  const arena = await gpu.checked('Arena', () => new Arena(gpu, memory, sizes, profile.maxBufferSize));

  try {
    const evaluator = parameters.evaluator(prepared);
    const steps: Step[] = [];
    const rows: PlanRow[] = [];
    const known = parameterValues(prepared);
    let workspace = storage.storages.length;
    lowered.forEach((entry, i) => {
      const resolve = (argument: Argument) => {
        if (argument.from === 'constant') {
          const buffer = parameters.buffer(evaluator, argument, entry.node.inputs);
          return { buffer, offset: 0, size: buffer.size };
        }
        const allocation =
          argument.from === 'workspace' ? workspace + argument.index : storageOf(storage, entry.node, argument);
        const range = arena.range(allocation, argument.offset, argument.size);
        if (range.size > profile.maxStorageBinding) {
          throw new GraphError(
            `${entry.node.name} (${entry.node.op}) binds ${range.size} bytes at once; this device allows ${profile.maxStorageBinding}.`,
          );
        }
        return range;
      };
      rows.push(describe(prepared, known, entry, steps.length));
      for (const { kernel, args } of entry.dispatches) steps.push({ kernel, buffers: args.map(resolve) });
      workspace += workspaces[i]!.length;
    });
    const program = await Program.create(gpu, 'plan', steps);
    return new Plan(gpu, prepared, storage, arena, program, rows, parameters);
  } catch (error) {
    arena.dispose();
    throw error;
  }
}

function storageOf(
  storage: StorageMap,
  node: Node,
  argument: { from: 'input' | 'output'; index: number } | Argument,
): number {
  if (argument.from === 'constant' || argument.from === 'workspace') throw new Error('unreachable');
  const value = (argument.from === 'input' ? node.inputs : node.outputs)[argument.index]!;
  return storage.placements[value]!.storage;
}

function describe(
  graph: Graph,
  known: ReadonlySet<ValueId>,
  { node, candidate, dispatches, operands }: LoweredNode,
  firstDispatch: number,
): PlanRow {
  const types = (values: readonly ValueId[]) => values.map((value) => graph.values[value]!.type);
  return {
    node: node.name,
    op: node.op,
    kernel: candidate.name,
    firstDispatch,
    dispatches: dispatches.length,
    workgroups: dispatches.map(({ kernel }) => kernel.workgroups),
    shapes: operands.outputs.map(({ type }) => type.shape),
    parameters: node.inputs.reduce((sum, v) => (known.has(v) ? sum + sizeOf(graph.values[v]!.type.shape) : sum), 0),
    ...operatorOf(node).cost(node.attributes, types(node.inputs), types(node.outputs)),
  };
}

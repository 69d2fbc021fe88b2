/** @file A graph is data: values with types, nodes in an order in which they can run, names of the values that one may ask for. */

import { GraphError, InputError } from '../core/errors.ts';
import type { Operator, TensorType } from '../ops/operator.ts';

/** Index into `Graph.values`. */
export type ValueId = number;

export interface Value {
  readonly type: TensorType;
  /**
   * Where it comes from. Parameters are known when a plan is compiled, inputs come with each run; states live on the device
   * from run to run, and nodes may change them.
   */
  readonly source:
    | { readonly kind: 'input'; readonly name: string }
    | { readonly kind: 'parameter'; readonly name: string }
    | { readonly kind: 'state'; readonly name: string }
    | { readonly kind: 'node' };
}

/** One application of an operator. */
export interface Node<A extends object = object> {
  readonly operator: Operator<A>;
  /** Shown in plans and errors; such as `Mixed_3b/Branch_1/Conv3d_0b_3x3`. */
  readonly name: string;
  readonly attributes: A;
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly ValueId[];
}

export interface Graph {
  readonly values: readonly Value[];
  /** Every node comes after those whose outputs it reads. */
  readonly nodes: readonly Node[];
  /** Values that can be asked for by name; after `selectOutputs` those that were. */
  readonly names: ReadonlyMap<string, ValueId>;
}

export const isOp = <A extends object>(
  node: Pick<Node, 'operator' | 'attributes'> | undefined,
  operator: Operator<A>,
): node is Node<A> => node?.operator === operator;

/** What `body` returns; an argument that it refuses is a mistake in the graph. */
export function graphChecked<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof InputError) throw new GraphError(error.message);
    throw error;
  }
}

/** Node that makes each value, by value. */
export function producers(graph: Graph): Map<ValueId, Node> {
  return new Map(graph.nodes.flatMap((node) => node.outputs.map((value) => [value, node] as const)));
}

/** How often each value is read, named outputs included. */
export function useCounts(graph: Graph): Map<ValueId, number> {
  const counts = new Map<ValueId, number>();
  const count = (value: ValueId) => counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const node of graph.nodes) node.inputs.forEach(count);
  for (const value of graph.names.values()) count(value);
  return counts;
}

/** Values that follow from parameters alone: computed once, on the host. */
export function parameterValues(graph: Graph): Set<ValueId> {
  const known = new Set<ValueId>();
  graph.values.forEach(({ source }, id) => {
    if (source.kind === 'parameter') known.add(id);
  });
  for (const node of graph.nodes) {
    if (node.operator.host && node.inputs.every((value) => known.has(value))) {
      for (const value of node.outputs) known.add(value);
    }
  }
  return known;
}

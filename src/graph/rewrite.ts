/** @file The frame of every pass: walk a graph in order, copy or replace each node, and end with a graph in running order. */

import { GraphError } from '../core/errors.ts';
import { GraphBuilder } from './builder.ts';
import { type Graph, type Node, producers, type ValueId } from './graph.ts';

/** What a pass sees while it rebuilds a graph. Values of the old graph are translated by `to`. */
interface Rewriter {
  readonly builder: GraphBuilder;
  /** The new value for one of the old graph. */
  to(old: ValueId): ValueId;
  /** Says that an old value is from now on this new one. */
  map(old: ValueId, value: ValueId): void;
  /** Copies a node, with other attributes if given. */
  copy<A extends object>(node: Node<A>, attributes?: A): void;
}

/** Calls `visit` for each node; it copies the node, replaces it by others, or drops it. */
export function rewrite(graph: Graph, visit: (node: Node, rewriter: Rewriter) => void): Graph {
  const rewriter = startRewrite(graph);
  for (const node of graph.nodes) visit(node, rewriter);
  for (const [name, value] of graph.names) rewriter.builder.name(name, rewriter.to(value));
  return rewriter.builder.build();
}

/** A builder that has the sources of a graph, for those who walk its nodes themselves. */
export function startRewrite(graph: Graph): Rewriter {
  const builder = new GraphBuilder();
  const values = new Map<ValueId, ValueId>();
  graph.values.forEach(({ type, source }, id) => {
    if (source.kind === 'input') values.set(id, builder.input(source.name, type.shape, type.dtype as 'f32' | 'u8'));
    if (source.kind === 'parameter') values.set(id, builder.parameter(source.name, type.shape));
    if (source.kind === 'state') values.set(id, builder.state(source.name, type.shape));
  });
  const to = (old: ValueId): ValueId => {
    const value = values.get(old);
    if (value === undefined) throw new GraphError(`A pass dropped value ${old}, which is still read.`);
    return value;
  };
  return {
    builder,
    to,
    map: (old, value) => values.set(old, value),
    copy: (node, attributes = node.attributes) => {
      const outputs = builder.add(node.operator, node.name, attributes, node.inputs.map(to));
      node.outputs.forEach((old, i) => {
        values.set(old, outputs[i]!);
      });
    },
  };
}

/**
 * Keeps the named outputs, the nodes that change states, and what they need; everything else is dropped, unused sources too.
 * Nodes end up in an order in which they can run, as close to the given one as possible.
 */
export function prune(graph: Graph): Graph {
  const makers = producers(graph);
  const ordered = new Set<Node>();
  const needed = new Set<ValueId>(graph.names.values());
  const visit = (node: Node): void => {
    if (ordered.has(node)) return;
    for (const value of node.inputs) {
      needed.add(value);
      const maker = makers.get(value);
      if (maker) visit(maker);
    }
    ordered.add(node);
  };
  const wanted = new Set<Node>();
  const want = (node: Node | undefined): void => {
    if (!node || wanted.has(node)) return;
    wanted.add(node);
    for (const value of node.inputs) want(makers.get(value));
  };
  for (const value of graph.names.values()) want(makers.get(value));
  for (const node of graph.nodes) if (node.operator.inPlace) want(node);
  for (const node of graph.nodes) if (wanted.has(node)) visit(node);
  for (const node of ordered) for (const value of node.outputs) needed.add(value);
  const ids = new Map<ValueId, ValueId>();
  const values = graph.values.filter((_, id) => {
    if (!needed.has(id)) return false;
    ids.set(id, ids.size);
    return true;
  });
  const renumber = (list: readonly ValueId[]): ValueId[] => list.map((value) => ids.get(value)!);
  return {
    values,
    nodes: [...ordered].map((node) => ({ ...node, inputs: renumber(node.inputs), outputs: renumber(node.outputs) })),
    names: new Map([...graph.names].map(([name, value]) => [name, ids.get(value)!])),
  };
}

/**
 * @file Concatenation costs nothing: where the inputs can be written straight into channel slices of the output, the node
 * is marked as in place and the memory plan gives its inputs slices of one buffer.
 */

import { type ConcatAttributes, concat } from '../../ops/concat.ts';
import { type Graph, isOp, type Node, producers, type ValueId } from '../graph.ts';

export function concatInPlace(graph: Graph): Graph {
  const makers = producers(graph);
  const sliced = new Set<ValueId>();
  return {
    ...graph,
    nodes: graph.nodes.map((node) => {
      if (!isOp(node, concat) || !fits(graph, node, makers, sliced)) return node;
      for (const value of node.inputs) sliced.add(value);
      return { ...node, attributes: { inPlace: true } };
    }),
  };
}

function fits(graph: Graph, node: Node<ConcatAttributes>, makers: Map<ValueId, Node>, sliced: Set<ValueId>): boolean {
  const inputs = new Set(node.inputs);
  // One dispatch may not have two writable bindings of one buffer range either: each slice has a maker of its own.
  if (inputs.size !== node.inputs.length || new Set(node.inputs.map((v) => makers.get(v))).size !== inputs.size) {
    return false;
  }
  return node.inputs.every((value, i) => {
    const maker = makers.get(value);
    // Graph inputs, and values that share memory already, stay where they are.
    if (!maker || maker.operator.view || isOp(maker, concat) || sliced.has(value)) return false;
    // A dispatch may not read and write one range, so nothing may be made from a slice beside it.
    if (maker.inputs.some((source) => inputs.has(source))) return false;
    const channels = graph.values[value]!.type.shape.at(-1)!;
    return channels % 4 === 0 || i === node.inputs.length - 1;
  });
}

/** @file ReLU moves into the epilogue of the convolution, normalisation or addition that it follows, when nothing else reads it. */

import { relu } from '../../ops/pointwise.ts';
import { type Graph, isOp, type Node, producers, useCounts } from '../graph.ts';
import { rewrite } from '../rewrite.ts';

/** Operators say by an attribute that they can end with ReLU. */
type Fusible = Node<{ readonly relu: boolean }>;

const isFusible = (node: Node | undefined): node is Fusible => node !== undefined && 'relu' in node.attributes;

export function fuseRelu(graph: Graph): Graph {
  const makers = producers(graph);
  const uses = useCounts(graph);
  const hosts = new Map<Node, Fusible>();
  for (const node of graph.nodes) {
    if (!isOp(node, relu)) continue;
    const maker = makers.get(node.inputs[0]!);
    if (isFusible(maker) && maker.outputs.length === 1 && uses.get(maker.outputs[0]!) === 1) hosts.set(node, maker);
  }
  const fused = new Set<Node>(hosts.values());
  return rewrite(graph, (node, { to, map, copy }) => {
    const host = hosts.get(node);
    if (host) map(node.outputs[0]!, to(host.outputs[0]!));
    else if (fused.has(node)) copy(node as Fusible, { ...(node as Fusible).attributes, relu: true });
    else copy(node);
  });
}

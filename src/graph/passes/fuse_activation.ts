/**
 * @file An activation moves into the epilogue of the convolution, normalisation or addition that it follows, when nothing else reads
 * what that one gives.
 */

import type { Activation } from '../../kernels/pointwise/activation.ts';
import { relu } from '../../ops/pointwise.ts';
import { type Graph, isOp, type Node, producers, useCounts } from '../graph.ts';
import { rewrite } from '../rewrite.ts';

/** Operators say by an attribute that they can end with an activation. */
type Host = Node<{ readonly activation: Activation }>;

const takesActivation = (node: Node | undefined): node is Host =>
  node !== undefined && 'activation' in node.attributes && node.attributes.activation === 'none';

export function fuseActivation(graph: Graph): Graph {
  const makers = producers(graph);
  const uses = useCounts(graph);
  const hosts = new Map<Node, Host>();
  for (const node of graph.nodes) {
    if (!isOp(node, relu)) continue;
    const maker = makers.get(node.inputs[0]!);
    if (takesActivation(maker) && maker.outputs.length === 1 && uses.get(maker.outputs[0]!) === 1)
      hosts.set(node, maker);
  }
  const fused = new Set<Node>(hosts.values());
  return rewrite(graph, (node, { to, map, copy }) => {
    const host = hosts.get(node);
    if (host) map(node.outputs[0]!, to(host.outputs[0]!));
    else if (fused.has(node)) copy(node as Host, { ...(node as Host).attributes, activation: 'relu' });
    else copy(node);
  });
}

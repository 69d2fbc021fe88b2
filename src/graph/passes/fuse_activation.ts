/**
 * @file An activation moves into the epilogue of the convolution, normalisation or addition that it follows, when nothing else reads
 * what that one gives.
 */

import { type Activation, gradientKeepsZero } from '../../kernels/pointwise/activation.ts';
import type { UnaryName } from '../../kernels/pointwise/functions.ts';
import { normalize } from '../../ops/normalize.ts';
import { followsFromOutput, unary } from '../../ops/unary.ts';
import { type Graph, isOp, type Node, producers, useCounts } from '../graph.ts';
import { rewrite } from '../rewrite.ts';

/** Operators say by an attribute that they can end with an activation. */
type Host = Node<{ readonly activation: Activation }>;

const takesActivation = (node: Node | undefined): node is Host =>
  node !== undefined && 'activation' in node.attributes && node.attributes.activation === 'none';

/** Whether the gradient through the activation can still be had, from what the node gives or by its own rule. */
const differentiable = (host: Host, fn: UnaryName): boolean =>
  isOp(host, normalize) ? gradientKeepsZero(fn) : followsFromOutput(fn);

/** @param training Gradients will be asked for: what needs the argument of an activation stays a node of its own. */
export function fuseActivation(graph: Graph, training = false): Graph {
  const makers = producers(graph);
  const uses = useCounts(graph);
  const hosts = new Map<Node, Host>();
  const fused = new Map<Node, UnaryName>();
  for (const node of graph.nodes) {
    if (!isOp(node, unary)) continue;
    const { fn } = node.attributes;
    const maker = makers.get(node.inputs[0]!);
    if (!takesActivation(maker) || maker.outputs.length !== 1 || uses.get(maker.outputs[0]!) !== 1) continue;
    if (training && !differentiable(maker, fn)) continue;
    hosts.set(node, maker);
    fused.set(maker, fn);
  }
  return rewrite(graph, (node, { to, map, copy }) => {
    const host = hosts.get(node);
    const activation = fused.get(node);
    if (host) map(node.outputs[0]!, to(host.outputs[0]!));
    else if (activation !== undefined) copy(node as Host, { ...(node as Host).attributes, activation });
    else copy(node);
  });
}

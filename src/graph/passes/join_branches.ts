/**
 * @file Two convolutions of one window that write into the same concatenation become one node, whose kernels may compute both in one
 * dispatch (ops/conv3d/branches.ts). Of an Inception module those are the 3×3×3 convolutions of two branches, and the 1×1×1
 * convolution after the pool with those before the others: three dispatches instead of five.
 */

import { MAX_BRANCH_OUTPUTS } from '../../kernels/conv3d/outputs.ts';
import { concat } from '../../ops/concat.ts';
import { type BranchesAttributes, conv3dBranches } from '../../ops/conv3d/branches.ts';
import { type Conv3dAttributes, conv3d } from '../../ops/conv3d/conv3d.ts';
import { type Graph, isOp, type Node, parameterValues, producers, type ValueId } from '../graph.ts';
import { startRewrite } from '../rewrite.ts';

/** After `concatInPlace`, of a graph in running order. */
export function joinBranches(graph: Graph): Graph {
  // One pair at a time: what may be joined depends on what is.
  const joined = joinOne(graph);
  return joined ? joinBranches(joined) : graph;
}

type Convolution = Node<Conv3dAttributes>;

function joinOne(graph: Graph): Graph | undefined {
  const makers = producers(graph);
  const parameters = parameterValues(graph);
  for (const node of graph.nodes) {
    if (!isOp(node, concat) || !node.attributes.inPlace) continue;
    const convolutions = node.inputs.map((value) => makers.get(value)).filter((maker) => joinable(maker, parameters));
    for (const [i, first] of convolutions.entries()) {
      const second = convolutions.slice(i + 1).find((other) => fits(graph, first, other));
      if (second) return join(graph, first, second);
    }
  }
  return undefined;
}

const joinable = (node: Node | undefined, parameters: ReadonlySet<ValueId>): node is Convolution =>
  isOp(node, conv3d) && node.attributes.groups === 1 && node.inputs.slice(1).every((value) => parameters.has(value));

function fits(graph: Graph, first: Convolution, second: Convolution): boolean {
  const shapeOf = (value: ValueId) => graph.values[value]!.type.shape;
  const alike = ({ inputs, outputs, attributes }: Convolution): string => {
    const { channels: _, ...rest } = attributes;
    return JSON.stringify([rest, inputs.length, shapeOf(inputs[1]!).slice(0, 3), shapeOf(outputs[0]!).slice(0, 4)]);
  };
  const outputs = [...first.outputs, ...second.outputs];
  const whole = outputs.slice(0, -1).every((value) => shapeOf(value).at(-1)! % 4 === 0);
  const depends = descendants(graph, first).has(second) || descendants(graph, second).has(first);
  return alike(first) === alike(second) && whole && outputs.length <= MAX_BRANCH_OUTPUTS && !depends;
}

/** Nodes that cannot run before this one has. */
function descendants(graph: Graph, from: Node): Set<Node> {
  const found = new Set<Node>([from]);
  const values = new Set<ValueId>(from.outputs);
  for (const node of graph.nodes) {
    if (!node.inputs.some((value) => values.has(value))) continue;
    found.add(node);
    for (const value of node.outputs) values.add(value);
  }
  return found;
}

/** They run where the later one did; what waits for the earlier one comes after. */
function join(graph: Graph, a: Convolution, b: Convolution): Graph {
  const places = [a, b].map((node) => graph.nodes.indexOf(node));
  const [earlier, later] = [Math.min(...places), Math.max(...places)];
  const waiting = descendants(graph, graph.nodes[earlier]!);
  const between = graph.nodes.slice(earlier + 1, later);
  const { builder, to, map, copy } = startRewrite(graph);
  for (const node of graph.nodes.slice(0, earlier)) copy(node);
  for (const node of between) if (!waiting.has(node)) copy(node);
  const { groups: _, channels, ...shared } = a.attributes;
  const attributes: BranchesAttributes = { ...shared, channels: [channels, b.attributes.channels] };
  const inputs = [...a.inputs, ...b.inputs].map(to);
  const outputs = builder.add(conv3dBranches, `${a.name} | ${b.name}`, attributes, inputs);
  [...a.outputs, ...b.outputs].forEach((old, i) => {
    map(old, outputs[i]!);
  });
  for (const node of between) if (waiting.has(node)) copy(node);
  for (const node of graph.nodes.slice(later + 1)) copy(node);
  for (const [name, value] of graph.names) builder.name(name, to(value));
  return builder.build();
}

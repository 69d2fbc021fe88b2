/**
 * @file 1×1×1 convolutions that read the same tensor become one: a Mixed module's input is then read once instead of three
 * times, and the product is wide enough to fill a tile. The merged convolution has one output for each of them.
 */

import { MAX_OUTPUTS } from '../../kernels/conv3d/outputs.ts';
import { type Conv3dAttributes, conv3d } from '../../ops/conv3d/conv3d.ts';
import { joinedParameters } from '../../ops/parameters.ts';
import { type Graph, isOp, type Node, parameterValues } from '../graph.ts';
import { rewrite } from '../rewrite.ts';

export function mergeSiblings(unordered: Graph): Graph {
  const parameters = parameterValues(unordered);
  // What follows from parameters alone may run first; then a merged convolution can stand where its first sibling stood.
  const onHost = (node: Node) => node.outputs.every((value) => parameters.has(value));
  const nodes = [...unordered.nodes.filter(onHost), ...unordered.nodes.filter((node) => !onHost(node))];
  const graph = { ...unordered, nodes };
  const siblings = new Map<string, Node<Conv3dAttributes>[]>();
  for (const node of graph.nodes) {
    if (!isOp(node, conv3d) || !isPointwise(graph, node) || !node.inputs.slice(1).every((v) => parameters.has(v)))
      continue;
    const key = `${node.inputs[0]} ${node.attributes.activation} ${node.inputs.length}`;
    siblings.set(key, [...(siblings.get(key) ?? []), node]);
  }
  const groups = [...siblings.values()].flatMap(mergeable);
  const groupOf = new Map(groups.flatMap((group) => group.map((node) => [node as Node, group] as const)));
  return rewrite(graph, (node, { builder, to, map, copy }) => {
    const group = groupOf.get(node);
    if (!group) {
      copy(node);
      return;
    }
    if (node !== group[0]) return;
    const channels = group.map((sibling) => sibling.attributes.channels[0]!);
    const name = group.map((sibling) => sibling.name).join(' + ');
    const joined = (index: number) =>
      builder.add(
        joinedParameters,
        `${name}/${index}`,
        {},
        group.map((sibling) => to(sibling.inputs[index]!)),
      )[0]!;
    const inputs = group[0]!.inputs.map((value, i) => (i === 0 ? to(value) : joined(i)));
    const outputs = builder.add(conv3d, name, { ...group[0]!.attributes, channels }, inputs);
    group.forEach((sibling, i) => {
      map(sibling.outputs[0]!, outputs[i]!);
    });
  });
}

function isPointwise(graph: Graph, node: Node<Conv3dAttributes>): boolean {
  const { groups, stride, padding, channels } = node.attributes;
  const kernel = graph.values[node.inputs[1]!]!.type.shape.slice(0, 3);
  const plain = padding === 'same' || padding === 'valid' || padding.flat().every((amount) => amount === 0);
  return groups === 1 && channels.length === 1 && plain && [...kernel, ...stride].every((extent) => extent === 1);
}

/** Splits siblings into groups of at most MAX_OUTPUTS; all but the last of a group need whole vec4 of channels. */
function mergeable(nodes: readonly Node<Conv3dAttributes>[]): Node<Conv3dAttributes>[][] {
  const whole = nodes.filter((node) => node.attributes.channels[0]! % 4 === 0);
  const groups: Node<Conv3dAttributes>[][] = [];
  for (let i = 0; i < whole.length; i += MAX_OUTPUTS) groups.push(whole.slice(i, i + MAX_OUTPUTS));
  const tail = nodes.find((node) => node.attributes.channels[0]! % 4 !== 0);
  const last = groups.at(-1);
  if (tail && last && last.length < MAX_OUTPUTS) last.push(tail);
  return groups.filter((group) => group.length > 1);
}

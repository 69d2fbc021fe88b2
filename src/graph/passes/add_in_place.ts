/**
 * @file The sum at the end of a residual block disappears into the 1×1×1 convolution before it, which adds to the memory where the other
 * operand lies. A third of the sum's traffic is left. Only where nobody reads that operand any more, which the graph's order has to say:
 * whoever else reads it is needed for the convolution itself.
 */

import { sameShape } from '../../core/tensor.ts';
import { binary } from '../../ops/binary.ts';
import { concat } from '../../ops/concat.ts';
import { type Conv3dAttributes, conv3d } from '../../ops/conv3d/conv3d.ts';
import { conv3dOnto } from '../../ops/conv3d/onto.ts';
import { type Graph, isOp, type Node, parameterValues, producers, useCounts, type ValueId } from '../graph.ts';
import { rewrite } from '../rewrite.ts';

/** After activations have gone into sums. */
export function addInPlace(graph: Graph): Graph {
  const found = sumsOf(graph);
  const convolutions = new Set([...found.values()].map(({ convolution }) => convolution as Node));
  return rewrite(graph, (node, { builder, to, map, copy }) => {
    const sum = found.get(node);
    // Written where its sum stands.
    if (convolutions.has(node)) return;
    if (!sum || !isOp(node, binary)) {
      copy(node);
      return;
    }
    const { convolution, value } = sum;
    const attributes = { ...convolution.attributes, activation: node.attributes.activation };
    const [y] = builder.add(conv3dOnto, convolution.name, attributes, [...convolution.inputs, value].map(to));
    map(node.outputs[0]!, y!);
  });
}

interface Sum {
  readonly convolution: Node<Conv3dAttributes>;
  /** What it is added to. */
  readonly value: ValueId;
}

function sumsOf(graph: Graph): Map<Node, Sum> {
  const makers = producers(graph);
  const uses = useCounts(graph);
  const parameters = parameterValues(graph);
  const asked = new Set(graph.names.values());
  const shapeOf = (value: ValueId) => graph.values[value]!.type.shape;
  const readers = (value: ValueId) => graph.nodes.filter(({ inputs }) => inputs.includes(value));
  const isPoint = (node: Node | undefined): node is Node<Conv3dAttributes> =>
    isOp(node, conv3d) &&
    node.attributes.groups === 1 &&
    node.attributes.activation === 'none' &&
    node.outputs.length === 1 &&
    uses.get(node.outputs[0]!) === 1 &&
    node.inputs.slice(1).every((input) => parameters.has(input)) &&
    shapeOf(node.inputs[1]!)
      .slice(0, 3)
      .every((extent) => extent === 1);
  /** Memory of its own, read by nobody after the convolution, and by no view, whose readers would come later. */
  const isFree = (value: ValueId, sum: Node, convolution: Node): boolean => {
    const maker = makers.get(value);
    if (!maker || maker.operator.view || isOp(maker, concat) || asked.has(value) || parameters.has(value)) return false;
    if (graph.values[value]!.type.dtype !== 'f32' || convolution.inputs.includes(value)) return false;
    const others = readers(value).filter((reader) => reader !== sum);
    const before = ancestors(convolution, makers);
    return others.every((reader) => before.has(reader) && !reader.operator.view);
  };
  const found = new Map<Node, Sum>();
  const taken = new Set<ValueId>();
  for (const node of graph.nodes) {
    if (!isOp(node, binary) || node.attributes.fn !== 'add') continue;
    const [a, b] = node.inputs as [ValueId, ValueId];
    const end = node.outputs[0]!;
    if (a === b || !sameShape(shapeOf(a), shapeOf(b)) || readers(end).some((reader) => isOp(reader, concat))) continue;
    for (const [own, value] of [
      [a, b],
      [b, a],
    ] as const) {
      const convolution = makers.get(own);
      if (!isPoint(convolution) || taken.has(value) || !isFree(value, node, convolution)) continue;
      // The other operand may be such a convolution, too: it stays one.
      taken.add(own);
      found.set(node, { convolution, value });
      break;
    }
  }
  return found;
}

/** All nodes whose results a node depends on. */
function ancestors(node: Node, makers: ReadonlyMap<ValueId, Node>): Set<Node> {
  const found = new Set<Node>();
  const visit = (inputs: readonly ValueId[]): void => {
    for (const value of inputs) {
      const maker = makers.get(value);
      if (!maker || found.has(maker)) continue;
      found.add(maker);
      visit(maker.inputs);
    }
  };
  visit(node.inputs);
  return found;
}

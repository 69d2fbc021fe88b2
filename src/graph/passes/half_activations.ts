/**
 * @file Activations in f16: what convolutions, pools and additions hand each other takes half of the memory and of its traffic. They compute in
 * f32 and round once, when they store.
 */

import { concat } from '../../ops/concat.ts';
import { inPlaceOf } from '../../ops/operator.ts';
import { type Graph, isOp, type Node, parameterValues, type ValueId } from '../graph.ts';

/** What convolutions and pools hand each other, in memory. */
export type Activations = 'f32' | 'f16';

/** What kernels of a node read and write in f32 alone. Concatenations are storage only, all of it or nothing. */
function single(node: Node): readonly ValueId[] {
  const { operator, inputs, outputs } = node;
  const halves = isOp(node, concat) ? node.attributes.inPlace : operator.halves;
  if (halves === 'inputs') return outputs;
  return halves ? [] : [...inputs, ...outputs];
}

/** Outputs and the inputs that they lie in the memory of. */
const inPlaceValues = ({ operator, inputs, outputs }: Node): ValueId[] =>
  inPlaceOf(operator, inputs.length).flatMap((input, output) => [inputs[input]!, outputs[output]!]);

/** Comes last: it changes types, which other passes would infer anew. Graph inputs and named values stay f32. */
export function halfActivations(graph: Graph): Graph {
  const parameters = parameterValues(graph);
  const halved = new Set<ValueId>();
  graph.values.forEach(({ source, type }, id) => {
    if (source.kind === 'node' && type.dtype === 'f32' && !parameters.has(id)) halved.add(id);
  });
  for (const value of graph.names.values()) halved.delete(value);
  for (const value of graph.nodes.flatMap(single)) halved.delete(value);
  // What lies in one storage has one type; a concatenation may lie in another one.
  for (let before = -1; before !== halved.size; ) {
    before = halved.size;
    for (const node of graph.nodes) {
      const together = isOp(node, concat) ? [...node.inputs, ...node.outputs] : inPlaceValues(node);
      if (!together.every((value) => halved.has(value))) {
        for (const value of together) halved.delete(value);
      }
    }
  }
  return {
    ...graph,
    values: graph.values.map((value, id) =>
      halved.has(id) ? { ...value, type: { ...value.type, dtype: 'f16' as const } } : value,
    ),
  };
}

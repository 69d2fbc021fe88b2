/**
 * @file Reverse-mode differentiation: the gradients of a scalar are nodes that are appended to the graph they belong to. What
 * each operator contributes is its own rule (`gradientOf`); this file walks the nodes backwards, adds up what arrives at
 * a value from several readers, and, where asked to, computes activations a second time instead of keeping them.
 */

import { GraphError } from '../core/errors.ts';
import { sameShape } from '../core/tensor.ts';
import { gradientOf } from '../ops/gradients.ts';
import type { GradientContext } from '../ops/operator.ts';
import type { GraphBuilder } from './builder.ts';
import type { Node, ValueId } from './graph.ts';

export interface GradientOptions {
  /**
   * Values that are kept from the forward pass. Where given, whatever lies between two of them is computed again when the
   * backward pass comes to it: memory for time. (Chen et al., "Training deep nets with sublinear memory cost", 2016.)
   */
  readonly keep?: ReadonlySet<ValueId>;
}

/**
 * Appends to `builder` the gradients of a scalar `loss` by the values `by`.
 * @param seed The gradient of the loss by itself, of the loss's shape: 1, or a factor for all gradients.
 * @returns One gradient for each of `by`, of its shape.
 * @throws GraphError when the loss does not depend on one of them, or only through an operator without gradients.
 */
export function gradients(
  builder: GraphBuilder,
  loss: ValueId,
  seed: ValueId,
  by: readonly ValueId[],
  options: GradientOptions = {},
): ValueId[] {
  const { nodes } = builder.build();
  const trained = dependents(nodes, by);
  const arrived = new Map<ValueId, ValueId[]>([[loss, [seed]]]);
  const total = (value: ValueId): ValueId | undefined => {
    const parts = arrived.get(value);
    if (!parts || parts.length === 0) return undefined;
    const sum = parts.reduce((a, b, i) => builder.sum(`gradient ${value}/sum ${i}`, a, b));
    arrived.set(value, [sum]);
    return sum;
  };
  const again = options.keep ? new Recomputation(builder, nodes, options.keep) : undefined;

  for (const node of [...nodes].reverse()) {
    if (!node.inputs.some((value) => trained.has(value))) continue;
    const incoming = node.outputs.map(total);
    if (incoming.every((value) => value === undefined)) continue;
    const { type } = node.operator;
    const gradient = gradientOf(node.operator);
    if (!gradient)
      throw new GraphError(`${node.name} (${type}) has no gradient, and something before it is to be trained.`);
    const context: GradientContext<object> = {
      name: node.name,
      attributes: node.attributes,
      inputs: node.inputs.map((value) => again?.value(value) ?? value),
      outputs: node.outputs.map((value) => again?.value(value) ?? value),
      gradients: incoming,
      wanted: (input) => trained.has(node.inputs[input]!),
      typeOf: (value) => ({ dtype: 'f32', shape: builder.shapeOf(value) }),
      add: (operator, name, attributes, inputs) => builder.add(operator, name, attributes, inputs),
    };
    gradient(context).forEach((value, i) => {
      const input = node.inputs[i]!;
      if (value === undefined || !trained.has(input)) return;
      if (!sameShape(builder.shapeOf(value), builder.shapeOf(input))) {
        throw new GraphError(`${node.name} (${type}): its gradient by input ${i} has another shape than the input.`);
      }
      arrived.set(input, [...(arrived.get(input) ?? []), value]);
    });
  }
  return by.map((value, i) => {
    const sum = total(value);
    if (sum === undefined)
      throw new GraphError(`The loss does not depend on value ${i} of those it should be derived by.`);
    return sum;
  });
}

/** `by` and everything that is computed from them. */
function dependents(nodes: readonly Node[], by: readonly ValueId[]): Set<ValueId> {
  const found = new Set<ValueId>(by);
  for (const node of nodes) {
    if (node.inputs.some((value) => found.has(value))) for (const value of node.outputs) found.add(value);
  }
  return found;
}

/**
 * Copies of forward nodes, appended where the backward pass first asks for their values. A copy is made for a whole stretch
 * between kept values at a time, so that each stretch is computed once more and no oftener.
 */
class Recomputation {
  private readonly makers: Map<ValueId, Node>;
  private readonly copies = new Map<ValueId, ValueId>();

  constructor(
    private readonly builder: GraphBuilder,
    nodes: readonly Node[],
    private readonly keep: ReadonlySet<ValueId>,
  ) {
    this.makers = new Map(nodes.flatMap((node) => node.outputs.map((value) => [value, node] as const)));
  }

  value(value: ValueId): ValueId {
    const maker = this.makers.get(value);
    if (!maker || this.keep.has(value)) return value;
    const known = this.copies.get(value);
    if (known !== undefined) return known;
    const inputs = maker.inputs.map((input) => this.value(input));
    const outputs = this.builder.add(maker.operator, `${maker.name} (again)`, maker.attributes, inputs);
    maker.outputs.forEach((output, i) => {
      this.copies.set(output, outputs[i]!);
    });
    return outputs[maker.outputs.indexOf(value)]!;
  }
}

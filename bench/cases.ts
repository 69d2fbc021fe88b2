/**
 * @file What the kernel bench runs: the distinct convolutions and pools of I3D and the gradients of the convolutions, or a
 * convolution of any shape.
 */

import { sizeOf } from '../src/core/tensor.ts';
import { isOp, type Node } from '../src/graph/graph.ts';
import { inferencePasses, type PassOptions } from '../src/graph/passes/index.ts';
import { I3D_OUTPUTS } from '../src/i3d/i3d.ts';
import type { Triple } from '../src/kernels/conv3d/problem.ts';
import { operators } from '../src/ops/index.ts';
import type { Operator } from '../src/ops/operator.ts';
import { type Cost, f32, type TensorType } from '../src/ops/operator.ts';
import { type ModelSize, modelGraph } from './i3d.ts';

/** An operator with its attributes. */
export type Subject = Pick<Node, 'operator' | 'attributes'>;

/** One operator on one shape. */
export interface Case {
  /** Such as `3×3×3 64→192 at 8×56×56`, or `max 3×3×3 480 at 8×28×28`. */
  readonly name: string;
  /** How often the model has it, and the names of those nodes. */
  readonly count: number;
  readonly nodes: readonly string[];
  readonly node: Subject;
  readonly inputs: readonly TensorType[];
  readonly outputs: readonly TensorType[];
  readonly cost: Cost;
}

/** By the type of an operator: of one convolution, or of two in one node. */
export const isConvolution = (type: string): boolean =>
  type === operators.conv3d.type || type === operators.conv3dOnto.type || type === operators.conv3dBranches.type;

const windowName = (kernel: readonly number[], stride: readonly number[]): string => {
  const size = kernel.join('×');
  if (stride.every((s) => s === 1)) return size;
  return `${size}/${stride.every((s) => s === stride[0]) ? stride[0] : stride.join('×')}`;
};

function nameOf(node: Subject, inputs: readonly TensorType[]): string {
  const [x, second] = inputs.map(({ shape }) => shape);
  const at = x!.slice(1, 4).join('×');
  if (isOp(node, operators.pool3d)) {
    const { mode, kernel, stride } = node.attributes;
    return `${mode} ${windowName(kernel, stride)} ${x![4]} at ${at}`;
  }
  const conv = (stride: readonly number[], from: number, channels: readonly number[]): string => {
    const [input, weights] = inputs.slice(from).map(({ shape }) => shape);
    return `${windowName(weights!.slice(0, 3), stride)} ${input![4]}→${channels.join('+')}`;
  };
  if (isOp(node, operators.conv3d)) return `${conv(node.attributes.stride, 0, node.attributes.channels)} at ${at}`;
  if (isOp(node, operators.conv3dBranches)) {
    const { stride, channels } = node.attributes;
    return `${channels.map((each, i) => conv(stride, (i * inputs.length) / 2, each)).join(' | ')} at ${at}`;
  }
  if (isOp(node, operators.conv3dWeightGradient)) {
    const { kernel, stride } = node.attributes;
    return `by weights ${windowName(kernel, stride)} ${x![4]}→${second![4]} at ${at}`;
  }
  if (isOp(node, operators.conv3dInputGradient)) {
    const { stride, size } = node.attributes;
    return `by input ${windowName(second!.slice(0, 3), stride)} ${second![3]}→${x![4]} at ${size.join('×')}`;
  }
  throw new Error(`The bench has no name for ${node.operator.type}.`);
}

/** Inputs that are parameters, by index: of a pool and of the gradient by the weights, none. */
export function parameterInputs({ node, inputs }: Pick<Case, 'node' | 'inputs'>): ReadonlySet<number> {
  if (isOp(node, operators.pool3d) || isOp(node, operators.conv3dWeightGradient)) return new Set();
  const activations = isOp(node, operators.conv3dBranches) ? [0, inputs.length / 2] : [0];
  return new Set(inputs.map((_, i) => i).filter((i) => !activations.includes(i)));
}

function caseOf(
  node: Subject,
  inputs: readonly TensorType[],
  outputs: readonly TensorType[],
  nodes: readonly string[],
): Case {
  const cost = node.operator.cost(node.attributes, inputs, outputs);
  const half = [...inputs, ...outputs].some(({ dtype }) => dtype === 'f16');
  const name = `${nameOf(node, inputs)}${half ? ', f16' : ''}`;
  return { name, count: nodes.length, nodes, node, inputs, outputs, cost };
}

/** Distinct ones, in order. */
class Cases {
  private readonly found = new Map<string, Case>();

  add(node: Subject, inputs: readonly TensorType[], outputs: readonly TensorType[], name: string): void {
    const key = JSON.stringify([node.operator.type, node.attributes, inputs, outputs]);
    this.found.set(key, caseOf(node, inputs, outputs, [...(this.found.get(key)?.nodes ?? []), name]));
  }

  list(): Case[] {
    return [...this.found.values()];
  }
}

/**
 * Every distinct convolution and pool of I3D as it is compiled, in the order of the model.
 * @param passes What the device asks for: `devicePasses`.
 */
export function i3dCases(size: ModelSize, passes: Pick<PassOptions, 'activations' | 'joinBranches'>): Case[] {
  const graph = inferencePasses(modelGraph(size), { outputs: [I3D_OUTPUTS.logits], ...passes });
  const types = (values: readonly number[]): TensorType[] => values.map((value) => graph.values[value]!.type);
  const cases = new Cases();
  for (const node of graph.nodes) {
    if (!isConvolution(node.operator.type) && !isOp(node, operators.pool3d)) continue;
    cases.add(node, types(node.inputs), types(node.outputs), node.name);
  }
  return cases.list();
}

/** The gradients of every distinct convolution of I3D, by its weights and, but for the first layer's, by its input. */
export function gradientCases(size: ModelSize): Case[] {
  const { values, nodes } = modelGraph(size);
  const cases = new Cases();
  const add = <A extends object>(
    operator: Operator<A>,
    attributes: A,
    inputs: readonly TensorType[],
    name: string,
  ): void => {
    const node: Subject = { operator, attributes };
    cases.add(node, inputs, node.operator.infer(node.attributes, inputs), name);
  };
  for (const node of nodes) {
    if (!isOp(node, operators.conv3d)) continue;
    const [x, weights, y] = [node.inputs[0]!, node.inputs[1]!, node.outputs[0]!].map((id) => values[id]!);
    const { stride, padding, groups } = node.attributes;
    const kernel = weights!.type.shape.slice(0, 3) as unknown as Triple;
    const around = x!.type.shape.slice(1, 4) as unknown as Triple;
    const window = { stride, padding, groups };
    add(operators.conv3dWeightGradient, { ...window, kernel }, [x!.type, y!.type], node.name);
    if (x!.source.kind === 'input') continue;
    add(operators.conv3dInputGradient, { ...window, size: around }, [y!.type, weights!.type], node.name);
  }
  return cases.list();
}

/** A convolution with bias and ReLU, SAME padding, as I3D has them. */
export function conv3dCase(size: Triple, cin: number, cout: number, kernel: Triple, stride: Triple = [1, 1, 1]): Case {
  const attributes = { stride, padding: 'same', groups: 1, activation: 'relu', channels: [cout] } as const;
  const node = { operator: operators.conv3d, attributes };
  const inputs = [f32([1, ...size, cin]), f32([...kernel, cin, cout]), f32([cout])];
  return caseOf(node, inputs, operators.conv3d.infer(attributes, inputs), ['conv']);
}

/** Values of the output. */
export const outputSize = ({ outputs }: Case): number => outputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

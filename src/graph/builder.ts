/** @file Builds graphs. Shapes are inferred as nodes are added, so a mistake is reported where it is made, by the node's name. */

import { checkChoice, checkOptionNames, checkShape, describeValue } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape, type Shape, sameShape } from '../core/tensor.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import type { BinaryName, UnaryName } from '../kernels/pointwise/functions.ts';
import type { Reduction } from '../kernels/reduce/reduce.ts';
import { axisOf } from '../ops/axis.ts';
import { batchNorm } from '../ops/batch_norm.ts';
import { binary } from '../ops/binary.ts';
import { broadcast } from '../ops/broadcast.ts';
import { concat } from '../ops/concat.ts';
import { conv3d } from '../ops/conv3d/conv3d.ts';
import { dropout, saltOf } from '../ops/dropout.ts';
import { layerNorm } from '../ops/layer_norm.ts';
import { linear } from '../ops/linear.ts';
import { matmul } from '../ops/matmul.ts';
import { expectOperator, f32, type Operator, type TensorType } from '../ops/operator.ts';
import { pool3d } from '../ops/pool3d.ts';
import { type PreprocessAttributes, preprocess } from '../ops/preprocess.ts';
import { reduce } from '../ops/reduce.ts';
import { reshape } from '../ops/reshape.ts';
import { type PadAttributes, pad, type ShiftAttributes, type SliceAttributes, shift, slice } from '../ops/slice.ts';
import type { Padding } from '../ops/sliding_window.ts';
import { softmax } from '../ops/softmax.ts';
import { transpose } from '../ops/transpose.ts';
import { unary } from '../ops/unary.ts';
import { type Graph, graphChecked, type Node, type Value, type ValueId } from './graph.ts';

export interface Conv3dOptions {
  readonly stride?: Triple;
  readonly padding?: Padding;
  readonly groups?: number;
  readonly bias?: ValueId;
}

export interface Pool3dOptions {
  readonly kernel: Triple;
  /** The kernel's size where left out. */
  readonly stride?: Triple;
  readonly padding?: Padding;
}

export class GraphBuilder {
  private readonly values: Value[] = [];
  private readonly nodes: Node[] = [];
  private readonly names = new Map<string, ValueId>();
  private readonly sources = new Map<string, ValueId>();
  /** Operators by their types. */
  private readonly types = new Map<string, Operator>();

  /** A tensor that comes with every run: float32 N×T×H×W×C (or any rank, channels last), or uint8 frames N×T×H×W×3. */
  input(name: string, shape: Shape, dtype: 'f32' | 'u8' = 'f32'): ValueId {
    graphChecked(() => checkChoice(`The type of the input ${name}`, dtype, ['f32', 'u8']));
    if (this.sources.has(`input ${name}`)) throw new GraphError(`Two inputs are called ${name}.`);
    return this.source('input', name, { dtype, shape });
  }

  /**
   * A tensor that is given when a plan is compiled. Asking twice for one name gives one parameter.
   * @throws GraphError when it was asked for in another shape before.
   */
  parameter(name: string, shape: Shape): ValueId {
    return this.source('parameter', name, f32(shape));
  }

  /**
   * A tensor that lives on the device from run to run. Asking twice for one name gives one state.
   * @throws GraphError when it was asked for in another shape before.
   */
  state(name: string, shape: Shape): ValueId {
    return this.source('state', name, f32(shape));
  }

  /** Makes a value available by name: an end point, or an output. */
  name(name: string, value: ValueId): ValueId {
    checkName(name, 'A value');
    this.typeOf(value, `The value called ${name}`);
    if (this.names.has(name)) throw new GraphError(`Two values are called ${name}.`);
    this.names.set(name, value);
    return value;
  }

  /** @throws GraphError when the value is none of this graph's. */
  shapeOf(value: ValueId): Shape {
    return this.typeOf(value, 'The value').shape;
  }

  /** x N×T×H×W×Cin, weights kt×kh×kw×(Cin/groups)×Cout. Stride 1 and SAME padding where left out. */
  conv3d(name: string, x: ValueId, weights: ValueId, options: Conv3dOptions = {}): ValueId {
    checkOptions(name, options, ['stride', 'padding', 'groups', 'bias']);
    const { stride = [1, 1, 1], padding = 'same', groups = 1, bias } = options;
    const channels = [this.typeOf(weights, `The weights of ${name}`).shape.at(-1) ?? 1];
    const inputs = bias === undefined ? [x, weights] : [x, weights, bias];
    return this.add(conv3d, name, { stride, padding, groups, activation: 'none', channels }, inputs)[0]!;
  }

  maxPool3d(name: string, x: ValueId, options: Pool3dOptions): ValueId {
    checkOptions(name, options, ['kernel', 'stride', 'padding']);
    const { kernel, stride = kernel, padding = 'same' } = options;
    return this.add(pool3d, name, { mode: 'max', kernel, stride, padding }, [x])[0]!;
  }

  averagePool3d(name: string, x: ValueId, options: Pool3dOptions): ValueId {
    checkOptions(name, options, ['kernel', 'stride', 'padding']);
    const { kernel, stride = kernel, padding = 'valid' } = options;
    return this.add(pool3d, name, { mode: 'average', kernel, stride, padding }, [x])[0]!;
  }

  /** Batch norm with stored statistics, one value of each per channel. */
  batchNorm(
    name: string,
    x: ValueId,
    parameters: { gamma: ValueId; beta: ValueId; mean: ValueId; variance: ValueId },
    epsilon: number,
  ): ValueId {
    const { gamma, beta, mean, variance } = parameters;
    return this.add(batchNorm, name, { epsilon, activation: 'none' }, [x, gamma, beta, mean, variance])[0]!;
  }

  /** A function of each element, such as `swish`: a row of the table in src/kernels/pointwise/functions.ts. */
  unary(name: string, fn: UnaryName, x: ValueId): ValueId {
    return this.add(unary, name, { fn }, [x])[0]!;
  }

  /** A function of two elements at a time, such as `mul`. Axes match from the last one on, as in NumPy; those of 1 are repeated. */
  binary(name: string, fn: BinaryName, a: ValueId, b: ValueId): ValueId {
    return this.add(binary, name, { fn, activation: 'none' }, [a, b])[0]!;
  }

  relu(name: string, x: ValueId): ValueId {
    return this.unary(name, 'relu', x);
  }

  sigmoid(name: string, x: ValueId): ValueId {
    return this.unary(name, 'sigmoid', x);
  }

  /** x · sigmoid(x), which PyTorch calls SiLU. */
  swish(name: string, x: ValueId): ValueId {
    return this.unary(name, 'swish', x);
  }

  /** x times the share of a normal distribution below x: PyTorch's default. */
  gelu(name: string, x: ValueId): ValueId {
    return this.unary(name, 'gelu', x);
  }

  sum(name: string, a: ValueId, b: ValueId): ValueId {
    return this.binary(name, 'add', a, b);
  }

  mul(name: string, a: ValueId, b: ValueId): ValueId {
    return this.binary(name, 'mul', a, b);
  }

  /** x …×Cin, weights Cin×Cout. */
  linear(name: string, x: ValueId, weights: ValueId, bias?: ValueId): ValueId {
    return this.add(linear, name, {}, bias === undefined ? [x, weights] : [x, weights, bias])[0]!;
  }

  /**
   * Products of matrices, the last two axes of a (…×M×K) and b (…×K×N); axes before those match as in `binary`. With `transposeA` or
   * `transposeB` the operand is given the other way round.
   */
  matmul(
    name: string,
    a: ValueId,
    b: ValueId,
    options: { readonly transposeA?: boolean; readonly transposeB?: boolean } = {},
  ): ValueId {
    checkOptions(name, options, ['transposeA', 'transposeB']);
    const { transposeA = false, transposeB = false } = options;
    return this.add(matmul, name, { transposeA, transposeB }, [a, b])[0]!;
  }

  /** (x − mean) / √(variance + epsilon) · gamma + beta over the last axis; PyTorch's epsilon is 1e-5. */
  layerNorm(name: string, x: ValueId, gamma: ValueId, beta: ValueId, epsilon = 1e-5): ValueId {
    return this.add(layerNorm, name, { epsilon }, [x, gamma, beta])[0]!;
  }

  /** Spatial dropout: in training, whole channels of a sample go with probability `rate`; at inference, the identity. */
  dropout(name: string, x: ValueId, rate: number): ValueId {
    return this.add(dropout, name, { rate, salt: saltOf(name) }, [x])[0]!;
  }

  /** Over an axis, which may be counted from the last one, −1. */
  softmax(name: string, x: ValueId, axis = -1): ValueId {
    return this.add(softmax, name, axis === -1 ? {} : { axis }, [x])[0]!;
  }

  /**
   * Sum, mean or maximum over axes, which may be counted from the last one, −1. They go, as in NumPy, unless `keep`, which leaves
   * them with an extent of 1; of all axes [1] is left.
   */
  reduce(name: string, op: Reduction, x: ValueId, axes: readonly number[], { keep = false } = {}): ValueId {
    const { shape } = this.typeOf(x, `The input of ${name}`);
    if (!Array.isArray(axes))
      throw new GraphError(`${name} (reduce): its axes are a list, not ${describeValue(axes)}.`);
    const list = axes.map((axis) => axisOf(axis, shape));
    const kept = this.add(reduce, name, { op, axes: list }, [x])[0]!;
    const left = shape.filter((_, axis) => !list.includes(axis));
    return keep || list.length === 0 ? kept : this.reshape(`${name}/shape`, kept, left.length > 0 ? left : [1]);
  }

  /** Mean over time, rows and columns: N×T×H×W×C to N×C. */
  mean(name: string, x: ValueId): ValueId {
    const shape = this.typeOf(x, `The input of ${name}`).shape;
    if (shape.length !== 5) {
      throw new GraphError(`${name} (mean): its input must be N×T×H×W×C, not ${formatShape(shape)}.`);
    }
    const [n, t, h, w, c] = shape as [number, number, number, number, number];
    return this.reshape(`${name}/flat`, this.averagePool3d(name, x, { kernel: [t, h, w] }), [n, c]);
  }

  /** Along the channels. */
  concat(name: string, inputs: readonly ValueId[]): ValueId {
    return this.add(concat, name, { inPlace: false }, inputs)[0]!;
  }

  /** The same values in the same order under another shape. */
  reshape(name: string, x: ValueId, shape: Shape): ValueId {
    return this.add(reshape, name, { shape }, [x])[0]!;
  }

  /** Axis i of the result is axis `order[i]` of x. */
  transpose(name: string, x: ValueId, order: readonly number[]): ValueId {
    return this.add(transpose, name, { order }, [x])[0]!;
  }

  /** `size` elements of an axis, from `offset` on. Axes may be counted from the last one, −1. */
  slice(name: string, x: ValueId, part: SliceAttributes): ValueId {
    return this.add(slice, name, part, [x])[0]!;
  }

  /** Zeros before and behind an axis. */
  pad(name: string, x: ValueId, zeros: PadAttributes): ValueId {
    return this.add(pad, name, zeros, [x])[0]!;
  }

  /** An axis moved by some elements, zeros where nothing comes from. */
  shift(name: string, x: ValueId, move: ShiftAttributes): ValueId {
    return this.add(shift, name, move, [x])[0]!;
  }

  /** The same values along new outer axes, and along axes of size 1. */
  broadcast(name: string, x: ValueId, shape: Shape): ValueId {
    return this.add(broadcast, name, { shape }, [x])[0]!;
  }

  /** uint8 frames N×T×H×W×3 to float32 N×T×crop×3. */
  preprocess(name: string, frames: ValueId, attributes: PreprocessAttributes): ValueId {
    return this.add(preprocess, name, attributes, [frames])[0]!;
  }

  /**
   * Any operator, of the package or of one's own (`defineOperator`).
   * @throws GraphError that names the node.
   */
  add<A extends object>(
    operator: Operator<A>,
    name: string,
    attributes: A,
    inputs: readonly ValueId[],
  ): readonly ValueId[] {
    checkName(name, 'A node');
    expectOperator(operator, `add(…, ${name})`);
    const { type } = operator;
    const known = this.types.get(type) ?? operator;
    if (known !== operator) throw new GraphError(`${name}: two operators are called ${type}; one needs another type.`);
    const inputTypes = inputs.map((value, i) => this.typeOf(value, `Input ${i} of ${name} (${type})`));
    const bytes = inputTypes.findIndex(({ dtype }, i) => dtype === 'u8' && !(operator.takesFrames && i === 0));
    if (bytes >= 0) {
      throw new GraphError(
        `${name} (${type}): its input ${bytes} must be float32; preprocess turns uint8 frames into it.`,
      );
    }
    let outputTypes: TensorType[];
    try {
      outputTypes = graphChecked(() => operator.infer(attributes, inputTypes));
    } catch (error) {
      if (error instanceof GraphError) throw new GraphError(`${name} (${type}): ${error.message.replace(/\.$/, '')}.`);
      throw error;
    }
    this.types.set(type, operator);
    const outputs = outputTypes.map((output) => this.values.push({ type: output, source: { kind: 'node' } }) - 1);
    this.nodes.push({ operator, name, attributes, inputs, outputs });
    return outputs;
  }

  build(): Graph {
    return { values: [...this.values], nodes: [...this.nodes], names: new Map(this.names) };
  }

  /** The node or source that a value comes from may be of another builder: then its number means nothing here. */
  private typeOf(value: ValueId, what: string): TensorType {
    const known = this.values[value];
    if (known) return known.type;
    throw new GraphError(`${what} is no value of this graph: ${describeValue(value)}.`);
  }

  private source(kind: 'input' | 'parameter' | 'state', name: string, type: TensorType): ValueId {
    const what = `${kind[0]!.toUpperCase()}${kind.slice(1)} ${name}`;
    checkName(name, `An ${kind === 'input' ? kind : `array of the kind ${kind}`}`);
    graphChecked(() => checkShape(what, type.shape));
    const key = `${kind} ${name}`;
    const known = this.sources.get(key);
    if (known !== undefined) {
      const { shape } = this.values[known]!.type;
      if (sameShape(shape, type.shape)) return known;
      throw new GraphError(
        `${what} was asked for with the shape ${formatShape(shape)} before, and now with ${formatShape(type.shape)}.`,
      );
    }
    const id = this.values.push({ type: { ...type, shape: [...type.shape] }, source: { kind, name } }) - 1;
    this.sources.set(key, id);
    return id;
  }
}

function checkName(name: string, what: string): void {
  if (typeof name === 'string' && name !== '') return;
  throw new GraphError(`${what} needs a name, a text that is not empty, not ${describeValue(name)}.`);
}

function checkOptions(name: string, options: object, known: readonly string[]): void {
  graphChecked(() => checkOptionNames(name, options, known));
}

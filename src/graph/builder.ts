/** @file Builds graphs. Shapes are inferred as nodes are added, so a mistake is reported where it is made, by the node's name. */

import { GraphError } from '../core/errors.ts';
import type { Shape } from '../core/tensor.ts';
import type { Triple } from '../kernels/conv3d.ts';
import { saltOf } from '../ops/dropout.ts';
import type { AttributesOf, OperatorType } from '../ops/index.ts';
import { f32, type TensorType } from '../ops/operator.ts';
import type { PreprocessAttributes } from '../ops/preprocess.ts';
import type { Padding } from '../ops/window.ts';
import { type Graph, type Node, operatorOf, type Value, type ValueId } from './graph.ts';

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

  /** A tensor that comes with every run: float32 N×T×H×W×C (or any rank, channels last), or uint8 frames N×T×H×W×3. */
  input(name: string, shape: Shape, dtype: TensorType['dtype'] = 'f32'): ValueId {
    return this.source('input', name, { dtype, shape });
  }

  /** A tensor that is given when a plan is compiled. Asking twice for one name gives one parameter. */
  parameter(name: string, shape: Shape): ValueId {
    const known = this.sources.get(`parameter ${name}`);
    return known ?? this.source('parameter', name, f32(shape));
  }

  /** A tensor that lives on the device from run to run. Asking twice for one name gives one state. */
  state(name: string, shape: Shape): ValueId {
    return this.sources.get(`state ${name}`) ?? this.source('state', name, f32(shape));
  }

  /** Makes a value available by name: an end point, or an output. */
  name(name: string, value: ValueId): ValueId {
    if (this.names.has(name)) throw new GraphError(`Two values are called ${name}.`);
    this.names.set(name, value);
    return value;
  }

  shapeOf(value: ValueId): Shape {
    return this.values[value]!.type.shape;
  }

  /** x N×T×H×W×Cin, weights kt×kh×kw×(Cin/groups)×Cout. Stride 1 and SAME padding where left out. */
  conv3d(name: string, x: ValueId, weights: ValueId, options: Conv3dOptions = {}): ValueId {
    const { stride = [1, 1, 1], padding = 'same', groups = 1, bias } = options;
    const channels = [this.shapeOf(weights).at(-1)!];
    const inputs = bias === undefined ? [x, weights] : [x, weights, bias];
    return this.add('conv3d', name, { stride, padding, groups, relu: false, channels }, inputs)[0]!;
  }

  maxPool3d(name: string, x: ValueId, { kernel, stride = kernel, padding = 'same' }: Pool3dOptions): ValueId {
    return this.add('pool3d', name, { mode: 'max', kernel, stride, padding }, [x])[0]!;
  }

  averagePool3d(name: string, x: ValueId, { kernel, stride = kernel, padding = 'valid' }: Pool3dOptions): ValueId {
    return this.add('pool3d', name, { mode: 'average', kernel, stride, padding }, [x])[0]!;
  }

  /** Batch norm with stored statistics, one value of each per channel. */
  batchNorm(
    name: string,
    x: ValueId,
    parameters: { gamma: ValueId; beta: ValueId; mean: ValueId; variance: ValueId },
    epsilon: number,
  ): ValueId {
    const { gamma, beta, mean, variance } = parameters;
    return this.add('batchNorm', name, { epsilon, relu: false }, [x, gamma, beta, mean, variance])[0]!;
  }

  relu(name: string, x: ValueId): ValueId {
    return this.add('relu', name, {}, [x])[0]!;
  }

  sum(name: string, a: ValueId, b: ValueId): ValueId {
    return this.add('add', name, { relu: false }, [a, b])[0]!;
  }

  /** x …×Cin, weights Cin×Cout. */
  linear(name: string, x: ValueId, weights: ValueId, bias?: ValueId): ValueId {
    return this.add('linear', name, {}, bias === undefined ? [x, weights] : [x, weights, bias])[0]!;
  }

  /** Spatial dropout: in training, whole channels of a sample go with probability `rate`; at inference, the identity. */
  dropout(name: string, x: ValueId, rate: number): ValueId {
    return this.add('dropout', name, { rate, salt: saltOf(name) }, [x])[0]!;
  }

  /** Over the last axis. */
  softmax(name: string, x: ValueId): ValueId {
    return this.add('softmax', name, {}, [x])[0]!;
  }

  /** Mean over time, rows and columns: N×T×H×W×C to N×C. */
  mean(name: string, x: ValueId): ValueId {
    const [n, t, h, w, c] = this.shapeOf(x) as [number, number, number, number, number];
    return this.reshape(`${name}/flat`, this.averagePool3d(name, x, { kernel: [t, h, w] }), [n, c]);
  }

  /** Along the channels. */
  concat(name: string, inputs: readonly ValueId[]): ValueId {
    return this.add('concat', name, { inPlace: false }, inputs)[0]!;
  }

  /** Another shape with the same channels. */
  reshape(name: string, x: ValueId, shape: Shape): ValueId {
    return this.add('reshape', name, { shape }, [x])[0]!;
  }

  /** uint8 frames N×T×H×W×3 to float32 N×T×crop×3. */
  preprocess(name: string, frames: ValueId, attributes: PreprocessAttributes): ValueId {
    return this.add('preprocess', name, attributes, [frames])[0]!;
  }

  /**
   * Any operator; the methods above are what models call, this is what passes use.
   * @throws GraphError that names the node.
   */
  add<K extends OperatorType>(
    op: K,
    name: string,
    attributes: AttributesOf<K>,
    inputs: readonly ValueId[],
  ): readonly ValueId[] {
    const inputTypes = inputs.map((value) => this.values[value]!.type);
    let types: TensorType[];
    try {
      types = operatorOf({ op }).infer(attributes as Node['attributes'], inputTypes);
    } catch (error) {
      if (error instanceof GraphError) throw new GraphError(`${name} (${op}): ${error.message}.`);
      throw error;
    }
    const outputs = types.map((type) => this.values.push({ type, source: { kind: 'node' } }) - 1);
    // `op` and `attributes` agree by the signature; the compiler does not see through the union.
    this.nodes.push({ op, name, attributes, inputs, outputs } as unknown as Node);
    return outputs;
  }

  build(): Graph {
    return { values: [...this.values], nodes: [...this.nodes], names: new Map(this.names) };
  }

  private source(kind: 'input' | 'parameter' | 'state', name: string, type: TensorType): ValueId {
    const key = `${kind} ${name}`;
    if (this.sources.has(key)) throw new GraphError(`Two inputs are called ${name}.`);
    const id = this.values.push({ type, source: { kind, name } }) - 1;
    this.sources.set(key, id);
    return id;
  }
}

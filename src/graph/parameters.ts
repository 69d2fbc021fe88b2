/**
 * @file Parameters on the device: what the kernels of a graph want of them (batch norms folded, siblings joined, packed) is
 * computed on the host, uploaded once, and shared by all plans that are compiled with the same `DeviceParameters`.
 */

import { checkMap, checkTensor } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { toFloat32 } from '../core/half.ts';
import { type FloatTensor, formatShape, type HostTensor, sameShape } from '../core/tensor.ts';
import { checkGpu, type Gpu } from '../gpu/device.ts';
import type { Resource } from '../gpu/resource.ts';
import type { ConstantArgument, Operator } from '../ops/operator.ts';
import { DeviceConstants, type MakeOptions } from './constants.ts';
import { type Graph, graphChecked, producers, type ValueId } from './graph.ts';

/** Element types that a parameter may have; see `toFloat32`. */
const NUMERIC = ['f32', 'f64', 'f16', 'bf16', 'u8', 'i8', 'i16', 'u16', 'i32', 'u32'] as const;

/** A constant that a node's dispatch binds. */
export interface WantedConstant {
  readonly argument: ConstantArgument;
  /** The node's. */
  readonly inputs: readonly ValueId[];
}

export class DeviceParameters {
  private readonly constants: DeviceConstants;

  /**
   * @param tensors Parameters by the names that the graph has for them.
   * @throws InputError, GraphError when these are no device and no map.
   */
  constructor(
    readonly gpu: Gpu,
    private readonly tensors: ReadonlyMap<string, HostTensor>,
  ) {
    checkGpu('DeviceParameters', gpu);
    graphChecked(() => checkMap('The parameters', tensors));
    this.constants = new DeviceConstants(gpu);
  }

  /** Bytes on the device. */
  get bytes(): number {
    return this.constants.bytes;
  }

  /** @internal @throws DisposedError, DeviceLostError when nothing can be compiled with these any more. */
  assertUsable(): void {
    this.constants.assertUsable();
  }

  /**
   * @internal
   * @throws GraphError that names the first parameter of the graph that is missing, has another shape, or does not hold as many
   *   values as it says.
   */
  check(graph: Graph): void {
    this.assertUsable();
    for (const { source, type } of graph.values) {
      if (source.kind !== 'parameter') continue;
      const tensor = this.tensors.get(source.name);
      if (!tensor) throw new GraphError(`Parameter ${source.name} (${formatShape(type.shape)}) is missing.`);
      graphChecked(() => checkTensor(`Parameter ${source.name}`, tensor, NUMERIC));
      if (!sameShape(tensor.shape, type.shape)) {
        throw new GraphError(
          `Parameter ${source.name} has shape ${formatShape(tensor.shape)}; the model wants ${formatShape(type.shape)}.`,
        );
      }
    }
  }

  /** @internal Evaluates constants of one graph. Host values are kept only as long as the evaluator. */
  evaluator(graph: Graph): ParameterEvaluator {
    return new ParameterEvaluator(graph, this.tensors);
  }

  /**
   * @internal
   * Packed constants, one for each request, made on first use. See `DeviceConstants.get`.
   * @throws KernelCompileError, GpuOutOfMemoryError, DeviceLostError, DisposedError
   */
  packed(
    evaluator: ParameterEvaluator,
    wanted: readonly WantedConstant[],
    options: MakeOptions = {},
  ): Promise<Resource[]> {
    return this.constants.get(
      wanted.map(({ argument, inputs }) => {
        const sources = argument.inputs.map((index) => inputs[index]!);
        const key = `${argument.layout} of ${sources.map((value) => evaluator.describe(value)).join(', ')}`;
        return { key, argument, parameters: () => sources.map((value) => evaluator.value(value)) };
      }),
      options,
    );
  }

  dispose(): void {
    this.constants.dispose();
  }
}

const serials = new WeakMap<Operator, number>();
let operators = 0;

/** Tells operators of one type apart that are not the same: graphs of different callers may share their parameters. */
function serialOf(operator: Operator): number {
  const known = serials.get(operator) ?? operators++;
  serials.set(operator, known);
  return known;
}

/** Computes values that follow from parameters alone. */
export class ParameterEvaluator {
  private readonly makers;
  private readonly known = new Map<ValueId, FloatTensor>();

  constructor(
    private readonly graph: Graph,
    private readonly tensors: ReadonlyMap<string, HostTensor>,
  ) {
    this.makers = producers(graph);
  }

  /** An expression that says what the value is, the same in every graph. */
  describe(value: ValueId): string {
    const { source } = this.graph.values[value]!;
    if (source.kind === 'parameter') return source.name;
    const node = this.makers.get(value)!;
    return `${node.operator.type} ${serialOf(node.operator)} ${JSON.stringify(node.attributes)}(${node.inputs.map((v) => this.describe(v)).join(',')})`;
  }

  value(id: ValueId): FloatTensor {
    let tensor = this.known.get(id);
    if (!tensor) {
      const { source } = this.graph.values[id]!;
      tensor = source.kind === 'parameter' ? toFloat32(this.tensors.get(source.name)!, source.name) : this.evaluate(id);
      this.known.set(id, tensor);
    }
    return tensor;
  }

  private evaluate(id: ValueId): FloatTensor {
    const node = this.makers.get(id)!;
    const { host } = node.operator;
    if (!host)
      throw new GraphError(`${node.name} (${node.operator.type}) wants parameters and was given an activation.`);
    return host(
      node.attributes,
      node.inputs.map((value) => this.value(value)),
    );
  }
}

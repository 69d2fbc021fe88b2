/**
 * @file A graph of ours in the terms that all other engines share: channels first (N C T H W), batch norms folded, padding in
 * numbers. The ONNX writer and the PyTorch script both read this. Tensors that are no volumes stay as they are here, channels last.
 */

import type { HostTensor } from '../../src/core/tensor.ts';
import { sizeOf } from '../../src/core/tensor.ts';
import { type Graph, isOp, type Node, type ValueId } from '../../src/graph/graph.ts';
import { ParameterEvaluator } from '../../src/graph/parameters.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold_batch_norm.ts';
import { fuseActivation } from '../../src/graph/passes/fuse_activation.ts';
import { selectOutputs } from '../../src/graph/passes/select_outputs.ts';
import { prune } from '../../src/graph/rewrite.ts';
import type { Conv3dAttributes } from '../../src/ops/conv3d/conv3d.ts';
import { operators } from '../../src/ops/index.ts';
import { resolvePadding, type WindowGeometry } from '../../src/ops/sliding_window.ts';

type Triple = WindowGeometry['kernel'];

/** Functions of one value that other engines have under these names. */
const FUNCTIONS = ['none', 'relu', 'sigmoid', 'swish'] as const;
export type LayerFunction = (typeof FUNCTIONS)[number];

interface Named {
  readonly name: string;
  readonly y: string;
}

export type Layer = Named &
  (
    | {
        readonly op: 'conv';
        readonly x: string;
        /** Names of weights. */
        readonly weights: string;
        readonly bias: string | null;
        readonly kernel: Triple;
        readonly stride: Triple;
        /** Before T, H, W, then after T, H, W. */
        readonly pads: readonly number[];
        readonly groups: number;
        readonly activation: LayerFunction;
      }
    | {
        readonly op: 'pool';
        readonly x: string;
        readonly mode: 'max' | 'average';
        readonly kernel: Triple;
        readonly stride: Triple;
        readonly pads: readonly number[];
      }
    /** Weights [Cout, Cin], over the last axis. */
    | { readonly op: 'linear'; readonly x: string; readonly weights: string; readonly bias: string | null }
    | { readonly op: 'concat'; readonly inputs: readonly string[] }
    | { readonly op: 'reshape'; readonly x: string; readonly shape: readonly number[] }
    | { readonly op: 'transpose'; readonly x: string; readonly order: readonly number[] }
    | { readonly op: 'function'; readonly x: string; readonly fn: LayerFunction }
    | {
        readonly op: 'add' | 'mul';
        readonly inputs: readonly [string, string];
        readonly activation: LayerFunction;
      }
    /** Axes stay, with an extent of 1. */
    | { readonly op: 'mean'; readonly x: string; readonly axes: readonly number[] }
    | {
        readonly op: 'slice';
        readonly x: string;
        readonly axis: number;
        readonly offset: number;
        readonly size: number;
      }
    /** Along an axis: `size` elements from `offset` on, between zeros. */
    | {
        readonly op: 'shift';
        readonly x: string;
        readonly axis: number;
        readonly offset: number;
        readonly size: number;
        readonly before: number;
        readonly after: number;
        readonly rank: number;
      }
    /** softmax(scale · q kᵀ) v over the last two axes. */
    | { readonly op: 'attention'; readonly inputs: readonly [string, string, string]; readonly scale: number }
  );

export interface NetworkTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface Network {
  readonly input: { readonly name: string; readonly shape: readonly number[] };
  readonly output: { readonly name: string; readonly shape: readonly number[] };
  readonly layers: readonly Layer[];
  readonly weights: ReadonlyMap<string, NetworkTensor>;
  /** Convolutions as the direct algorithm counts. */
  readonly flops: number;
}

/** N T H W C to N C T H W; anything of another rank stays. */
const channelsFirst = (shape: readonly number[]): number[] =>
  shape.length === 5 ? [shape[0]!, shape[4]!, shape[1]!, shape[2]!, shape[3]!] : [...shape];

/** Axes of N C T H W in the order of ours, and ours in theirs. */
const FROM_FIRST = [0, 2, 3, 4, 1];
const TO_FIRST = [0, 4, 1, 2, 3];

/** An axis of ours, which may be counted from the last one, where the others have it. */
const axisFirst = (axis: number, rank: number): number => {
  const at = axis < 0 ? axis + rank : axis;
  return rank === 5 ? TO_FIRST.indexOf(at) : at;
};

/** @throws Error for a graph with an operator that has no counterpart. */
export function exportNetwork(source: Graph, output: string, parameters: ReadonlyMap<string, HostTensor>): Network {
  const graph = prune(fuseActivation(foldBatchNorm(prune(selectOutputs(source, [output])))));
  const layers: Layer[] = [];
  const weights = new Map<string, NetworkTensor>();
  const inputs = graph.values.flatMap(({ source: s, type }, id) =>
    s.kind === 'input' ? [{ id, name: s.name, type }] : [],
  );
  const exporter = new Exporter(graph, new ParameterEvaluator(graph, parameters), layers, weights);
  for (const node of graph.nodes) {
    if (isOp(node, operators.foldedWeights) || isOp(node, operators.foldedBias)) continue;
    exporter.add(node);
  }
  const [input] = inputs;
  const result = graph.names.get(output)!;
  return {
    input: { name: input!.name, shape: channelsFirst(input!.type.shape) },
    output: { name: exporter.nameOf(result), shape: channelsFirst(graph.values[result]!.type.shape) },
    layers,
    weights,
    flops: graph.nodes.reduce((sum, node) => sum + flopsOf(graph, node), 0),
  };
}

function flopsOf({ values }: Graph, { operator, attributes, inputs, outputs }: Node): number {
  const types = (list: readonly ValueId[]) => list.map((value) => values[value]!.type);
  return operator.cost(attributes, types(inputs), types(outputs)).flops;
}

class Exporter {
  constructor(
    private readonly graph: Graph,
    private readonly evaluator: ParameterEvaluator,
    private readonly layers: Layer[],
    private readonly weights: Map<string, NetworkTensor>,
  ) {}

  nameOf(value: ValueId): string {
    const { source } = this.graph.values[value]!;
    return source.kind === 'input' ? source.name : `v${value}`;
  }

  /** @throws Error where other engines have nothing like it. */
  add(node: Node): void {
    const { name, inputs } = node;
    const xs = inputs.map((value) => this.nameOf(value));
    const [x] = xs as [string];
    const y = this.nameOf(node.outputs[0]!);
    const of = { name, x, y };
    const rank = this.shapeOf(inputs[0]!).length;
    if (isOp(node, operators.conv3d)) this.addConvolution(node, of);
    else if (isOp(node, operators.pool3d)) {
      const { mode, kernel, stride } = node.attributes;
      this.layers.push({ op: 'pool', ...of, mode, kernel, stride, pads: this.pads(node.attributes, inputs[0]!) });
    } else if (isOp(node, operators.concat)) this.layers.push({ op: 'concat', name, y, inputs: xs });
    else if (isOp(node, operators.reshape)) this.addReshape(of, inputs[0]!, node.attributes.shape);
    else if (isOp(node, operators.transpose)) {
      // Of axes as ours are; volumes are turned around before and behind.
      const last = this.channelsLast(of, inputs[0]!);
      this.volume(of, node.outputs[0]!, (y) => ({ op: 'transpose', name, x: last, y, order: node.attributes.order }));
    } else if (isOp(node, operators.unary)) {
      this.layers.push({ op: 'function', ...of, fn: functionOf(node, node.attributes.fn) });
    } else if (isOp(node, operators.binary)) {
      const { fn, activation } = node.attributes;
      if (fn !== 'add' && fn !== 'mul') throw withoutCounterpart(node);
      const pair = [xs[0]!, xs[1]!] as const;
      this.layers.push({ op: fn, name, y, inputs: pair, activation: functionOf(node, activation) });
    } else if (isOp(node, operators.reduce)) {
      if (node.attributes.op !== 'mean') throw withoutCounterpart(node);
      this.layers.push({ op: 'mean', ...of, axes: node.attributes.axes.map((axis) => axisFirst(axis, rank)) });
    } else if (isOp(node, operators.slice)) {
      const { axis, offset, size } = node.attributes;
      this.layers.push({ op: 'slice', ...of, axis: axisFirst(axis, rank), offset, size });
    } else if (isOp(node, operators.shift)) {
      const { axis, by } = node.attributes;
      const extent = this.shapeOf(inputs[0]!).at(axis)!;
      const moved = Math.min(Math.abs(by), extent);
      const ends = by > 0 ? { offset: 0, before: moved, after: 0 } : { offset: moved, before: 0, after: moved };
      this.layers.push({ op: 'shift', ...of, axis: axisFirst(axis, rank), size: extent - moved, ...ends, rank });
    } else if (isOp(node, operators.attention)) {
      const { scale } = node.attributes;
      this.layers.push({ op: 'attention', name, y, inputs: [xs[0]!, xs[1]!, xs[2]!], scale });
    } else if (isOp(node, operators.linear)) this.addLinear(node, of);
    else throw withoutCounterpart(node);
  }

  private addConvolution(node: Node<Conv3dAttributes>, of: LayerOf): void {
    const { name } = of;
    const [x, kernels, bias] = node.inputs as [ValueId, ValueId, ValueId | undefined];
    const shape = this.shapeOf(kernels);
    const kernel = shape.slice(0, 3) as unknown as Triple;
    const { stride, groups, activation } = node.attributes;
    this.weights.set(`${name}/weights`, weightsFirst(shape, this.evaluator.value(kernels).data));
    this.layers.push({
      op: 'conv',
      ...of,
      weights: `${name}/weights`,
      bias: this.bias(name, bias),
      kernel,
      stride,
      pads: this.pads({ ...node.attributes, kernel }, x),
      groups,
      activation: functionOf(node, activation),
    });
  }

  private addLinear(node: Node, of: LayerOf): void {
    const { name } = of;
    const [x, matrix, bias] = node.inputs as [ValueId, ValueId, ValueId | undefined];
    const [cin, cout] = this.shapeOf(matrix) as [number, number];
    const first = weightsFirst([1, 1, 1, cin, cout], this.evaluator.value(matrix).data);
    const [weights, added] = [`${name}/weights`, this.bias(name, bias)];
    if (this.shapeOf(x).length === 5) {
      this.weights.set(weights, first);
      const one = {
        kernel: [1, 1, 1],
        stride: [1, 1, 1],
        pads: [0, 0, 0, 0, 0, 0],
        groups: 1,
        activation: 'none',
      } as const;
      this.layers.push({ op: 'conv', ...of, weights, bias: added, ...one });
    } else {
      this.weights.set(weights, { shape: [cout, cin], data: first.data });
      this.layers.push({ op: 'linear', ...of, weights, bias: added });
    }
  }

  private addReshape(of: LayerOf, x: ValueId, shape: readonly number[]): void {
    const { name } = of;
    const from = this.shapeOf(x);
    const still = (extents: readonly number[]): boolean => extents.length !== 5 || sizeOf(extents.slice(1, -1)) === 1;
    if (still(from) && still(shape)) this.layers.push({ op: 'reshape', ...of, shape: channelsFirst(shape) });
    else {
      const last = this.channelsLast(of, x);
      this.volume(of, shape, (y) => ({ op: 'reshape', name, x: last, y, shape }));
    }
  }

  /** The name of a value with its channels last, which takes a layer where it is a volume. */
  private channelsLast({ name, x }: LayerOf, value: ValueId): string {
    if (this.shapeOf(value).length !== 5) return x;
    const y = `${name}/last`;
    this.layers.push({ op: 'transpose', name: y, x, y, order: FROM_FIRST });
    return y;
  }

  /** A layer whose result is as ours; where it is a volume, with another that moves the channels. */
  private volume({ name, y }: LayerOf, result: ValueId | readonly number[], layer: (y: string) => Layer): void {
    const shape = typeof result === 'number' ? this.shapeOf(result) : result;
    if (shape.length !== 5) this.layers.push(layer(y));
    else {
      const last = `${name}/result`;
      this.layers.push(layer(last), { op: 'transpose', name: `${name}/first`, x: last, y, order: TO_FIRST });
    }
  }

  private bias(name: string, value: ValueId | undefined): string | null {
    if (value === undefined) return null;
    this.weights.set(`${name}/bias`, { shape: this.shapeOf(value), data: this.evaluator.value(value).data });
    return `${name}/bias`;
  }

  private pads(geometry: WindowGeometry, x: ValueId): number[] {
    const [, t, h, w] = this.shapeOf(x);
    const pairs = resolvePadding(geometry, [t!, h!, w!]);
    return [...pairs.map(([before]) => before), ...pairs.map(([, after]) => after)];
  }

  private shapeOf(value: ValueId): readonly number[] {
    return this.graph.values[value]!.type.shape;
  }
}

interface LayerOf extends Named {
  readonly x: string;
}

function functionOf(node: Node, fn: string): LayerFunction {
  const known = FUNCTIONS.find((name) => name === fn);
  if (known === undefined) throw withoutCounterpart(node);
  return known;
}

const withoutCounterpart = ({ name, operator }: Node): Error =>
  new Error(`${name} (${operator.type}) has no counterpart for other engines.`);

/** kt×kh×kw×Cin×Cout to Cout×Cin×kt×kh×kw. */
function weightsFirst(shape: readonly number[], values: Float32Array): NetworkTensor {
  const [kt, kh, kw, cin, cout] = shape as [number, number, number, number, number];
  const taps = kt * kh * kw;
  const data = new Float32Array(values.length);
  for (let tap = 0; tap < taps; tap++) {
    for (let c = 0; c < cin; c++) {
      for (let o = 0; o < cout; o++) data[(o * cin + c) * taps + tap] = values[(tap * cin + c) * cout + o]!;
    }
  }
  return { shape: [cout, cin, kt, kh, kw], data };
}

/** An activation N T H W C as N C T H W. */
export function activationFirst(shape: readonly number[], values: Float32Array): NetworkTensor {
  const [n, t, h, w, channels] = shape as [number, number, number, number, number];
  const pixels = t * h * w;
  const data = new Float32Array(values.length);
  for (let sample = 0; sample < n; sample++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let c = 0; c < channels; c++) {
        data[(sample * channels + c) * pixels + pixel] = values[(sample * pixels + pixel) * channels + c]!;
      }
    }
  }
  return { shape: channelsFirst(shape), data };
}

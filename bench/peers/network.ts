/**
 * @file A graph of ours in the terms that all other engines share: channels first (N C T H W), batch norms folded, padding in
 * numbers. The ONNX writer and the PyTorch script both read this.
 */

import type { HostTensor } from '../../src/core/tensor.ts';
import { sizeOf } from '../../src/core/tensor.ts';
import { type Graph, isOp, type ValueId } from '../../src/graph/graph.ts';
import { ParameterEvaluator } from '../../src/graph/parameters.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold_batch_norm.ts';
import { fuseActivation } from '../../src/graph/passes/fuse_activation.ts';
import { selectOutputs } from '../../src/graph/passes/select_outputs.ts';
import { prune } from '../../src/graph/rewrite.ts';
import { operators } from '../../src/ops/index.ts';
import { resolvePadding, type WindowGeometry } from '../../src/ops/sliding_window.ts';

type Triple = WindowGeometry['kernel'];

export type Layer =
  | {
      readonly op: 'conv';
      readonly name: string;
      readonly x: string;
      readonly y: string;
      /** Names of weights. */
      readonly weights: string;
      readonly bias: string | null;
      readonly kernel: Triple;
      readonly stride: Triple;
      /** Before T, H, W, then after T, H, W. */
      readonly pads: readonly number[];
      readonly groups: number;
      readonly relu: boolean;
    }
  | {
      readonly op: 'pool';
      readonly name: string;
      readonly x: string;
      readonly y: string;
      readonly mode: 'max' | 'average';
      readonly kernel: Triple;
      readonly stride: Triple;
      readonly pads: readonly number[];
    }
  | { readonly op: 'concat'; readonly name: string; readonly inputs: readonly string[]; readonly y: string }
  | {
      readonly op: 'reshape';
      readonly name: string;
      readonly x: string;
      readonly y: string;
      readonly shape: readonly number[];
    };

export interface NetworkTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface Network {
  readonly input: { readonly name: string; readonly shape: readonly number[] };
  readonly output: { readonly name: string; readonly shape: readonly number[] };
  readonly layers: readonly Layer[];
  readonly weights: ReadonlyMap<string, NetworkTensor>;
}

/** N T H W C to N C T H W; anything of another rank stays. */
const channelsFirst = (shape: readonly number[]): number[] =>
  shape.length === 5 ? [shape[0]!, shape[4]!, shape[1]!, shape[2]!, shape[3]!] : [...shape];

/** @throws Error for a graph with other operators than I3D's. */
export function exportNetwork(source: Graph, output: string, parameters: ReadonlyMap<string, HostTensor>): Network {
  const graph = prune(fuseActivation(foldBatchNorm(prune(selectOutputs(source, [output])))));
  const evaluator = new ParameterEvaluator(graph, parameters);
  const weights = new Map<string, NetworkTensor>();
  const layers: Layer[] = [];
  const shapeOf = (value: ValueId) => graph.values[value]!.type.shape;
  const inputs = graph.values.flatMap(({ source: s, type }, id) =>
    s.kind === 'input' ? [{ id, name: s.name, type }] : [],
  );
  const nameOf = (value: ValueId): string => inputs.find(({ id }) => id === value)?.name ?? `v${value}`;
  const pads = (geometry: WindowGeometry, x: ValueId): number[] => {
    const [, t, h, w] = shapeOf(x);
    const pairs = resolvePadding(geometry, [t!, h!, w!]);
    return [...pairs.map(([before]) => before), ...pairs.map(([, after]) => after)];
  };
  for (const node of graph.nodes) {
    const { name } = node;
    const [x, second, third] = node.inputs;
    const y = nameOf(node.outputs[0]!);
    if (isOp(node, operators.foldedWeights) || isOp(node, operators.foldedBias)) continue;
    if (isOp(node, operators.conv3d)) {
      const shape = shapeOf(second!);
      const kernel = shape.slice(0, 3) as unknown as Triple;
      weights.set(`${name}/weights`, weightsFirst(shape, evaluator.value(second!).data));
      if (third !== undefined) {
        weights.set(`${name}/bias`, { shape: shapeOf(third), data: evaluator.value(third).data });
      }
      const { stride, groups, activation } = node.attributes;
      layers.push({
        op: 'conv',
        name,
        x: nameOf(x!),
        y,
        weights: `${name}/weights`,
        bias: third === undefined ? null : `${name}/bias`,
        kernel,
        stride,
        pads: pads({ ...node.attributes, kernel }, x!),
        groups,
        relu: activation === 'relu',
      });
    } else if (isOp(node, operators.pool3d)) {
      const { mode, kernel, stride } = node.attributes;
      layers.push({ op: 'pool', name, x: nameOf(x!), y, mode, kernel, stride, pads: pads(node.attributes, x!) });
    } else if (isOp(node, operators.concat)) {
      layers.push({ op: 'concat', name, inputs: node.inputs.map(nameOf), y });
    } else if (isOp(node, operators.reshape)) {
      if (sizeOf(shapeOf(x!).slice(1, -1)) !== 1) throw new Error(`${name} would move data in channels-first layout.`);
      layers.push({ op: 'reshape', name, x: nameOf(x!), y, shape: channelsFirst(node.attributes.shape) });
    } else {
      throw new Error(`${name} (${node.operator.type}) has no counterpart for other engines.`);
    }
  }
  const [input] = inputs;
  const result = graph.names.get(output)!;
  return {
    input: { name: input!.name, shape: channelsFirst(input!.type.shape) },
    output: { name: nameOf(result), shape: channelsFirst(shapeOf(result)) },
    layers,
    weights,
  };
}

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

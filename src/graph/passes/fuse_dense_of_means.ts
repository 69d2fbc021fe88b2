/**
 * @file The mean of a volume over time, rows and columns and the one or two small dense layers behind it become one node, where nobody
 * else reads what lies between: squeeze-and-excitation and gates of any network. Such layers are short beside the time between two
 * dispatches.
 */

import { type Shape, sizeOf } from '../../core/tensor.ts';
import type { Triple } from '../../kernels/conv3d/problem.ts';
import type { Activation } from '../../kernels/pointwise/activation.ts';
import { MOST_CHANNELS } from '../../kernels/reduce/dense_of_means.ts';
import { conv3d } from '../../ops/conv3d/conv3d.ts';
import { type DenseOfMeansAttributes, denseOfMeans } from '../../ops/dense_of_means.ts';
import { linear } from '../../ops/linear.ts';
import { pool3d } from '../../ops/pool3d.ts';
import { reduce } from '../../ops/reduce.ts';
import { reshape } from '../../ops/reshape.ts';
import { coversAll } from '../../ops/sliding_window.ts';
import { unary } from '../../ops/unary.ts';
import { type Graph, isOp, type Node, parameterValues, useCounts, type ValueId } from '../graph.ts';
import { rewrite } from '../rewrite.ts';

const MOST_LAYERS = 2;

interface Layer {
  readonly activation: Activation;
  readonly weights: ValueId;
  readonly bias: ValueId | undefined;
}

interface Chain {
  readonly x: ValueId;
  readonly layers: readonly Layer[];
  /** In order; the last one gives what the chain gives. */
  readonly nodes: readonly Node[];
}

/**
 * After activations have gone into convolutions.
 * @param mostWeights Of all layers of a node, in values: what a few workgroups have read in the time of two dispatches
 */
export function fuseDenseOfMeans(graph: Graph, mostWeights: number): Graph {
  const chains = chainsOf(graph).filter(({ layers }) => isSmall(graph, layers, mostWeights));
  const ends = new Map(chains.map((chain) => [chain.nodes.at(-1)!, chain]));
  const inside = new Set(chains.flatMap(({ nodes }) => nodes));
  return rewrite(graph, (node, { builder, to, map, copy }) => {
    const chain = ends.get(node);
    if (!inside.has(node)) copy(node);
    if (!chain) return;
    const { x, layers, nodes } = chain;
    const attributes: DenseOfMeansAttributes = {
      layers: layers.map(({ activation, bias }) => ({ activation, bias: bias !== undefined })),
    };
    const parameters = layers.flatMap(({ weights, bias }) => (bias === undefined ? [weights] : [weights, bias]));
    const dense = nodes.filter((part) => isOp(part, conv3d) || isOp(part, linear)).map(({ name }) => name);
    const [y] = builder.add(denseOfMeans, dense.join(' → '), attributes, [x, ...parameters].map(to));
    const end = node.outputs[0]!;
    const { shape } = graph.values[end]!.type;
    map(end, shape.length === 5 ? y! : builder.add(reshape, `${node.name}/shape`, { shape }, [y!])[0]!);
  });
}

function chainsOf(graph: Graph): Chain[] {
  const uses = useCounts(graph);
  const parameters = parameterValues(graph);
  const readers = new Map(graph.nodes.flatMap((node) => node.inputs.map((value) => [value, node] as const)));
  return graph.nodes.flatMap((mean) => {
    if (!isMean(graph, mean)) return [];
    const layers: Layer[] = [];
    const nodes: Node[] = [mean];
    for (;;) {
      const value = nodes.at(-1)!.outputs[0]!;
      const node = uses.get(value) === 1 ? readers.get(value) : undefined;
      if (!node || node.inputs[0] !== value) break;
      const layer = layers.length < MOST_LAYERS ? denseLayer(graph, node, parameters) : undefined;
      const before = layers.at(-1);
      if (layer) layers.push(layer);
      else if (isOp(node, unary) && before?.activation === 'none') {
        layers[layers.length - 1] = { ...before, activation: node.attributes.fn };
      } else if (!isOp(node, reshape) || !keepsRows(graph, node)) break;
      nodes.push(node);
    }
    return layers.length > 0 ? [{ x: mean.inputs[0]!, layers, nodes }] : [];
  });
}

const shapeOf = (graph: Graph, value: ValueId): Shape => graph.values[value]!.type.shape;

/** Over time, rows and columns of a volume. */
const isMean = (graph: Graph, node: Node): boolean => isWholePool(graph, node) || isReduction(graph, node);

const isWholePool = (graph: Graph, node: Node): boolean =>
  isOp(node, pool3d) &&
  node.attributes.mode === 'average' &&
  coversAll(node.attributes, shapeOf(graph, node.inputs[0]!).slice(1, 4) as unknown as Triple);

function isReduction(graph: Graph, node: Node): boolean {
  if (!isOp(node, reduce) || node.attributes.op !== 'mean') return false;
  const { axes } = node.attributes;
  const [before, after] = [shapeOf(graph, node.inputs[0]!), shapeOf(graph, node.outputs[0]!)];
  const kept = !axes.includes(0) && !axes.includes(4);
  return before.length === 5 && kept && after.slice(1, 4).every((size) => size === 1);
}

/** Still a row of channels for each sample. */
const keepsRows = (graph: Graph, { inputs, outputs }: Node): boolean => {
  const [before, after] = [shapeOf(graph, inputs[0]!), shapeOf(graph, outputs[0]!)];
  return (after.length === 2 || after.length === 5) && after[0] === before[0] && after.at(-1) === before.at(-1);
};

/** A 1×1×1 convolution with one output or a linear layer, of weights that are known. */
function denseLayer(graph: Graph, node: Node, parameters: ReadonlySet<ValueId>): Layer | undefined {
  const [, weights, bias] = node.inputs;
  if (!node.inputs.slice(1).every((value) => parameters.has(value)) || weights === undefined) return undefined;
  if (!isOp(node, conv3d)) return isOp(node, linear) ? { activation: 'none', weights, bias } : undefined;
  const { groups, channels, activation, ...window } = node.attributes;
  const kernel = shapeOf(graph, weights).slice(0, 3) as unknown as Triple;
  const single = groups === 1 && channels.length === 1 && coversAll({ ...window, kernel }, [1, 1, 1]);
  return single ? { activation, weights, bias } : undefined;
}

function isSmall(graph: Graph, layers: readonly Layer[], mostWeights: number): boolean {
  const shapes = layers.map(({ weights }) => shapeOf(graph, weights));
  const total = shapes.reduce((sum, shape) => sum + sizeOf(shape), 0);
  return total <= mostWeights && shapes.every((shape) => shape.at(-2)! <= MOST_CHANNELS);
}

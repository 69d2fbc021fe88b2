/** @file Which memory each value lies in: its own, a channel slice of a concatenation, or that of the tensor it is a reshape of. */

import type { View } from '../kernels/view.ts';
import { vec4s } from '../kernels/view.ts';
import { storedBytes, viewShape } from '../ops/operator.ts';
import { type Graph, isOp, parameterValues, type ValueId } from './graph.ts';

export interface Storage {
  /** Bytes. */
  readonly size: number;
  /** First and last node that touch it, as indices into `Graph.nodes`; −1 for inputs, `nodes.length` for outputs. */
  first: number;
  last: number;
}

export interface Placement {
  /** Index into `storages`. */
  readonly storage: number;
  readonly view: View;
}

export interface StorageMap {
  readonly storages: readonly Storage[];
  /** Undefined for values that are computed on the host. */
  readonly placements: readonly (Placement | undefined)[];
}

export function assignStorage(graph: Graph): StorageMap {
  const parameters = parameterValues(graph);
  const storages: Storage[] = [];
  const placements: (Placement | undefined)[] = graph.values.map(() => undefined);
  const own = (value: ValueId): Placement => {
    const { type } = graph.values[value]!;
    const size = storedBytes(type);
    const shape = viewShape(type.shape);
    return {
      storage: storages.push({ size, first: Number.POSITIVE_INFINITY, last: Number.NEGATIVE_INFINITY }) - 1,
      view: { shape, stride: vec4s(shape[4]), base: 0 },
    };
  };

  // Concatenations first, from the last to the first: their inputs get slices of them, whoever makes those.
  for (const node of [...graph.nodes].reverse()) {
    if (!isOp(node, 'concat') || !node.attributes.inPlace) continue;
    const whole = placements[node.outputs[0]!] ?? own(node.outputs[0]!);
    placements[node.outputs[0]!] = whole;
    let offset = 0;
    for (const value of node.inputs) {
      const shape = viewShape(graph.values[value]!.type.shape);
      placements[value] = {
        storage: whole.storage,
        view: { shape, stride: whole.view.stride, base: whole.view.base + offset / 4 },
      };
      offset += shape[4];
    }
  }
  graph.values.forEach((value, id) => {
    if (value.source.kind === 'input') placements[id] ??= own(id);
  });
  for (const node of graph.nodes) {
    if (isOp(node, 'reshape')) {
      const source = placements[node.inputs[0]!]!;
      const shape = viewShape(graph.values[node.outputs[0]!]!.type.shape);
      placements[node.outputs[0]!] ??= { storage: source.storage, view: { ...source.view, shape } };
    }
    for (const value of node.outputs) if (!parameters.has(value)) placements[value] ??= own(value);
  }
  extendLifetimes(graph, storages, placements);
  return { storages, placements };
}

function extendLifetimes(graph: Graph, storages: Storage[], placements: readonly (Placement | undefined)[]): void {
  const touch = (value: ValueId, step: number): void => {
    const placement = placements[value];
    const storage = placement && storages[placement.storage];
    if (!storage) return;
    storage.first = Math.min(storage.first, step);
    storage.last = Math.max(storage.last, step);
  };
  graph.values.forEach(({ source }, id) => {
    if (source.kind === 'input') touch(id, -1);
  });
  graph.nodes.forEach((node, step) => {
    for (const value of [...node.inputs, ...node.outputs]) touch(value, step);
  });
  for (const value of graph.names.values()) touch(value, graph.nodes.length);
}

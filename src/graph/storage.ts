/**
 * @file Which memory each value lies in: its own, a channel slice of a concatenation, or that of the tensor it is a reshape or
 * a slice of, or a state that a node changes.
 */

import type { View } from '../kernels/shared/view.ts';
import { vec4s } from '../kernels/shared/view.ts';
import { concat } from '../ops/concat.ts';
import { storedBytes, viewShape } from '../ops/operator.ts';
import { reshape } from '../ops/reshape.ts';
import { isView, slice } from '../ops/slice.ts';
import { type Graph, isOp, parameterValues, type ValueId } from './graph.ts';

export interface Storage {
  /** Bytes. */
  readonly size: number;
  /** First and last node that touch it, as indices into `Graph.nodes`; −1 for inputs, `nodes.length` for outputs. */
  first: number;
  last: number;
  /** A state by this name: it lives in a buffer of its own, not in the arena. */
  readonly state?: string;
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
    const { type, source } = graph.values[value]!;
    const shape = viewShape(type.shape);
    const storage = {
      size: storedBytes(type),
      first: Number.POSITIVE_INFINITY,
      last: Number.NEGATIVE_INFINITY,
      ...(source.kind === 'state' ? { state: source.name } : {}),
    };
    const half = type.dtype === 'f16' ? { half: true } : {};
    return { storage: storages.push(storage) - 1, view: { shape, stride: vec4s(shape[4]), base: 0, ...half } };
  };

  // Concatenations first, from the last to the first: their inputs get slices of them, whoever makes those.
  for (const node of [...graph.nodes].reverse()) {
    if (!isOp(node, concat) || !node.attributes.inPlace) continue;
    const whole = placements[node.outputs[0]!] ?? own(node.outputs[0]!);
    placements[node.outputs[0]!] = whole;
    let offset = 0;
    for (const value of node.inputs) {
      const shape = viewShape(graph.values[value]!.type.shape);
      placements[value] = {
        storage: whole.storage,
        view: { ...whole.view, shape, base: whole.view.base + offset / 4 },
      };
      offset += shape[4];
    }
  }
  graph.values.forEach((value, id) => {
    if (value.source.kind === 'input' || value.source.kind === 'state') placements[id] ??= own(id);
  });
  for (const node of graph.nodes) {
    const source = placements[node.inputs[0]!];
    const shape = viewShape(graph.values[node.outputs[0]!]!.type.shape);
    if (isOp(node, reshape) && source) {
      placements[node.outputs[0]!] ??= { storage: source.storage, view: { ...source.view, shape } };
    }
    if (isOp(node, slice) && source && isView(node.attributes, graph.values[node.inputs[0]!]!.type.shape)) {
      const base = source.view.base + node.attributes.offset / 4;
      placements[node.outputs[0]!] ??= { storage: source.storage, view: { ...source.view, base, shape } };
    }
    node.operator.inPlace?.forEach((input, output) => {
      placements[node.outputs[output]!] = placements[node.inputs[input]!];
    });
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

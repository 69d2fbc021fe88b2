/**
 * @file Which memory each value lies in: its own, a channel slice of a concatenation, or that of the tensor it is a reshape or
 * a slice of, or a state that a node changes.
 */

import { cut, type Layout, layoutOf, viewOf, viewShape } from '../kernels/shared/layout.ts';
import { denseView } from '../kernels/shared/view.ts';
import { concat } from '../ops/concat.ts';
import { inPlaceOf, storedBytes } from '../ops/operator.ts';
import { runOffsets } from '../ops/runs.ts';
import { type Graph, isOp, type Node, parameterValues, type ValueId } from './graph.ts';

interface Storage {
  /** Bytes. */
  readonly size: number;
  /** First and last node that touch it, as indices into `Graph.nodes`; −1 for inputs, `nodes.length` for outputs. */
  first: number;
  last: number;
  /** A state by this name: it lives outside of the arena (state.ts). */
  readonly state?: string;
}

interface Placement {
  /** Index into `storages`. */
  readonly storage: number;
  readonly layout: Layout;
}

/** Storages that lie one behind the other. */
interface StorageRun {
  /** Indices into `storages`. */
  readonly members: readonly number[];
  /** Of each from the start of the run. Bytes. */
  readonly offsets: readonly number[];
  /** Bytes. */
  readonly size: number;
}

export interface StorageMap {
  readonly storages: readonly Storage[];
  readonly runs: readonly StorageRun[];
  /** Undefined for values that are computed on the host. */
  readonly placements: readonly (Placement | undefined)[];
}

export function assignStorage(graph: Graph): StorageMap {
  const parameters = parameterValues(graph);
  const storages: Storage[] = [];
  const placements: (Placement | undefined)[] = graph.values.map(() => undefined);
  const own = (value: ValueId): Placement => {
    const { type, source } = graph.values[value]!;
    const storage = {
      size: storedBytes(type),
      first: Number.POSITIVE_INFINITY,
      last: Number.NEGATIVE_INFINITY,
      ...(source.kind === 'state' ? { state: source.name } : {}),
    };
    const half = type.dtype === 'f16' ? { half: true } : {};
    const view = { ...denseView(viewShape(type.shape)), ...half };
    return { storage: storages.push(storage) - 1, layout: layoutOf(view, type.shape) };
  };

  // Concatenations first, from the last to the first: their inputs get slices of them, whoever makes those.
  for (const node of [...graph.nodes].reverse()) {
    if (!isOp(node, concat) || !node.attributes.inPlace) continue;
    const whole = placements[node.outputs[0]!] ?? own(node.outputs[0]!);
    placements[node.outputs[0]!] = whole;
    let offset = 0;
    for (const value of node.inputs) {
      const { shape } = graph.values[value]!.type;
      const channels = shape.at(-1)!;
      placements[value] = { storage: whole.storage, layout: cut(whole.layout, shape.length - 1, offset, channels) };
      offset += channels;
    }
  }
  graph.values.forEach((value, id) => {
    if (value.source.kind === 'input' || value.source.kind === 'state') placements[id] ??= own(id);
  });
  const readers = readersOf(graph);
  /** Where a node's output lies if it is another layout of its input, and all who read it take that. */
  const aliasOf = ({ operator, attributes, inputs, outputs }: Node): Placement | undefined => {
    const [source, output] = [placements[inputs[0]!], outputs[0]!];
    const layout = source && operator.view?.(attributes, source.layout, graph.values[output]!.type.shape);
    if (!layout) return undefined;
    const isView = viewOf(layout) !== undefined;
    const fits = (readers.get(output) ?? []).every(({ node, input }) => {
      const takes = isView || node?.operator.layouts?.includes(input);
      // One dispatch may not have two writable bindings of one range.
      const shares = node?.inputs.some((other, i) => i !== input && placements[other]?.storage === source.storage);
      return takes && (!shares || node?.operator.sharesInputs);
    });
    return fits ? { storage: source.storage, layout } : undefined;
  };
  for (const node of graph.nodes) {
    const alias = aliasOf(node);
    if (alias) placements[node.outputs[0]!] ??= alias;
    for (const [output, input] of inPlaceOf(node.operator, node.inputs.length).entries()) {
      placements[node.outputs[output]!] = placements[node.inputs[input]!];
    }
    for (const value of node.outputs) if (!parameters.has(value)) placements[value] ??= own(value);
  }
  extendLifetimes(graph, storages, placements);
  return { storages, placements, runs: runsIn(graph, storages, placements) };
}

/** The runs that operators ask for, of tensors that have a storage each; a storage is in one run at most. */
function runsIn(
  graph: Graph,
  storages: readonly Storage[],
  placements: readonly (Placement | undefined)[],
): StorageRun[] {
  const taken = new Set<number>();
  const runs: StorageRun[] = [];
  const typesOf = ({ inputs }: Node) => inputs.map((value) => graph.values[value]!.type);
  for (const node of graph.nodes) {
    for (const list of node.operator.runs?.(typesOf(node)) ?? []) {
      const members = list.flatMap((input): number[] => {
        const value = node.inputs[input]!;
        const placement = placements[value];
        const { size } = storages[placement?.storage ?? -1] ?? {};
        const isWhole = size === storedBytes(graph.values[value]!.type) && placement?.layout.base === 0;
        return isWhole && !taken.has(placement.storage) ? [placement.storage] : [];
      });
      const states = members.filter((member) => storages[member]!.state !== undefined).length;
      const together = new Set(members).size === list.length && (states === 0 || states === list.length);
      if (list.length < 2 || !together) continue;
      for (const member of members) taken.add(member);
      runs.push({ members, ...runOffsets(members.map((member) => storages[member]!.size)) });
    }
  }
  return runs;
}

/** Who reads each value: a node's input, or the caller, for named values. */
function readersOf(graph: Graph): Map<ValueId, { readonly node?: Node; readonly input: number }[]> {
  const readers = new Map<ValueId, { readonly node?: Node; readonly input: number }[]>();
  const add = (value: ValueId, reader: { readonly node?: Node; readonly input: number }) =>
    readers.set(value, [...(readers.get(value) ?? []), reader]);
  for (const node of graph.nodes) for (const [input, value] of node.inputs.entries()) add(value, { node, input });
  for (const value of graph.names.values()) add(value, { input: 0 });
  return readers;
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

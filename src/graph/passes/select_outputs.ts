/** @file Keeps only the values that were asked for as names. */

import { describeValue } from '../../core/check.ts';
import { GraphError } from '../../core/errors.ts';
import type { Graph } from '../graph.ts';

/** @throws GraphError when a name is unknown; the message lists the known ones. */
export function selectOutputs(graph: Graph, names: readonly string[]): Graph {
  if (!Array.isArray(names)) throw new GraphError(`Outputs are a list of names, not ${describeValue(names)}.`);
  if (names.length === 0) throw new GraphError('A plan has one output or more; the list of their names is empty.');
  const selected = names.map((name) => {
    const value = graph.names.get(name);
    if (value === undefined) {
      throw new GraphError(`There is no output ${name}; there are ${[...graph.names.keys()].join(', ')}.`);
    }
    return [name, value] as const;
  });
  return { ...graph, names: new Map(selected) };
}

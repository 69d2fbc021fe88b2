/** @file Dropout without random numbers, as models are written, is the identity: it goes. */

import { dropout } from '../../ops/dropout.ts';
import { type Graph, isOp } from '../graph.ts';
import { rewrite } from '../rewrite.ts';

export function dropDropout(graph: Graph): Graph {
  return rewrite(graph, (node, { to, map, copy }) => {
    if (isOp(node, dropout) && node.inputs.length === 1) map(node.outputs[0]!, to(node.inputs[0]!));
    else copy(node);
  });
}

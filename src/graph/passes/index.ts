/** @file The passes of inference, in order. Each is a function from graph to graph. */

import type { Graph } from '../graph.ts';
import { prune } from '../rewrite.ts';
import { concatInPlace } from './concat_in_place.ts';
import { dropDropout } from './drop_dropout.ts';
import { foldBatchNorm } from './fold_batch_norm.ts';
import { fuseRelu } from './fuse_relu.ts';
import { mergeSiblings } from './merge_siblings.ts';
import { selectOutputs } from './select_outputs.ts';

/** Prepares a graph for inference of the named outputs. `optimise: false` keeps every node, for finding bugs in passes. */
export function inferencePasses(graph: Graph, outputs: readonly string[], optimise = true): Graph {
  const selected = prune(dropDropout(selectOutputs(graph, outputs)));
  if (!optimise) return selected;
  return concatInPlace(prune(mergeSiblings(fuseRelu(foldBatchNorm(selected)))));
}

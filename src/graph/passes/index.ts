/** @file The passes of inference, in order. Each is a function from graph to graph. */

import type { Graph } from '../graph.ts';
import { prune } from '../rewrite.ts';
import { addInPlace } from './add_in_place.ts';
import { addressShift } from './address_shift.ts';
import { concatInPlace } from './concat_in_place.ts';
import { dropDropout } from './drop_dropout.ts';
import { foldBatchNorm } from './fold_batch_norm.ts';
import { fuseActivation } from './fuse_activation.ts';
import { fuseDenseOfMeans } from './fuse_dense_of_means.ts';
import { type Activations, halfActivations } from './half_activations.ts';
import { joinBranches } from './join_branches.ts';
import { mergeSiblings } from './merge_siblings.ts';
import { selectOutputs } from './select_outputs.ts';

export interface PassOptions {
  /** Names of the values that runs return; all named ones where left out. */
  readonly outputs?: readonly string[] | undefined;
  /** `false` leaves all passes out: every node runs as it was written. For finding bugs in passes. */
  readonly optimise?: boolean | undefined;
  /** What convolutions and pools hand each other; f32 where left out. */
  readonly activations?: Activations | undefined;
  /**
   * Two convolutions that write into one concatenation become one node, for devices that can compute more at a time than one of
   * them. When a graph is compiled: on GPUs where left out.
   */
  readonly joinBranches?: boolean | undefined;
  /**
   * Dense layers over the mean of a volume become one node with it where they have no more weights than that, in values. When a graph is
   * compiled: on GPUs as many as pay where left out; 0 leaves all as they are.
   */
  readonly denseOfMeans?: number | undefined;
  /**
   * 1×1×1 convolutions at the end of residual blocks add to the memory where the other operand lies. When a graph is compiled: on GPUs
   * where left out.
   */
  readonly addInPlace?: boolean | undefined;
}

/** What a device of many cores reads in the time of two dispatches. */
export const MOST_DENSE_WEIGHTS = 2 ** 18;

/** Prepares a graph for inference. */
export function inferencePasses(graph: Graph, options: PassOptions = {}): Graph {
  const {
    outputs = [...graph.names.keys()],
    optimise = true,
    activations,
    joinBranches: joins = false,
    denseOfMeans = 0,
  } = options;
  const { addInPlace: adds = false } = options;
  const selected = prune(dropDropout(selectOutputs(graph, outputs)));
  const fused = optimise
    ? concatInPlace(
        prune(addressShift(mergeSiblings(fuseDenseOfMeans(fuseActivation(foldBatchNorm(selected)), denseOfMeans)))),
      )
    : selected;
  const optimised = optimise && joins ? prune(joinBranches(fused)) : fused;
  const added = optimise && adds ? prune(addInPlace(optimised)) : optimised;
  return activations === 'f16' ? halfActivations(added) : added;
}

/** @file The passes of inference, in order. Each is a function from graph to graph. */

import type { Graph } from '../graph.ts';
import { prune } from '../rewrite.ts';
import { addressShift } from './address_shift.ts';
import { concatInPlace } from './concat_in_place.ts';
import { dropDropout } from './drop_dropout.ts';
import { foldBatchNorm } from './fold_batch_norm.ts';
import { fuseActivation } from './fuse_activation.ts';
import type { Activations } from './half_activations.ts';
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

type GpuPasses = typeof import('./of_gpus.ts');

/** Prepares a graph for inference; passes that only GPUs want are loaded when they are wanted. */
export async function inferencePasses(graph: Graph, options: PassOptions = {}): Promise<Graph> {
  const { joinBranches, addInPlace, denseOfMeans = 0, activations } = options;
  const wanted = joinBranches || addInPlace || denseOfMeans > 0 || activations === 'f16';
  return applyPasses(graph, options, wanted ? await import('./of_gpus.ts') : undefined);
}

/** The same at once, for whoever has loaded the passes of GPUs. */
export function applyPasses(graph: Graph, options: PassOptions, ofGpus: GpuPasses | undefined): Graph {
  const { outputs = [...graph.names.keys()], optimise = true, activations, denseOfMeans = 0 } = options;
  const { joinBranches, addInPlace } = options;
  const selected = prune(dropDropout(selectOutputs(graph, outputs)));
  const fused = (): Graph => {
    const units = fuseActivation(foldBatchNorm(selected));
    const gated = ofGpus?.fuseDenseOfMeans(units, denseOfMeans) ?? units;
    const joined = concatInPlace(prune(addressShift(mergeSiblings(gated))));
    const branched = joinBranches && ofGpus ? prune(ofGpus.joinBranches(joined)) : joined;
    return addInPlace && ofGpus ? prune(ofGpus.addInPlace(branched)) : branched;
  };
  const optimised = optimise ? fused() : selected;
  return activations === 'f16' && ofGpus ? ofGpus.halfActivations(optimised) : optimised;
}

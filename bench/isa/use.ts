/** @file What is known of a dispatch before its kernel is compiled. */

import type { Workgroups } from '../../src/core/kernel.ts';
import type { Work } from '../../src/kernels/shared/work.ts';

/** One dispatch of a kernel. */
export interface Use {
  /** Such as `I3D 16 fast`. */
  readonly where: string;
  readonly node: string;
  /** The candidate that the dispatch belongs to. */
  readonly candidate: string;
  readonly workgroups: Workgroups;
  /** Missing where nobody counts. */
  readonly work?: Work;
  /** Of the node, as the direct algorithm counts, said once for all its dispatches. */
  readonly flops: number;
  /** Dispatches that are the same as this one, itself included; 1 where left out. */
  readonly times?: number;
  /** Its workgroups return at once. */
  readonly idle?: boolean;
}

/** @file Into how many submits the dispatches of a plan are cut. */

/**
 * Work of one submit. Drivers reset a device that is busy for about two seconds at a stretch; a slow integrated GPU does
 * 100 GFLOP in one. I3D on 16 frames is one submit, on 64 frames three.
 */
const SUBMIT_FLOPS = 100e9;

/** The first dispatch of a node, and its work. */
interface NodeWork {
  readonly firstDispatch: number;
  readonly flops: number;
}

/**
 * Cuts the dispatches into runs of at most SUBMIT_FLOPS, between nodes.
 * @param count Of all dispatches.
 */
export function batchDispatches(rows: readonly NodeWork[], count: number): [number, number][] {
  const starts = [0];
  let flops = 0;
  for (const row of rows) {
    flops += row.flops;
    if (flops > SUBMIT_FLOPS && row.firstDispatch > starts.at(-1)!) {
      starts.push(row.firstDispatch);
      flops = row.flops;
    }
  }
  return starts.map((start, i) => [start, starts[i + 1] ?? count]);
}

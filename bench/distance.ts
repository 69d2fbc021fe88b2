/** @file How far two results are apart. */

/** Largest difference over the largest magnitude. */
export function relativeDistance(theirs: Float32Array, ours: Float32Array): number {
  let [worst, largest] = [0, 0];
  for (let i = 0; i < ours.length; i++) {
    const difference = Math.abs(theirs[i]! - ours[i]!);
    worst = Math.max(worst, Number.isNaN(difference) ? Infinity : difference);
    largest = Math.max(largest, Math.abs(ours[i]!));
  }
  return worst / (largest || 1);
}

/** @file Durations without an end, of which a few numbers are kept. */

/** Of two neighbouring bins, as a factor. */
const STEP = 1.02;

/** Seconds that are told apart from nothing. */
const LEAST = 1e-4;

/** Quantiles of as many durations as there are, within two per cent, in memory that does not grow. */
export class Latencies {
  private readonly bins = new Map<number, number>();
  count = 0;

  add(seconds: number): void {
    const bin = Math.round(Math.log(Math.max(seconds, LEAST) / LEAST) / Math.log(STEP));
    this.bins.set(bin, (this.bins.get(bin) ?? 0) + 1);
    this.count++;
  }

  /** Seconds below which this share of the durations lies; undefined where there are none. */
  quantile(share: number): number | undefined {
    if (this.count === 0) return undefined;
    let left = Math.max(1, Math.ceil(share * this.count));
    for (const [bin, count] of [...this.bins].sort(([a], [b]) => a - b)) {
      left -= count;
      if (left <= 0) return LEAST * STEP ** bin;
    }
    return undefined;
  }
}

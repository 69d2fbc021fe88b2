/** @file How well scores tell two kinds apart: the area under the ROC curve. */

export interface RocArea {
  /** Of a pair of both kinds, how often the one that should score higher does; ties count half. */
  readonly area: number;
  /** Its standard error by DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988), of both sets drawn anew. */
  readonly error: number;
}

/** NaN where one of the two is empty. */
export function rocArea(positive: readonly number[], negative: readonly number[]): RocArea {
  const wins = (a: number, b: number): number => (a > b ? 1 : a === b ? 0.5 : 0);
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const byPositive = positive.map((a) => mean(negative.map((b) => wins(a, b))));
  const byNegative = negative.map((b) => mean(positive.map((a) => wins(a, b))));
  const area = mean(byPositive);
  const variance = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + (value - area) ** 2, 0) / Math.max(1, values.length - 1);
  return { area, error: Math.sqrt(variance(byPositive) / positive.length + variance(byNegative) / negative.length) };
}

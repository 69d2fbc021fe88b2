/** @file How the learning rate changes over the steps of a stage. */

export interface Schedule {
  /**
   * `cosine`: half a cosine from the peak to 0 (Loshchilov and Hutter, "SGDR", 2017, without restarts; PyTorch's
   * CosineAnnealingLR). `step`: the peak times `dropFactor` for each drop that has passed, as published for Kinetics.
   */
  readonly schedule: 'cosine' | 'step' | 'constant';
  /** The peak. */
  readonly learningRate: number;
  /** Share of the steps over which the rate rises in a straight line to the peak. */
  readonly warmup: number;
  /** Where the rate drops, as shares of all steps. */
  readonly drops: readonly number[];
  readonly dropFactor: number;
}

/**
 * A tenth at 150k and 300k of 400k steps: Wang et al., "Non-local Neural Networks" (CVPR 2018), who trained I3D on Kinetics
 * with a fixed plan. Carreira and Zisserman took a tenth whenever the validation loss stood still.
 */
export const PUBLISHED_DROPS: readonly number[] = [0.375, 0.75];

/**
 * The learning rate of a step.
 * @param step 0 … steps − 1.
 */
export function learningRateAt(plan: Schedule, step: number, steps: number): number {
  const { schedule, learningRate: peak, warmup, drops, dropFactor } = plan;
  const rising = Math.round(warmup * steps);
  // The peak itself is the first step after the warm-up.
  if (step < rising) return (peak * (step + 1)) / (rising + 1);
  switch (schedule) {
    case 'constant':
      return peak;
    case 'step':
      return peak * dropFactor ** drops.filter((share) => step >= Math.round(share * steps)).length;
    case 'cosine':
      return (peak * (1 + Math.cos((Math.PI * (step - rising)) / (steps - rising)))) / 2;
  }
}

/** @file The parameters of TV-L1 with OpenCV's names, their defaults and presets, and what they may be. */

import { checkChoice, checkOptionNames, describeValue } from '../core/check.ts';
import { InputError } from '../core/errors.ts';

export interface Tvl1Options {
  /** Time step of the dual update. */
  readonly tau: number;
  /** Weight of the data term: smaller means smoother flow. */
  readonly lambda: number;
  /** Tightness between the flow and its auxiliary. */
  readonly theta: number;
  /** At most so many levels of the pyramid; a level under 16 px on a side ends it. */
  readonly scales: number;
  /** Size of a level relative to the one before, below 1. */
  readonly scaleStep: number;
  /** Warps per level. */
  readonly warps: number;
  /** A pair is done with a warp when the root mean square change of its flow falls to this. Pixels. */
  readonly epsilon: number;
  readonly innerIterations: number;
  /** Rounds of a median and `innerIterations` iterations. */
  readonly outerIterations: number;
  /** Side of the median's window; 1 means none. */
  readonly medianFiltering: 1 | 3 | 5;
  /**
   * Side of the window of the median that ends each level of the pyramid, in which pixels count by distance, likeness and visibility (Sun, Roth,
   * Black 2014); 1 means none, as in OpenCV.
   */
  readonly weightedMedian: 1 | 9 | 13;
  /** Start from the flow that is given to `run`. */
  readonly useInitialFlow: boolean;
  readonly interpolation: 'bicubic' | 'bilinear';
  /** Standard deviation of a Gaussian over the images before the pyramid, in pixels; 0 means none. */
  readonly presmoothing: number;
  /** Standard deviation of a Gaussian before each step down the pyramid, in pixels of the larger level; 0 means none. */
  readonly scaleSmoothing: number;
  /** Share of the first image's gradient in the warped one: 0 in OpenCV, 0.5 in Wedel et al. */
  readonly gradientBlend: number;
  /** Points of the image derivative. */
  readonly gradientTaps: 3 | 5;
  /**
   * Whether the data term of a pixel counts by how likely it is visible in both pictures: what is covered takes its motion from
   * what is around it. Off in OpenCV.
   */
  readonly visibilityWeight: boolean;
  /**
   * How much less smooth the flow has to be at edges of the first picture: α of g = exp(−α (|∇I0| / 255)^0.55), by which the
   * smoothness is weighted (Werlberger et al. 2009); 0 means everywhere the same, as in OpenCV.
   */
  readonly edgeWeight: number;
  /** Round every step as OpenCV does, so that the flow is the same bit by bit. On software adapters; costs time. */
  readonly exactRounding: boolean;
}

/** What OpenCV's `DualTVL1OpticalFlow` does by default. */
const opencv: Tvl1Options = {
  tau: 0.25,
  lambda: 0.15,
  theta: 0.3,
  scales: 5,
  scaleStep: 0.8,
  warps: 5,
  epsilon: 0.01,
  innerIterations: 30,
  outerIterations: 10,
  medianFiltering: 5,
  weightedMedian: 1,
  useInitialFlow: false,
  interpolation: 'bicubic',
  presmoothing: 0,
  scaleSmoothing: 0,
  gradientBlend: 0,
  gradientTaps: 3,
  visibilityWeight: false,
  edgeWeight: 0,
  exactRounding: true,
};

export type PresetName = 'opencv' | 'accurate' | 'fast';

export const presets: Readonly<Record<PresetName, Tvl1Options>> = {
  opencv,
  /**
   * The least end-point error, chosen by leaving out one of Middlebury's pairs and on made-up scenes; docs/flow.md has the effect
   * of each choice.
   */
  accurate: {
    ...opencv,
    lambda: 0.5,
    scales: 100,
    warps: 3,
    weightedMedian: 13,
    gradientBlend: 0.3,
    gradientTaps: 5,
    visibilityWeight: true,
    edgeWeight: 2.5,
    exactRounding: false,
  },
  /** One warp on each of many levels, with a looser stop test: a fifth of the time of `opencv`, and nearer to the truth. */
  fast: {
    ...opencv,
    lambda: 0.3,
    scales: 100,
    warps: 1,
    epsilon: 0.02,
    gradientBlend: 0.3,
    gradientTaps: 5,
    exactRounding: false,
  },
};

const RANGES: Record<string, readonly [min: number, max: number, whole: boolean]> = {
  tau: [1e-6, 0.25, false],
  lambda: [1e-6, 1e3, false],
  theta: [1e-6, 1e3, false],
  scales: [1, 1000, true],
  scaleStep: [0.1, 0.95, false],
  warps: [1, 100, true],
  epsilon: [0, 10, false],
  innerIterations: [1, 10_000, true],
  outerIterations: [1, 1000, true],
  presmoothing: [0, 5, false],
  scaleSmoothing: [0, 5, false],
  gradientBlend: [0, 1, false],
  edgeWeight: [0, 100, false],
};

/** What `resolveOptions` knows. */
export const TVL1_OPTION_NAMES: readonly string[] = [...Object.keys(opencv), 'preset'];

/**
 * `options` over a preset (`opencv` unless named), checked. What is `undefined` counts as left out.
 * @throws InputError that names the parameter and what it may be: for unknown names too.
 */
export function resolveOptions(options: Partial<Tvl1Options> & { readonly preset?: PresetName } = {}): Tvl1Options {
  checkOptionNames('TV-L1', options, TVL1_OPTION_NAMES);
  const { preset = 'opencv', ...own } = options;
  checkChoice('The flow preset', preset, Object.keys(presets) as PresetName[]);
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  const resolved = { ...presets[preset], ...given } as Tvl1Options;
  for (const [name, [min, max, whole]] of Object.entries(RANGES)) {
    const value: unknown = resolved[name as keyof Tvl1Options];
    const inRange = typeof value === 'number' && value >= min && value <= max;
    if (inRange && (!whole || Number.isInteger(value))) continue;
    const wanted = `${whole ? 'a whole number ' : ''}from ${min} to ${max}`;
    throw new InputError(`The flow's ${name} must be ${wanted}, not ${describeValue(value)}.`);
  }
  checkOneOf('medianFiltering', resolved.medianFiltering, [1, 3, 5]);
  checkOneOf('weightedMedian', resolved.weightedMedian, [1, 9, 13]);
  checkOneOf('gradientTaps', resolved.gradientTaps, [3, 5]);
  checkOneOf('useInitialFlow', resolved.useInitialFlow, [false, true]);
  checkOneOf('visibilityWeight', resolved.visibilityWeight, [false, true]);
  checkOneOf('exactRounding', resolved.exactRounding, [false, true]);
  checkChoice("The flow's interpolation", resolved.interpolation, ['bicubic', 'bilinear']);
  return resolved;
}

function checkOneOf(name: keyof Tvl1Options, value: unknown, allowed: readonly (number | boolean)[]): void {
  if (allowed.includes(value as number)) return;
  const list = `${allowed.slice(0, -1).join(', ')} or ${allowed.at(-1)}`;
  throw new InputError(`The flow's ${name} must be ${list}, not ${describeValue(value)}.`);
}

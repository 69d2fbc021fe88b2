/** @file How sure a distance is, and how it depends on the number of videos. */

import { Random } from '../../core/random.ts';
import { frechetDistance, rooted } from '../../recognition/fvd/frechet.ts';
import { statisticsOf } from './sides.ts';

type Features = readonly Float64Array[];

const distanceOf = (real: Features, fake: Features): number =>
  frechetDistance(rooted(statisticsOf(real, 'the first set')), statisticsOf(fake, 'the second set')).distance;

interface Uncertainty {
  /** The distance ± 1.96 standard deviations of the draws: how far it moves with other videos of the same kind. */
  readonly interval: readonly [low: number, high: number];
  /** How much larger the draws are on the average: about as much as the distance is too large for so few videos. */
  readonly bias: number;
}

/**
 * By bootstrap (Efron 1979): both sets are drawn anew, with repeats. Quantiles of the draws would not do: a set with repeats is further
 * away than one without, and so the distance itself often lies outside of them.
 */
export function bootstrap(
  real: Features,
  fake: Features,
  distance: number,
  times: number,
  onProgress: (done: number, total: number) => void,
): Uncertainty {
  const random = new Random(0).fork('bootstrap');
  const drawn = (set: Features) => set.map(() => random.pick(set));
  const values = Array.from({ length: times }, (_, i) => {
    onProgress(i, times);
    return distanceOf(drawn(real), drawn(fake));
  });
  const mean = values.reduce((sum, value) => sum + value, 0) / times;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (times - 1));
  const half = 1.96 * deviation;
  return { interval: [Math.max(0, distance - half), distance + half], bias: mean - distance };
}

/** Numbers of videos at which a curve has its points. */
const POINTS = 8;

/** Distances between parts of both sets, drawn without repeats; the last point is that of as many as both have. */
export function overCounts(
  real: Features,
  fake: Features,
  onProgress: (done: number, total: number) => void,
): (readonly [videos: number, distance: number])[] {
  const most = Math.min(real.length, fake.length);
  const random = new Random(0).fork('counts');
  const [first, second] = [shuffled(real, random), shuffled(fake, random)];
  const least = Math.max(2, Math.min(16, Math.floor(most / 8)));
  const counts = Array.from({ length: POINTS }, (_, i) => Math.round(least * (most / least) ** (i / (POINTS - 1))));
  return [...new Set(counts)].map((count, i) => {
    onProgress(i, POINTS);
    return [count, distanceOf(first.slice(0, count), second.slice(0, count))] as const;
  });
}

function shuffled(set: Features, random: Random): Float64Array[] {
  const all = [...set];
  for (let i = all.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
}

/**
 * @file The one chooser of kernels: a time for each way of computing a node, from what it does (its `Work`) and how fast devices
 * of this kind are (device_rates.ts). Nothing else decides: no ranks, no names.
 */

import type { Accuracy, DeviceProfile } from '../core/kernel.ts';
import type { Work } from '../kernels/shared/work.ts';
import { type DeviceRates, deviceRates } from './device_rates.ts';
import type { Candidate, Runs, Surcharge } from './operator.ts';

/**
 * Microseconds that a dispatch takes once it has begun: its arithmetic at its rate or its bytes at the memory's, whichever is
 * longer, since kernels load the next values while they multiply; more where it leaves the device idle.
 */
function workTime(work: Work, rates: DeviceRates): number {
  const { arithmetic, share = 1, flops, bytes } = work;
  const busy = Math.max(flops / (rates.gflops[arithmetic] * share), bytes / rates.bandwidth);
  return (busy * pressure(work, rates) * idleness(work, rates)) / 1000;
}

/**
 * How many times as long as a thread takes that has all the registers it wants. With fewer, its compiler spills, or takes narrower
 * subgroups, or there are too few waves to hide what each of them waits for; all of it gets worse with what is missing.
 */
const pressure = ({ registers = 0 }: Work, { registers: most }: DeviceRates): number =>
  registers <= most ? 1 : (registers / most) ** 2;

/**
 * How many times as long as on a device that is full to the end. Below `filled`, what is missing is idle. Above it the last wave
 * is half empty: on average, since nobody says how large this very device is. A core of a processor does not care what others
 * do, and there are always enough workgroups for a few cores.
 */
function idleness({ workgroups, threads }: Work, { filled, filledBy }: DeviceRates): number {
  if (filledBy === 'workgroups') return 1;
  const waves = (workgroups * threads) / filled;
  if (waves <= 1) return 1 / waves;
  return 1 + (1 - 1 / waves) / (2 * waves);
}

/** Microseconds; infinite where a candidate does not say what it does, which it may where there is no other. */
export function estimate(
  { work, surcharges = [] }: Pick<Candidate, 'work' | 'surcharges'>,
  rates: DeviceRates,
  runs: Runs = 'few',
): number {
  if (!work) return Number.POSITIVE_INFINITY;
  const time = work.reduce((sum, dispatch) => sum + workTime(dispatch, rates), 0);
  const factor = surcharges.reduce(
    (product, { factor, once }) => (once && runs === 'many' ? product : product * factor),
    1,
  );
  // Equal up to rounding is equal: then the order in which they are listed decides.
  return Number((rates.dispatch * work.length + time * factor).toPrecision(6));
}

/** Best estimate first; of equal ones, the one that is listed first. */
export function bestFirst(candidates: readonly Candidate[], profile: DeviceProfile, runs: Runs = 'few'): Candidate[] {
  if (candidates.length < 2) return [...candidates];
  const rates = deviceRates(profile);
  return candidates
    .map((candidate) => ({ candidate, time: estimate(candidate, rates, runs) }))
    .sort((a, b) => (a.time === b.time ? 0 : a.time - b.time))
    .map(({ candidate }) => candidate);
}

/** For kernels that can do everything and nothing well: what others are checked against. */
export const LAST_RESORT: Surcharge = { factor: 1000, because: 'only where nothing else can' };

/** For a kernel that a network's other layers mostly have no use for: it has to be compiled for those that do. */
export function anotherShader(profile: DeviceProfile, sharedBy: 'several' | 'one'): Surcharge[] {
  const factor = deviceRates(profile).shader[sharedBy];
  return factor === 1 ? [] : [{ factor, because: 'has a shader that few layers share', once: true }];
}

/** A way of computing a node that could have been taken. */
export interface ConsideredKernel {
  /** The candidate's name. */
  readonly kernel: string;
  readonly accuracy: Accuracy;
  /** Microseconds that it is expected to take on a device of this kind; missing where nobody says, for want of another. */
  readonly estimate?: number;
  /** What counts against it beside its own time, in words that follow its name. */
  readonly against: readonly string[];
}

/** Candidates in words, in the same order. */
export function consideredKernels(
  candidates: readonly Candidate[],
  profile: DeviceProfile,
  runs: Runs = 'few',
): ConsideredKernel[] {
  const rates = deviceRates(profile);
  return candidates.map((candidate) => ({
    kernel: candidate.name,
    accuracy: candidate.accuracy,
    ...(candidate.work && { estimate: estimate(candidate, rates, runs) }),
    against: (candidate.surcharges ?? []).filter(({ once }) => !once || runs === 'few').map(({ because }) => because),
  }));
}

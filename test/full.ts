/**
 * @file What the full run has besides. Each shader takes a software driver seconds to compile, so the default run has every kind of
 * kernel, and of those that differ in the sizes of their tiles a few: `npm test -- --full` has all of them.
 */

export const FULL = process.env.I3D_TESTS === 'full';

/** For what only adds sizes to kinds that other cases have: everything in the full run, else nothing. */
export const whenFull = <T>(cases: readonly T[]): readonly T[] => (FULL ? cases : []);

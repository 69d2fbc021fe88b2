/** @file Errors whose message is meant for the person who made the call: one sentence, no stack trace needed. */

/**
 * What went wrong, for programs: each class of error has its own, which stays the same while messages may change, and survives a
 * bundler that renames classes, and the way from a worker to its page.
 */
export type ErrorCode =
  | 'invalid-input'
  | 'invalid-graph'
  | 'no-adapter'
  | 'gpu-validation'
  | 'gpu-out-of-memory'
  | 'device-lost'
  | 'disposed'
  | 'kernel-compile'
  | 'non-finite-logits'
  | 'load-failed'
  | 'training-diverged'
  | 'verification-failed';

/** Every error that this package throws on purpose. Callers may print `message` as it is. */
export abstract class I3dError extends Error {
  override name = 'I3dError';
  abstract readonly code: ErrorCode;
}

/**
 * A file or an argument that cannot be used. The message names it, says what is wrong and what would be right.
 */
export class InputError extends I3dError {
  override name = 'InputError';
  readonly code = 'invalid-input';
}

/** A graph that does not fit together. The message names the node. */
export class GraphError extends I3dError {
  override name = 'GraphError';
  readonly code = 'invalid-graph';
}

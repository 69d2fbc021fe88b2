/** @file Errors whose message is meant for the person who made the call: one sentence, no stack trace needed. */

/** Every error that this package throws on purpose. Callers may print `message` as it is. */
export class I3dError extends Error {
  override name = 'I3dError';
}

/**
 * A file or an argument that cannot be used. The message names it, says what is wrong and what would be right.
 */
export class InputError extends I3dError {
  override name = 'InputError';
}

/** A graph that does not fit together. The message names the node. */
export class GraphError extends I3dError {
  override name = 'GraphError';
}

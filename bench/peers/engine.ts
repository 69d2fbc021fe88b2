/** @file What an engine has to be able to do to be compared, wherever it runs. */

import type { Shape } from '../../src/core/tensor.ts';

export interface Engine {
  /** Name and version. */
  readonly version: string;
  /** One run, waited for, with its result in host memory. */
  run(): Promise<{ readonly data: Float32Array; readonly shape: Shape }>;
}

/** The first line of what was thrown. */
export const reason = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!;

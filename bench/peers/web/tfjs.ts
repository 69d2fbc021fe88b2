/** @file tfjs in a worker of a page. The entry that build.ts makes brings the package. */

import { type Tfjs, tfjsConvolution } from '../tfjs.ts';
import type { TfjsWork } from './messages.ts';
import { serve } from './serve.ts';

/** @param tf With its backend for WebGPU loaded. */
export const start = (tf: Tfjs): void => serve(({ shape }: TfjsWork) => tfjsConvolution(tf, shape));

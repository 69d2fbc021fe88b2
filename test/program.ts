/** @file The programs that `programs.ts` has built. */

import { join } from 'node:path';
import { inject } from 'vitest';

/** The path of a built program, such as `dist/cli/main.js`; `node` runs it. */
export const program = (
  name: 'bench/main.js' | 'dist/cli/main.js' | 'dist/node.js' | 'test/io/decode-all.js' | 'test/fuzz/process.js',
): string => join(inject('programs'), name);

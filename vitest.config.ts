import { defineConfig } from 'vitest/config';
import { HANG } from './test/limits.ts';
import LongFirst from './test/order.ts';

export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    // Processes, because a driver that crashes takes its process with it; two, because a software adapter uses every core.
    pool: 'forks',
    maxWorkers: 2,
    // Files share their worker's modules: loading them anew took as long as running most of the files.
    isolate: false,
    globalSetup: ['test/programs.ts'],
    sequence: { sequencer: LongFirst },
    // Against hangs only.
    testTimeout: HANG,
    hookTimeout: HANG,
    // In a pipe: one line for each file, and what failing tests printed.
    reporters: process.stdout.isTTY ? ['default'] : [['default', { summary: false }]],
    silent: 'passed-only',
  },
});

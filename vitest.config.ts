import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    // Processes, because a driver that crashes takes its process with it; two, because a software adapter uses every core.
    pool: 'forks',
    maxWorkers: 2,
    // A software adapter needs seconds for what a GPU does in milliseconds, and compiles each pipeline besides.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // In a pipe: one line for each file, and what failing tests printed.
    reporters: process.stdout.isTTY ? ['default'] : [['default', { summary: false }]],
    silent: 'passed-only',
  },
});

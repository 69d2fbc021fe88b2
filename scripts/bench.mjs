/** @file `npm run bench`: throughput of kernels and models. */

import { runTypeScript } from './lib/launch.mjs';
import { main } from './lib/report.mjs';
import { ensureAdapter, ensureDependencies } from './setup.mjs';

await main(async () => {
  ensureDependencies();
  await ensureAdapter();
  return runTypeScript('bench/main.ts', process.argv.slice(2));
});

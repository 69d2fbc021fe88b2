/** @file `npm run fuzz`: damaged files through every reader. */

import { runTypeScript } from './lib/launch.mjs';
import { main } from './lib/report.mjs';
import { ensureDependencies } from './setup.mjs';

await main(() => {
  ensureDependencies();
  return runTypeScript('test/fuzz/main.ts', process.argv.slice(2));
});

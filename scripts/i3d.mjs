/** @file `npm run i3d -- <command>`: the command line from a checkout, without building. */

import { runTypeScript } from './lib/launch.mjs';
import { main } from './lib/report.mjs';
import { ensureAdapter, ensureDependencies } from './setup.mjs';

await main(() => {
  ensureDependencies();
  ensureAdapter();
  return runTypeScript('src/cli/main.ts', process.argv.slice(2));
});

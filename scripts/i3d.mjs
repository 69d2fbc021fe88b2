/** @file `npm run i3d -- <command>`: the command line from a checkout, without building. */

import { runCommandLine } from './lib/launch.mjs';
import { main } from './lib/report.mjs';
import { ensureAdapter, ensureDependencies } from './setup.mjs';

await main(() => {
  ensureDependencies();
  return runCommandLine(process.argv.slice(2), ensureAdapter());
});

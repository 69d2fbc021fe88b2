/** @file `npm start`: sets up what is missing, then runs the demonstration. */

import { runCommandLine } from './lib/launch.mjs';
import { main } from './lib/report.mjs';
import { ensureAdapter, ensureDependencies } from './setup.mjs';

await main(() => {
  ensureDependencies();
  return runCommandLine(['demo', ...process.argv.slice(2)], ensureAdapter());
});

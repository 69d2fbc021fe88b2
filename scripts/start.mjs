/** @file `npm start`: sets up what is missing, then runs the demonstration. */

import { runTypeScript } from './lib/launch.mjs';
import { main } from './lib/report.mjs';
import { ensureAdapter, ensureDependencies } from './setup.mjs';

await main(() => {
  ensureDependencies();
  ensureAdapter();
  return runTypeScript('src/cli/main.ts', ['demo', ...process.argv.slice(2)]);
});

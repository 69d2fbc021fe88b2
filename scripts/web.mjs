/** @file `npm run web`: sets up what is missing, then serves the pages; `npm run web:build` writes them into web/dist. */

import { runVite } from './lib/launch.mjs';
import { main } from './lib/report.mjs';
import { ensureDependencies } from './setup.mjs';

await main(() => {
  ensureDependencies();
  return runVite(process.argv.slice(2));
});

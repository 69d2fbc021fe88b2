/** @file `npm test`: sets up what is missing, a browser included, then runs the tests; `npm test -- test/io` runs some. */

import { runVitest } from './lib/launch.mjs';
import { main } from './lib/report.mjs';
import { ensureAdapter, ensureBrowser, ensureDependencies } from './setup.mjs';

await main(() => {
  ensureDependencies();
  ensureAdapter();
  const browser = ensureBrowser();
  return runVitest(process.argv.slice(2), browser ? { CHROME_PATH: browser } : {});
});

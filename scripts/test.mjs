/**
 * @file `npm test`: sets up what is missing, a browser included, then runs the tests; `npm test -- test/io` runs some,
 * `npm test -- --full` all sizes of everything.
 */

import { runVitest } from './lib/launch.mjs';
import { main } from './lib/report.mjs';
import { ensureAdapter, ensureBrowser, ensureDependencies } from './setup.mjs';

await main(async () => {
  ensureDependencies();
  await ensureAdapter();
  const browser = ensureBrowser();
  const args = process.argv.slice(2);
  const full = args.includes('--full');
  return runVitest(
    args.filter((arg) => arg !== '--full'),
    { ...(browser ? { CHROME_PATH: browser } : {}), ...(full ? { I3D_TESTS: 'full' } : {}) },
  );
});

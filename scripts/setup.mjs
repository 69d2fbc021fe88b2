/**
 * @file Everything that the project needs before it can run, in plain Node: npm packages, a WebGPU adapter and, for the tests,
 * a browser. Each step says nothing when its work is done already. `node scripts/setup.mjs` does them all.
 */

import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ensureAdapter } from './lib/adapter.mjs';
import { ensureBrowser } from './lib/browser.mjs';
import { ensureDependencies } from './lib/dependencies.mjs';
import { main } from './lib/report.mjs';

export { ensureAdapter, ensureBrowser, ensureDependencies };

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main(async () => {
    ensureDependencies();
    await ensureAdapter();
    ensureBrowser();
  });
}

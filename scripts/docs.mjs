/** @file `npm run docs`: writes those files of docs/ that follow from the sources. */

import { runTypeScript } from './lib/launch.mjs';
import { main } from './lib/report.mjs';
import { ensureDependencies } from './setup.mjs';

await main(() => {
  ensureDependencies();
  return runTypeScript('test/docs/main.ts', []);
});

/** @file `npm run build`: writes `dist/`, what users install. */

import { buildPackage } from './lib/build.mjs';
import { main } from './lib/report.mjs';
import { ensureDependencies } from './setup.mjs';

await main(async () => {
  ensureDependencies();
  await buildPackage();
});

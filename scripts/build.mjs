/** @file `npm run build`: writes `dist/`, what users install; with `--folder DIR` that of a copy of the sources. */

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPackage } from './lib/build.mjs';
import { main } from './lib/report.mjs';
import { ensureDependencies } from './setup.mjs';

await main(async () => {
  const { folder } = parseArgs({ options: { folder: { type: 'string' } } }).values;
  ensureDependencies();
  await buildPackage(folder && resolve(folder));
});

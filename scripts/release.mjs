/**
 * @file `npm run release`: builds from an empty dist/ and packs what users install into out/, for `npm publish <file>`.
 * Plain `npm pack` would take whatever dist/ happens to hold: .npmrc turns lifecycle scripts off, `prepack` among them.
 */

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildPackage } from './lib/build.mjs';
import { npm } from './lib/npm.mjs';
import { root } from './lib/paths.mjs';
import { main, notice, SetupError } from './lib/report.mjs';
import { ensureDependencies } from './setup.mjs';

await main(async () => {
  ensureDependencies();
  await buildPackage();

  const { bin, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const exported = Object.values(exports).flatMap((entry) =>
    typeof entry === 'string' ? entry : Object.values(entry),
  );
  const promised = [...Object.values(bin), ...exported].map((path) => path.replace(/\*$/, ''));
  const missing = promised.filter((path) => !existsSync(join(root, path)));
  if (missing.length > 0) {
    throw new SetupError(
      `package.json names ${missing.join(', ')}, which the build did not make, so nothing was packed.`,
    );
  }

  mkdirSync(join(root, 'out'), { recursive: true });
  const packed = npm(['pack', '--pack-destination', 'out', '--loglevel=error']);
  if (packed.status !== 0) throw new SetupError(`"npm pack" failed: ${packed.stderr.trim()}`);
  notice(`Packed out/${packed.stdout.trim()}`);
});

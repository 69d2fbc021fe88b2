/**
 * @file NaN on SwiftShader, the software adapter that Chromium brings along, whose compiler is another than Mesa's. A file of its
 * own, since the variable that names a driver holds for all devices of the process.
 */

import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserPath } from '../browser/page_runner.ts';
import { testGpu } from '../harness.ts';
import { testConvolutions, testOperators } from './nan_table.ts';

/** Beside the browser, or where distributions put it. */
const driver = [...(browserPath ? [dirname(realpathSync(browserPath))] : []), '/usr/lib/chromium', '/opt/google/chrome']
  .map((folder) => join(folder, 'vk_swiftshader_icd.json'))
  .find((path) => existsSync(path));

describe.skipIf(!driver)('on SwiftShader', () => {
  const before = process.env.VK_DRIVER_FILES;
  beforeAll(() => {
    process.env.VK_DRIVER_FILES = driver;
  });
  // The next file of this process wants the usual driver.
  afterAll(() => {
    if (before === undefined) delete process.env.VK_DRIVER_FILES;
    else process.env.VK_DRIVER_FILES = before;
  });
  const gpu = testGpu();

  it('is what the tests run on', () => expect(gpu().profile.description).toContain('SwiftShader'));
  testOperators(gpu);
  // It takes from seconds to minutes to compile the others, whose epilogues are the same.
  testConvolutions(gpu, (name) => !/tiled|split-k|winograd 2×2×2/.test(name) || name === 'tiled 32×32×32 4×4');
});

if (!driver) console.log('No SwiftShader was found beside a browser: its tests of NaN are skipped.');

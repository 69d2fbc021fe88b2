/**
 * @file Reference data that is not part of the repository: tests that need it look in `../shared` and are skipped,
 * with a line that says so, where it is missing.
 */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';

const ROOT = fileURLToPath(new URL('../../shared/', import.meta.url));

/** The path of a file or folder of the reference data, or undefined where it is missing. */
export function shared(path: string): string | undefined {
  const full = ROOT + path;
  return existsSync(full) ? full : undefined;
}

/** `describe`, skipped unless all of `paths` exist; `body` receives their full paths. */
export function describeWithShared<const Paths extends readonly string[]>(
  name: string,
  paths: Paths,
  body: (...found: { [K in keyof Paths]: string }) => void,
): void {
  const missing = paths.find((path) => shared(path) === undefined);
  if (missing === undefined) describe(name, () => body(...(paths.map((path) => ROOT + path) as never)));
  else describe.skip(`${name} (skipped: ../shared/${missing} is missing)`, () => {});
}

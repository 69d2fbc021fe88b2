import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { HANG } from '../limits.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

it('npm run i3d runs one file of JavaScript, which is made once', async () => {
  const scripts = await import(new URL('../../scripts/lib/bundle.mjs', import.meta.url).href);
  const bundle: (program: string) => Promise<string> = scripts.bundle;
  const path = await bundle('src/cli/main.ts');
  const made = statSync(path).mtimeMs;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['scripts/i3d.mjs', 'inspect', 'no-such-model', '--debug'],
    {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: HANG,
    },
  );
  expect(stdout).toBe('');
  expect(status).toBe(1);
  // Where something fails is told by the sources.
  expect(stderr).toMatch(/src[\\/]cli[\\/]\S+\.ts:\d+/);
  expect(await bundle('src/cli/main.ts')).toBe(path);
  expect(statSync(path).mtimeMs).toBe(made);
});

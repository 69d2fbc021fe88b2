/** @file Files that can be made again, kept in a folder. Node only. */

import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from '../../io/atomic.ts';

/** What a killed run left of a file that it was writing, after so many milliseconds. */
const STALE = 24 * 3600 * 1000;

/** `$XDG_CACHE_HOME/i3d-webgpu/clips`, in `~/.cache` where that is not set. */
export function defaultClipCache(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'i3d-webgpu', 'clips');
}

/**
 * Keeps files under their names. Nothing depends on it: what cannot be read counts as missing, and where writing fails (a full
 * disk, a folder that may not be written to) that is said once and nothing more is kept.
 */
export class DiskCache {
  private ready: Promise<void> | undefined;
  private broken = false;

  constructor(
    private readonly folder: string,
    private readonly onWarning: (message: string) => void,
  ) {}

  async read(name: string): Promise<Uint8Array | undefined> {
    return readFile(join(this.folder, name)).catch(() => undefined);
  }

  async write(name: string, contents: Uint8Array): Promise<void> {
    if (this.broken) return;
    try {
      this.ready ??= this.prepare();
      await this.ready;
      await writeFileAtomic(join(this.folder, name), contents);
    } catch (error) {
      if (this.broken) return;
      this.broken = true;
      const reason = error instanceof Error ? error.message.replace(/\.?$/, '.') : String(error);
      this.onWarning(`Decoded clips and flow are not kept from here on, and made again when needed: ${reason}`);
    }
  }

  private async prepare(): Promise<void> {
    await makeFolder(this.folder);
    for (const name of await readdir(this.folder)) {
      if (!/^\..+\.part$/.test(name)) continue;
      const path = join(this.folder, name);
      const changed = (await stat(path).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY;
      if (Date.now() - changed > STALE) await rm(path, { force: true });
    }
  }
}

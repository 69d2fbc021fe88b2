/** @file Weights in the browser's own storage (the origin's private file system): a folder each, with what is known of them. */

import { InputError } from '../../src/core/errors.ts';
import type { WeightsEntry } from './protocol.ts';

const FOLDER = 'weights';
const ABOUT = 'about.json';
/** Bytes that are written at once. */
const PIECE = 4 << 20;

/** Only workers may write synchronously, which is what every browser has. */
interface SyncAccess {
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}
type Writable = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccess> };
type Listable = FileSystemDirectoryHandle & { values(): AsyncIterable<FileSystemHandle> };

export class Keep {
  /** What is kept; none where the browser has no such storage. */
  async list(): Promise<WeightsEntry[]> {
    const found: WeightsEntry[] = [];
    const folder = await root(false);
    if (!folder) return found;
    for await (const handle of folder.values()) {
      if (handle.kind !== 'directory') continue;
      try {
        const about = await (handle as FileSystemDirectoryHandle).getFileHandle(ABOUT);
        found.push(JSON.parse(await (await about.getFile()).text()));
      } catch {
        // Its description is written last: what has none was not finished.
        await folder.removeEntry(handle.name, { recursive: true });
      }
    }
    return found;
  }

  async files(id: string): Promise<File[]> {
    const folder = (await (await root(false))?.getDirectoryHandle(id)) as Listable | undefined;
    const files: File[] = [];
    for await (const handle of folder?.values() ?? []) {
      if (handle.kind === 'file' && handle.name !== ABOUT) files.push(await (handle as FileSystemFileHandle).getFile());
    }
    if (files.length === 0)
      throw new InputError('These weights are no longer in the browser’s storage; add them again.');
    return files;
  }

  /** @throws InputError when there is no room. */
  async put(
    entry: WeightsEntry,
    files: readonly File[],
    signal: AbortSignal,
    onProgress: (done: number, total: number) => void,
  ): Promise<void> {
    try {
      const folder = await (await root(true))!.getDirectoryHandle(entry.id, { create: true });
      let done = 0;
      for (const file of files) {
        await write(folder, file.name, file, signal, (bytes) => {
          done += bytes;
          onProgress(done, entry.bytes);
        });
      }
      await write(folder, ABOUT, new Blob([JSON.stringify(entry)]), signal, () => undefined);
    } catch (error) {
      await this.remove(entry.id).catch(() => undefined);
      signal.throwIfAborted();
      const reason = error instanceof Error ? error.message.trim().replace(/\.$/, '') : String(error);
      throw new InputError(
        `${entry.name} can be used, but the browser does not keep it (${reason}); free some of its storage and add it again.`,
      );
    }
  }

  async remove(id: string): Promise<void> {
    await (await root(false))?.removeEntry(id, { recursive: true });
  }
}

async function root(create: boolean): Promise<Listable | undefined> {
  try {
    const storage = await navigator.storage.getDirectory();
    return (await storage.getDirectoryHandle(FOLDER, { create })) as Listable;
  } catch (error) {
    if (create) throw error;
    return undefined;
  }
}

async function write(
  folder: FileSystemDirectoryHandle,
  name: string,
  contents: Blob,
  signal: AbortSignal,
  onProgress: (bytes: number) => void,
): Promise<void> {
  const handle = (await folder.getFileHandle(name, { create: true })) as Writable;
  const access = await handle.createSyncAccessHandle();
  try {
    access.truncate(0);
    for (let at = 0; at < contents.size; at += PIECE) {
      signal.throwIfAborted();
      const piece = new Uint8Array(await contents.slice(at, at + PIECE).arrayBuffer());
      if (access.write(piece, { at }) < piece.length) throw new Error('there is no room left');
      onProgress(piece.length);
    }
    access.flush();
  } finally {
    access.close();
  }
}

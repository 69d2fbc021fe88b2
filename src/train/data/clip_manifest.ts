/** @file What a run remembers of its clips, so that one that goes on can tell whether they are the same. Node only. */

import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import { asList } from './clip.ts';
import type { ClipCache } from './clip_cache.ts';
import type { PreparedSet } from './prepare.ts';

/** What a clip is to a run: its part, its class, the number of its frames, and a hash of what they show. */
type ClipFacts = readonly [split: string, className: string, frames: number, contents: string];

/** JSON. */
export interface ClipManifest {
  /** Of all of it: batches depend upon the order of clips, too. */
  readonly digest: string;
  /** By path, relative to the data set, so that a set may be moved. */
  readonly files: Readonly<Record<string, ClipFacts>>;
}

/** @throws InputError when a clip can no longer be read. */
export async function clipManifest(set: PreparedSet, cache: ClipCache): Promise<ClipManifest> {
  const entries: [string, ClipFacts][] = [];
  for (const clip of set.clips) {
    const { data } = await cache.frames(clip);
    const path = clip.load ? clip.path : relative(set.source, clip.path);
    entries.push([path, [clip.split, set.classes[clip.label]!, clip.frames, hash(data).slice(0, 12)]]);
  }
  return { digest: hash(JSON.stringify(entries)).slice(0, 16), files: Object.fromEntries(entries) };
}

const hash = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');

/** What has changed, as a clause; undefined where nothing has. */
export function clipChanges(before: ClipManifest, now: ClipManifest): string | undefined {
  if (before.digest === now.digest) return undefined;
  const gone: string[] = [];
  const moved: string[] = [];
  const changed: string[] = [];
  for (const [path, [split, className, frames, contents]] of Object.entries(before.files)) {
    const found = Object.hasOwn(now.files, path) ? now.files[path] : undefined;
    if (!found) gone.push(path);
    else if (found[0] !== split || found[1] !== className) moved.push(path);
    else if (found[2] !== frames || found[3] !== contents) changed.push(path);
  }
  const added = Object.keys(now.files).filter((path) => !Object.hasOwn(before.files, path));
  const kinds: [string[], string][] = [
    [added, 'new'],
    [gone, 'gone'],
    [moved, 'of another class or part'],
    [changed, 'other in what they show'],
  ];
  const said = kinds.flatMap(([paths, what]) =>
    paths.length > 0 ? [`${paths.length} ${what} (${asList(paths)})`] : [],
  );
  return said.length > 0 ? said.join(', ') : 'the same ones in another order';
}

/** @file One cache for all streams that look at clips in the same way. Node only. */

import type { Gpu } from '../../gpu/device.ts';
import type { ModelSpec } from '../../models/definition.ts';
import { ClipCache } from './clip_cache.ts';

export interface ClipCachesOptions {
  /** The user's cache folder where left out. */
  readonly folder?: string | undefined;
  gpu(): Promise<Gpu>;
  onWarning(message: string): void;
}

/** The cache of the clips that a model takes. */
export type ClipCaches = (spec: ModelSpec) => ClipCache;

export function clipCaches(options: ClipCachesOptions): ClipCaches {
  const caches = new Map<string, ClipCache>();
  return ({ shortSide, fps, flowPreset }) => {
    const key = JSON.stringify([shortSide, fps, flowPreset]);
    const cache = caches.get(key) ?? new ClipCache({ ...options, shortSide, fps, preset: flowPreset });
    caches.set(key, cache);
    return cache;
  };
}

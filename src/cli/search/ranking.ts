/** @file The windows of clips by how well they go with a text. */

import type { IndexedClip, IndexedWindow } from './clip_index.ts';

export interface Hit extends IndexedWindow {
  /** From 1 on. */
  readonly rank: number;
  readonly path: string;
  /** Seconds from the beginning of the clip. */
  readonly from: number;
  readonly to: number;
  /** The product of both points. */
  readonly score: number;
}

/** The best windows of all clips, the best one first; of equals those of earlier clips. */
export function rank(clips: readonly IndexedClip[], text: Float32Array, top: number): Hit[] {
  const hits = clips.flatMap(({ path, fps, windows, points: { data } }) =>
    windows.map(({ start, frames }, i) => {
      let score = 0;
      for (const [k, value] of text.entries()) score += value * data[i * text.length + k]!;
      return { path, start, frames, from: start / fps, to: (start + frames) / fps, score };
    }),
  );
  hits.sort((a, b) => b.score - a.score);
  return hits.slice(0, top).map((hit, i) => ({ rank: i + 1, ...hit }));
}

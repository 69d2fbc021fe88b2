/** @file What a labelled clip is, and a set of them. */

import type { HostTensor } from '../../core/tensor.ts';

export type Split = 'train' | 'test';

/** Where the frames of a clip come from. */
export interface ClipSource {
  /** The file, or a name of its own for a clip that is not one. Unique in its set. */
  readonly path: string;
  /** Makes the frames, T×H×W×3, of a clip that is no file; the same ones every time. */
  readonly load?: () => Promise<HostTensor<'u8'>>;
  /** With `load`: something that changes whenever the frames do. Without it they are made again by every run. */
  readonly fingerprint?: () => string;
}

export interface LabelledClip extends ClipSource {
  /** Index into the set's classes. */
  readonly label: number;
  readonly split: Split;
}

export interface ClipSet {
  /** The folder or file that it was read from, for messages. */
  readonly source: string;
  readonly classes: readonly string[];
  /** In an order that depends on names only. */
  readonly clips: readonly LabelledClip[];
}

/** A clip whose class is still a name. */
export interface NamedClip {
  readonly path: string;
  readonly className: string;
  readonly split: Split;
}

/** Code units, so that no language setting changes the order of classes. */
export const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Some names of many. */
export function asList(names: readonly string[], most = 3): string {
  return names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
}

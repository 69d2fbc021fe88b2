/** @file Files that the page hands to its visitor. */

import { h } from './dom.ts';

/** Saves a file into the folder for downloads, or asks where to, as the browser does. */
export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  h('a', { href: url, download: name }).click();
  // The download has begun by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

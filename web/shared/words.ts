/** @file Numbers as a page writes them. */

/** `1:02.5` */
export function clock(seconds: number): string {
  const tenths = Math.floor(seconds * 10 + 1e-6);
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, '0')}.${tenths % 10}`;
}

/** `0.35 s`, `12 s` */
export const duration = (seconds: number): string => `${seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(0)} s`;

/** `97 %`, `4.2 %` */
export function percent(share: number): string {
  const whole = share > 0.0995 || share < 0.0005;
  return `${whole ? Math.round(100 * share) : (100 * share).toFixed(1)} %`;
}

/** `12 MB` */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

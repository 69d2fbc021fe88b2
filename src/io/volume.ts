/** @file Medical volumes as clips: slices one after the other, in grey, or what changed between two scans in colours. Node only. */

import { fileError } from './bytes.ts';
import { type ClipFrame, type ClipOptions, type FrameSource, nominalRate, windowLength } from './clip.ts';
import { readScan, type Scan } from './nifti.ts';

const VOLUME = String.raw`\.nii(?:\.gz)?`;
const ONE = new RegExp(`${VOLUME}$`, 'i');
const TWO = new RegExp(`^(.+${VOLUME}):(.+${VOLUME})$`, 'i');

export const isVolumePath = (path: string): boolean => ONE.test(path);

/** Both parts of `before.nii.gz:after.nii.gz`; undefined for any other path. */
export function scanPair(path: string): readonly [before: string, after: string] | undefined {
  const [, before, after] = TWO.exec(path) ?? [];
  return before !== undefined && after !== undefined ? [before, after] : undefined;
}

/** Voxels of two scans may differ in size by so much of it: affines are rounded. */
const SPACING_SLACK = 0.01;

/**
 * Slices of a volume as frames, as `readScan` turns them; values of its window become black to white. Of `before.nii:after.nii`, slices of both
 * by the window of the first: red is the earlier one, green the later one, and blue half their difference around 128.
 * @throws InputError as `readScan` does, and for two scans that do not lie on one grid.
 */
export async function openVolume(path: string, options: ClipOptions): Promise<FrameSource> {
  const pair = scanPair(path);
  if (!pair) {
    const scan = await readScan(path);
    return slicesOf(scan, greyOf(scan), options);
  }
  const [before, after] = [await readScan(pair[0]), await readScan(pair[1])];
  checkGrids(pair, before, after);
  return slicesOf(before, changeOf(before, after), options);
}

/** H×W×3 bytes of a slice. */
type Slice = (index: number) => Uint8Array;

/** 0 … 255 by the window of a scan; what is no number is black, as outside of the picture. */
const bytesBy =
  ({ window: [black, white] }: Scan) =>
  (value: number): number => {
    const share = (value - black) / (white - black);
    return share > 0 ? Math.round(255 * Math.min(1, share)) : 0;
  };

function greyOf(scan: Scan): Slice {
  const byte = bytesBy(scan);
  return (index) => {
    const values = scan.slice(index);
    const data = new Uint8Array(values.length * 3);
    for (const [i, value] of values.entries()) data.fill(byte(value), 3 * i, 3 * i + 3);
    return data;
  };
}

function changeOf(before: Scan, after: Scan): Slice {
  const byte = bytesBy(before);
  return (index) => {
    const later = after.slice(index);
    const data = new Uint8Array(later.length * 3);
    for (const [i, value] of before.slice(index).entries()) {
      const [red, green] = [byte(value), byte(later[i]!)];
      data.set([red, green, Math.min(255, Math.round(128 + (green - red) / 2))], 3 * i);
    }
    return data;
  };
}

function checkGrids([first, second]: readonly [string, string], before: Scan, after: Scan): void {
  const sizes = [before, after].map(({ width, height, slices }) => `${width}×${height}×${slices}`);
  const spacings = [before, after].map(({ spacing }) =>
    spacing.map((length) => Number(length.toPrecision(3))).join('×'),
  );
  const apart = before.spacing.some(
    (length, axis) => Math.abs(after.spacing[axis]! - length) > SPACING_SLACK * Math.max(length, after.spacing[axis]!),
  );
  if (sizes[0] === sizes[1] && !apart) return;
  const [one, other] = sizes[0] === sizes[1] ? spacings.map((each) => `voxels of ${each}`) : sizes;
  throw fileError(
    `${second} does not lie on the grid of ${first}: it has ${other} where that has ${one}; register one to the other first.`,
  );
}

function slicesOf({ width, height, slices }: Scan, slice: Slice, options: ClipOptions): FrameSource {
  const fps = nominalRate(options);
  const { start = 0 } = options;
  const count = windowLength(slices, options);
  async function* frames(): AsyncGenerator<ClipFrame, void, undefined> {
    for (let t = start; t < start + count; t++) {
      options.signal?.throwIfAborted();
      const data = slice(t);
      options.onProgress?.(t - start + 1);
      yield { data, width, height, time: t / fps };
    }
  }
  return {
    kind: 'volume',
    width,
    height,
    fps,
    sourceFps: fps,
    expectedFrames: count,
    frames,
    warnings: () => [],
    close: async () => undefined,
  };
}

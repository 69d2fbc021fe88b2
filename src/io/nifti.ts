/** @file Medical volumes in NIfTI-1 files, turned to how they are seen. Format: the NIfTI-1 header, nifti1.h. Node only. */

import { open, readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { fileError } from './bytes.ts';

const HEADER_BYTES = 348;
/** Of NIfTI-2. */
const SECOND_HEADER_BYTES = 540;
/** More than this in memory is no slice-by-slice clip any more. */
const MOST_BYTES = 2 ** 31 - 1;
/** Values below and above these shares of all are black and white, where the file does not say which are. */
const [DARKEST, BRIGHTEST] = [0.01, 0.99];
/** So many values tell the shares. */
const SAMPLED = 2 ** 20;

type Reader = (view: DataView, at: number, little: boolean) => number;

/** By NIfTI's number of the type. */
const TYPES: Readonly<Record<number, { readonly bytes: number; readonly read: Reader }>> = {
  2: { bytes: 1, read: (view, at) => view.getUint8(at) },
  4: { bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  8: { bytes: 4, read: (view, at, little) => view.getInt32(at, little) },
  16: { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) },
  64: { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
  256: { bytes: 1, read: (view, at) => view.getInt8(at) },
  512: { bytes: 2, read: (view, at, little) => view.getUint16(at, little) },
  768: { bytes: 4, read: (view, at, little) => view.getUint32(at, little) },
  1024: { bytes: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  1280: { bytes: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
};

interface Header {
  readonly little: boolean;
  /** Voxels along i, j and k. */
  readonly size: readonly [number, number, number];
  readonly type: (typeof TYPES)[number];
  readonly start: number;
  readonly slope: number;
  readonly intercept: number;
  /** Values that are black and white; undefined where the file does not say. */
  readonly window: readonly [black: number, white: number] | undefined;
  /** What each voxel axis does to the patient's right, front and head: rows of the affine. */
  readonly affine: readonly (readonly [number, number, number])[];
}

/** For each axis of the clip, which voxel axis it is and whether it runs backwards. */
interface Axis {
  readonly of: 0 | 1 | 2;
  readonly backwards: boolean;
}

/** A volume as it is seen: the patient's right is on the left, the front above, and slices go from the feet to the head. */
export interface Scan {
  /** Voxels. */
  readonly width: number;
  readonly height: number;
  readonly slices: number;
  /** Of a voxel, in the units of the affine, mostly millimetres: its width and height, and from slice to slice. */
  readonly spacing: readonly [x: number, y: number, slice: number];
  /** Values that become black and white. */
  readonly window: readonly [black: number, white: number];
  /** The values of a slice, row by row; not finite where there is none. */
  slice(index: number): Float64Array;
}

/**
 * Reads a volume. It is turned to the nearest axes by the file's affine (sform, else qform), not resampled; without one, voxels run to the
 * right, the front and the head. Its window goes from `cal_min` to `cal_max`; where the file does not say, from the first percent to the last.
 * @throws InputError when the file is no NIfTI-1, is damaged or cut short, holds several volumes, values that are no single numbers, or says no
 *   orientation with its affine.
 */
export async function readScan(path: string): Promise<Scan> {
  const bytes = await readVolume(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(view, path);
  const { size, affine } = header;
  const axes = orientation(affine);
  const [width, height, slices] = axes.map(({ of }) => size[of]) as [number, number, number];
  const value = (i: number, j: number, k: number): number => {
    const at = header.start + ((k * size[1] + j) * size[0] + i) * header.type.bytes;
    return header.type.read(view, at, header.little) * header.slope + header.intercept;
  };
  return {
    width,
    height,
    slices,
    spacing: axes.map(({ of }) => Math.hypot(...affine.map((row) => row[of]))) as [number, number, number],
    window: header.window ?? percentiles(size, value, path),
    slice(index) {
      const values = new Float64Array(width * height);
      const place: [number, number, number] = [0, 0, 0];
      const put = ({ of, backwards }: Axis, at: number) => {
        place[of] = backwards ? size[of] - 1 - at : at;
      };
      put(axes[2], index);
      for (let y = 0, to = 0; y < height; y++) {
        put(axes[1], y);
        for (let x = 0; x < width; x++) {
          put(axes[0], x);
          values[to++] = value(...place);
        }
      }
      return values;
    },
  };
}

/** @throws InputError for a part of a volume that lies in two files, `.hdr` and `.img`, as Analyze 7.5 and some NIfTI-1 do. */
export async function refusePair(path: string): Promise<void> {
  if (!/\.(hdr|img)$/i.test(path)) return;
  const header = await open(path.replace(/img$/, 'hdr').replace(/IMG$/, 'HDR')).catch(() => undefined);
  try {
    const { buffer } = (await header?.read(Buffer.alloc(4), 0, 4, 0)) ?? {};
    if (buffer?.readInt32LE() !== HEADER_BYTES && buffer?.readInt32BE() !== HEADER_BYTES) return;
  } finally {
    await header?.close();
  }
  throw fileError(`${path} is one of the two files of a volume, .hdr and .img; save both as one .nii.`);
}

async function readVolume(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw fileError(`${path} cannot be read (${cause.code}); give a .nii or .nii.gz file.`);
  });
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST_BYTES });
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
        ? 'is larger than 2 GiB'
        : 'is damaged or cut short';
    throw fileError(`${path} ${reason}: it cannot be unpacked.`);
  }
}

function readHeader(view: DataView, path: string): Header {
  const none = () => fileError(`${path} is no NIfTI-1 file: it does not begin with its header.`);
  if (view.byteLength < HEADER_BYTES + 4) throw none();
  const little = view.getInt32(0, true) === HEADER_BYTES;
  if (!little && view.getInt32(0, false) !== HEADER_BYTES) {
    const isSecond = [true, false].some((order) => view.getInt32(0, order) === SECOND_HEADER_BYTES);
    throw isSecond ? fileError(`${path} is a NIfTI-2 file; save it as NIfTI-1.`) : none();
  }
  const short = (at: number) => view.getInt16(at, little);
  const float = (at: number) => view.getFloat32(at, little);
  const magic = String.fromCharCode(...[344, 345, 346].map((at) => view.getUint8(at)));
  if (magic === 'ni1') throw fileError(`${path} has its voxels in another file; save both as one .nii.`);
  if (magic !== 'n+1') throw none();
  const rank = short(40);
  const extents = Array.from({ length: 7 }, (_, i) => (i < rank ? short(42 + 2 * i) : 1));
  if (rank < 2 || rank > 7 || extents.some((extent) => extent < 1)) {
    throw fileError(`${path} is damaged: its header has the impossible size ${extents.join('×')}.`);
  }
  const volumes = extents.slice(3).reduce((product, extent) => product * extent, 1);
  if (volumes > 1) {
    throw fileError(
      `${path} holds ${volumes} volumes; save the one that is meant by itself, ${extents.slice(0, 3).join('×')}.`,
    );
  }
  const type = TYPES[short(70)];
  if (!type) throw fileError(`${path} holds voxels of NIfTI type ${short(70)}, which are no single real numbers.`);
  const size = extents.slice(0, 3) as [number, number, number];
  const start = Math.max(HEADER_BYTES + 4, float(108));
  const needed = start + size[0] * size[1] * size[2] * type.bytes;
  if (!(needed <= view.byteLength)) {
    throw fileError(
      `${path} is cut short: ${size.join('×')} voxels need ${needed} bytes, and there are ${view.byteLength}.`,
    );
  }
  const scaled = Number.isFinite(float(112)) && float(112) !== 0;
  const [white, black] = [float(124), float(128)];
  return {
    little,
    size,
    type,
    start,
    slope: scaled ? float(112) : 1,
    intercept: scaled && Number.isFinite(float(116)) ? float(116) : 0,
    window: white > black ? [black, white] : undefined,
    affine: readAffine(short, float, path),
  };
}

type Row = readonly [number, number, number];

/** Rows: right, front, head; columns: i, j, k. */
function readAffine(short: (at: number) => number, float: (at: number) => number, path: string): Header['affine'] {
  if (short(254) > 0) {
    const rows = [280, 296, 312].map((at) => [float(at), float(at + 4), float(at + 8)] as const);
    return checkAffine(rows, 'sform', path);
  }
  const turned = short(252) > 0;
  const [b, c, d] = turned ? ([float(256), float(260), float(264)] as const) : ([0, 0, 0] as const);
  const a = Math.sqrt(Math.max(0, 1 - b * b - c * c - d * d));
  const turn = [
    [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
    [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
    [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
  ];
  // pixdim[0] is −1 where the third axis runs against the right-handed rule.
  const handed = turned && float(76) < 0 ? -1 : 1;
  const sized = [80, 84, 88].map((at, i) => (Math.abs(float(at)) || 1) * (i === 2 ? handed : 1));
  const rows = turn.map((row) => [row[0]! * sized[0]!, row[1]! * sized[1]!, row[2]! * sized[2]!] as const);
  return checkAffine(rows, 'qform', path);
}

/** Volumes of axes that lie in a plane are smaller than this share of their product. */
const FLAT = 1e-3;

/** @throws InputError when the axes of voxels do not span space: any way to turn the volume would be a guess. */
function checkAffine(rows: Header['affine'], name: string, path: string): Header['affine'] {
  const [a, b, c] = rows as [Row, Row, Row];
  const volume = Math.abs(
    a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0]),
  );
  const lengths = ([0, 1, 2] as const).map((of) => Math.hypot(...rows.map((row) => row[of])));
  if (volume > FLAT * lengths.reduce((product, length) => product * length, 1)) return rows;
  throw fileError(
    `${path} does not say how it lies: its ${name} is ${rows.map((row) => row.join(' ')).join(', ')}; set its orientation anew.`,
  );
}

/** Columns, rows and frames of the clip. */
function orientation(affine: Header['affine']): [Axis, Axis, Axis] {
  const axes = [0, 1, 2] as const;
  // Head first: the pairs of axes that agree best, none of them twice.
  const lengths = axes.map((of) => Math.hypot(...affine.map((row) => row[of])) || 1);
  const free = new Set<0 | 1 | 2>(axes);
  const found = new Map<number, Axis>();
  const pairs = axes
    .flatMap((world) => axes.map((of) => ({ world, of, cosine: affine[world]![of] / lengths[of]! })))
    .sort((p, q) => Math.abs(q.cosine) - Math.abs(p.cosine));
  for (const { world, of, cosine } of pairs) {
    if (found.has(world) || !free.has(of)) continue;
    free.delete(of);
    // Pictures run to the patient's left and back, frames to the head.
    found.set(world, { of, backwards: world === 2 ? cosine < 0 : cosine > 0 });
  }
  return [found.get(0)!, found.get(1)!, found.get(2)!];
}

function percentiles(
  size: Header['size'],
  value: (i: number, j: number, k: number) => number,
  path: string,
): readonly [black: number, white: number] {
  const all = size[0] * size[1] * size[2];
  const step = Math.max(1, Math.floor(all / SAMPLED));
  const values: number[] = [];
  for (let at = 0; at < all; at += step) {
    const k = Math.floor(at / (size[0] * size[1]));
    const found = value(at % size[0], Math.floor(at / size[0]) % size[1], k);
    if (Number.isFinite(found)) values.push(found);
  }
  if (values.length === 0) throw fileError(`${path} holds no finite values.`);
  values.sort((p, q) => p - q);
  const share = (part: number) => values[Math.round(part * (values.length - 1))]!;
  const [black, white] = [share(DARKEST), share(BRIGHTEST)];
  return white > black ? [black, white] : [black, black + 1];
}

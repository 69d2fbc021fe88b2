/** @file The pages of a TIFF file. */

import { readFile } from 'node:fs/promises';
import { fileError } from './bytes.ts';

export interface TiffPages {
  /** Where the pages that are pictures by themselves are described (bytes). */
  readonly places: readonly number[];
  /** Whether all bytes of these pages are in the file. */
  readonly whole: boolean;
}

const [SUBFILE, WIDTH, HEIGHT, COMPRESSION, STRIPS, STRIP_BYTES] = [254, 256, 257, 259, 273, 279] as const;
const [TILES, TILE_BYTES, DNG_VERSION] = [324, 325, 50706] as const;

/** Numbers of compressions that FFmpeg knows in TIFF: none, four of fax machines, LZW, two of zlib, PackBits, LZMA. */
const COMPRESSIONS: readonly number[] = [1, 2, 3, 4, 5, 8, 32946, 32773, 34925];

/** Marks of pages that belong to another one: smaller copies and masks. */
const MINOR = 1 | 4;

/** Bytes of a value by its type. */
const VALUE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8] as const;

/** The types that sizes and places may have. */
const [SHORT, LONG] = [3, 4] as const;

/**
 * The pages of a TIFF file with 32-bit addresses; none where it is no such file.
 * @throws InputError when its pages differ in size, or are kept in a way that FFmpeg takes for black without a word.
 */
export async function readTiffPages(path: string): Promise<TiffPages> {
  return tiffPages(await readFile(path), path);
}

/**
 * Makes the page that is described at `place` the first one, which is the one that decoders take.
 * @param bytes the whole file; its header is changed.
 */
export function selectPage(bytes: Uint8Array, place: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(4, place, view.getUint8(0) === 0x49);
}

/** @param source The name for errors. */
export function tiffPages(bytes: Uint8Array, source: string): TiffPages {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const order = view.byteLength < 8 ? '' : String.fromCharCode(view.getUint8(0), view.getUint8(1));
  const little = order === 'II';
  if ((!little && order !== 'MM') || view.getUint16(2, little) !== 42) return { places: [], whole: true };
  const places: number[] = [];
  const seen = new Set<number>();
  let whole = true;
  let size: string | undefined;
  let at = view.getUint32(4, little);
  while (at !== 0 && !seen.has(at)) {
    seen.add(at);
    const place = at;
    const page = readPage(view, place, little);
    if (page === undefined) {
      whole = false;
      break;
    }
    at = page.next;
    if ((page.first(SUBFILE) & MINOR) !== 0) continue;
    places.push(place);
    checkCoding(page, source);
    whole &&= page.end <= bytes.length;
    const pageSize = `${page.first(WIDTH)}×${page.first(HEIGHT)}`;
    size ??= pageSize;
    if (size !== pageSize) {
      throw fileError(
        `${source} has a page of ${size} pixels and one of ${pageSize}; all frames of a clip must have the same size.`,
      );
    }
  }
  return { places, whole };
}

function checkCoding(page: Page, source: string): void {
  // Cameras' raw files have rules of their own.
  if (page.has(DNG_VERSION)) return;
  const compression = page.first(COMPRESSION) || 1;
  const compressed = `with the compression ${compression === 6 || compression === 7 ? 'JPEG' : compression}`;
  const problem = page.has(TILES) ? 'in tiles' : COMPRESSIONS.includes(compression) ? undefined : compressed;
  if (problem !== undefined) {
    throw fileError(`${source} is a TIFF ${problem}, which cannot be read; save it in strips with LZW, or as PNG.`);
  }
}

interface Page {
  /** Where the next page is described; 0 at the end. */
  readonly next: number;
  /** Behind the last byte of its pixels. */
  readonly end: number;
  has(tag: number): boolean;
  /** The first value of a field of whole numbers; 0 where it has none. */
  first(tag: number): number;
}

/** The page that is described at `at`; undefined when the description is not there as a whole. */
function readPage(view: DataView, at: number, little: boolean): Page | undefined {
  if (at + 2 > view.byteLength) return undefined;
  const count = view.getUint16(at, little);
  const tail = at + 2 + count * 12;
  if (tail + 4 > view.byteLength) return undefined;
  const tags = new Set<number>();
  const fields = new Map<number, number[]>();
  for (let entry = at + 2; entry < tail; entry += 12) {
    const tag = view.getUint16(entry, little);
    const type = view.getUint16(entry + 2, little);
    const length = view.getUint32(entry + 4, little);
    tags.add(tag);
    const size = (VALUE_BYTES[type] ?? 0) * length;
    const from = size <= 4 ? entry + 8 : view.getUint32(entry + 8, little);
    if (from + size > view.byteLength) return undefined;
    if (type !== SHORT && type !== LONG) continue;
    const value = (i: number): number =>
      type === SHORT ? view.getUint16(from + 2 * i, little) : view.getUint32(from + 4 * i, little);
    fields.set(
      tag,
      Array.from({ length }, (_, i) => value(i)),
    );
  }
  const ends = (places: number, sizes: number): number[] =>
    (fields.get(places) ?? []).map((place, i) => place + (fields.get(sizes)?.[i] ?? 0));
  const end = [...ends(STRIPS, STRIP_BYTES), ...ends(TILES, TILE_BYTES)].reduce((a, b) => Math.max(a, b), 0);
  return {
    next: view.getUint32(tail, little),
    end,
    has: (tag) => tags.has(tag),
    first: (tag) => fields.get(tag)?.[0] ?? 0,
  };
}

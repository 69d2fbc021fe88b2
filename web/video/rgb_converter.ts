/**
 * @file Decoded pictures as RGB of another size, as FFmpeg's scaler makes them: networks see the same numbers on the page and in
 * Node. Where nothing is resized, a chroma sample counts for all of its pixels; otherwise luma and chroma are resized apart, chroma
 * to half of the output's width.
 */

import {
  type ColourCoding,
  type ColourFactors,
  type ColourTables,
  fullFactors,
  keptSizeTables,
  pairTables,
} from './colour.ts';
import { type Filter, triangleFilter } from './filter.ts';
import type { Picture, Plane } from './picture.ts';

/** Bits of the weights along rows and along columns, and of what lies between the two passes. */
const [ROW_BITS, COLUMN_BITS, BETWEEN_BITS] = [14, 12, 15];
/** Weights that vector units take at once. */
const [ROW_STEP, COLUMN_STEP] = [4, 2];
/** Bits more than 8 that are kept where nothing is rounded before the end. */
const FINE_BITS = 9;
/** Where chroma at the left edge lies, from the middle of its pixels, in 1/256 of its width. */
const LEFT_EDGE = -64;

type Geometry = Pick<Picture, 'width' | 'height' | 'halfWidth' | 'halfHeight' | 'chromaLeft'>;
const GEOMETRY = ['width', 'height', 'halfWidth', 'halfHeight', 'chromaLeft'] as const;

interface Filters {
  readonly of: Geometry;
  readonly rows: Filter;
  readonly columns: Filter;
  readonly chromaRows: Filter;
  readonly chromaColumns: Filter;
  /** Columns of chroma in the output. */
  readonly chromaWidth: number;
}

const half = (extent: number, halved: boolean): number => (halved ? (extent + 1) >> 1 : extent);

/** Converts pictures of any size to RGB of one. */
export class RgbConverter {
  #filters: Filters | undefined;
  readonly #keptSize = new Remembered(keptSizeTables);
  readonly #pairs = new Remembered(pairTables);
  readonly #full = new Remembered(fullFactors);

  /** Pixels of every output. */
  constructor(
    readonly width: number,
    readonly height: number,
  ) {}

  /** @returns height×width×3 bytes, new ones each time. */
  convert(picture: Picture): Uint8Array {
    const { width, height } = this;
    const { coding, bits, halfWidth } = picture;
    const same = picture.width === width && picture.height === height;
    if (coding !== 'rgb' && same && bits === 8 && halfWidth && height % 2 === 0) {
      return nearest(picture, this.#keptSize.of(coding));
    }
    const { chromaWidth } = this.#filtersFor(picture);
    if (coding === 'rgb') return joined(this.#resized(picture, bytes));
    if (chromaWidth === width) return fully(this.#resized(picture, fine), this.#full.of(coding));
    return inPairs(this.#resized(picture, bytes), this.#pairs.of(coding));
  }

  /** The planes at the size of the output. */
  #resized<Values>(picture: Picture, rounded: Rounding<Values>): [Values, Values, Values] {
    const { rows, columns, chromaRows, chromaColumns, chromaWidth } = this.#filtersFor(picture);
    const { bits, width, height, halfWidth, halfHeight, planes } = picture;
    const shift = bits + ROW_BITS - BETWEEN_BITS;
    const chroma = (plane: Plane): Values => {
      const narrowed = along(plane, half(width, halfWidth), half(height, halfHeight), chromaRows, chromaWidth, shift);
      return rounded(narrowed, chromaWidth, chromaColumns, this.height);
    };
    const [first, second, third] = planes;
    const narrowed = along(first, width, height, rows, this.width, shift);
    return [rounded(narrowed, this.width, columns, this.height), chroma(second), chroma(third)];
  }

  #filtersFor(picture: Picture): Filters {
    const known = this.#filters;
    if (known && GEOMETRY.every((key) => known.of[key] === picture[key])) return known;
    const { width, height, halfWidth, halfHeight, chromaLeft } = picture;
    // FFmpeg computes chroma for pairs of pixels, but of odd widths, and of chroma that is not halved, for each.
    const chromaWidth = half(this.width, halfWidth && this.width % 2 === 0);
    const shift = halfWidth && chromaLeft ? LEFT_EDGE : 0;
    this.#filters = {
      of: { width, height, halfWidth, halfHeight, chromaLeft },
      rows: triangleFilter(width, this.width, 0, 1 << ROW_BITS, ROW_STEP),
      columns: triangleFilter(height, this.height, 0, 1 << COLUMN_BITS, COLUMN_STEP),
      chromaRows: triangleFilter(half(width, halfWidth), chromaWidth, shift, 1 << ROW_BITS, ROW_STEP),
      chromaColumns: triangleFilter(half(height, halfHeight), this.height, 0, 1 << COLUMN_BITS, COLUMN_STEP),
      chromaWidth,
    };
    return this.#filters;
  }
}

/** What is made of a coding, made once for as long as it stays the same. */
class Remembered<Made> {
  #known: { readonly coding: ColourCoding; readonly made: Made } | undefined;

  constructor(private readonly make: (coding: ColourCoding) => Made) {}

  of(coding: ColourCoding): Made {
    const known = this.#known;
    const { matrix, fullRange } = coding;
    if (known?.coding.matrix === matrix && known.coding.fullRange === fullRange) return known.made;
    this.#known = { coding, made: this.make(coding) };
    return this.#known.made;
  }
}

function nearest({ width, height, halfHeight, planes }: Picture, tables: ColourTables): Uint8Array {
  const [y, u, v] = planes;
  const out = new Uint8ClampedArray(width * height * 3);
  for (let row = 0, at = 0; row < height; row++) {
    const chromaRow = halfHeight ? row >> 1 : row;
    const [yAt, uAt, vAt] = [
      y.offset + row * y.stride,
      u.offset + chromaRow * u.stride,
      v.offset + chromaRow * v.stride,
    ];
    for (let x = 0; x < width; x++, at += 3) {
      paint(
        out,
        at,
        y.data[yAt + x * y.step]!,
        u.data[uAt + (x >> 1) * u.step]!,
        v.data[vAt + (x >> 1) * v.step]!,
        tables,
      );
    }
  }
  return new Uint8Array(out.buffer);
}

/** Two pixels beside each other share their chroma. */
function inPairs([y, u, v]: readonly Uint8Array[], tables: ColourTables): Uint8Array {
  const out = new Uint8ClampedArray(y!.length * 3);
  for (let at = 0; at < y!.length; at++) paint(out, 3 * at, y![at]!, u![at >> 1]!, v![at >> 1]!, tables);
  return new Uint8Array(out.buffer);
}

/** Uint8ClampedArray bounds what is stored. */
function paint(out: Uint8ClampedArray, at: number, y: number, u: number, v: number, tables: ColourTables): void {
  const { luma, redOfV, blueOfU, greenOfU, greenOfV, bytes } = tables;
  const level = luma[y]!;
  const red = level + redOfV[v]!;
  const green = level + greenOfU[u]! + greenOfV[v]!;
  const blue = level + blueOfU[u]!;
  out[at] = bytes ? bytes.of[red + bytes.offset]! : red;
  out[at + 1] = bytes ? bytes.of[green + bytes.offset]! : green;
  out[at + 2] = bytes ? bytes.of[blue + bytes.offset]! : blue;
}

/** @param planes With as many bits more than 8 as `fine` leaves. */
function fully([y, u, v]: readonly Int32Array[], factors: ColourFactors): Uint8Array {
  const { luma, black, redOfV, blueOfU, greenOfU, greenOfV } = factors;
  const out = new Uint8ClampedArray(y!.length * 3);
  const unit = 2 ** FINE_BITS;
  const whole = 2 ** (FINE_BITS + 13);
  for (let i = 0, at = 0; i < y!.length; i++, at += 3) {
    const level = luma * (y![i]! - black * unit) + whole / 2;
    const [cu, cv] = [u![i]! - 128 * unit, v![i]! - 128 * unit];
    out[at] = Math.floor((level + redOfV * cv) / whole);
    out[at + 1] = Math.floor((level + greenOfV * cv + greenOfU * cu) / whole);
    out[at + 2] = Math.floor((level + blueOfU * cu) / whole);
  }
  return new Uint8Array(out.buffer);
}

function joined([red, green, blue]: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(red!.length * 3);
  for (let i = 0, at = 0; i < red!.length; i++) {
    out[at++] = red![i]!;
    out[at++] = green![i]!;
    out[at++] = blue![i]!;
  }
  return out;
}

/** Rows of a plane resized to `to` samples of 15 bits each. */
function along(plane: Plane, width: number, height: number, filter: Filter, to: number, shift: number): Int16Array {
  const { data, offset, stride, step } = plane;
  const { size, indices, weights } = filter;
  const out = new Int16Array(height * to);
  const line = new Int32Array(width);
  for (let row = 0, at = 0; row < height; row++) {
    for (let x = 0, from = offset + row * stride; x < width; x++, from += step) line[x] = data[from]!;
    for (let x = 0, tap = 0; x < to; x++) {
      let sum = 0;
      for (let k = 0; k < size; k++, tap++) sum += line[indices[tap]!]! * weights[tap]!;
      out[at++] = Math.min(32767, sum >> shift);
    }
  }
  return out;
}

/** Columns of `along` resized, and what is left of their bits. */
type Rounding<Values> = (values: Int16Array, width: number, filter: Filter, to: number) => Values;

const bytes: Rounding<Uint8Array> = (values, width, filter, to) => {
  const out = new Uint8ClampedArray(to * width);
  down(values, width, filter, BETWEEN_BITS + COLUMN_BITS - 8, out);
  return new Uint8Array(out.buffer);
};

const fine: Rounding<Int32Array> = (values, width, filter, to) => {
  const out = new Int32Array(to * width);
  down(values, width, filter, BETWEEN_BITS + COLUMN_BITS - 8 - FINE_BITS, out);
  return out;
};

function down(
  values: Int16Array,
  width: number,
  { size, indices, weights }: Filter,
  shift: number,
  out: Uint8ClampedArray | Int32Array,
): void {
  const sums = new Int32Array(width);
  for (let at = 0, tap = 0; at < out.length; ) {
    sums.fill(1 << (shift - 1));
    for (let k = 0; k < size; k++, tap++) {
      const weight = weights[tap]!;
      if (weight === 0) continue;
      const from = indices[tap]! * width;
      for (let x = 0; x < width; x++) sums[x] = sums[x]! + values[from + x]! * weight;
    }
    for (let x = 0; x < width; x++) out[at++] = sums[x]! >> shift;
  }
}

/**
 * @file Decoded pictures as RGB of another size, as FFmpeg's scaler makes them: networks see the same numbers on the page and in
 * Node. Where nothing is resized, a chroma sample counts for all of its pixels; otherwise luma and chroma are resized apart, chroma
 * to half of the output's width.
 */

import { type Coefficients, type ColourCoding, coefficients } from './colour.ts';
import { type Filter, triangleFilter } from './filter.ts';
import type { Picture, Plane } from './picture.ts';

/** Bits of the weights along rows and along columns, and of what lies between the two passes. */
const [ROW_BITS, COLUMN_BITS, BETWEEN_BITS] = [14, 12, 15];
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
  #colours: { readonly of: ColourCoding; readonly values: Coefficients } | undefined;

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
      return nearest(picture, this.#coefficients(coding));
    }
    const { rows, columns, chromaRows, chromaColumns, chromaWidth } = this.#filtersFor(picture);
    const [chromaColumnsIn, chromaRowsIn] = [half(picture.width, halfWidth), half(picture.height, picture.halfHeight)];
    const shift = bits + ROW_BITS - BETWEEN_BITS;
    const [first, second, third] = picture.planes;
    const luma = down(along(first, picture.width, picture.height, rows, width, shift), width, columns, height);
    const [u, v] = [second, third].map((plane) => {
      const narrowed = along(plane, chromaColumnsIn, chromaRowsIn, chromaRows, chromaWidth, shift);
      return down(narrowed, chromaWidth, chromaColumns, height);
    }) as [Uint8Array, Uint8Array];
    if (coding === 'rgb') return joined(luma, u, v);
    return coloured(luma, u, v, width, chromaWidth, this.#coefficients(coding));
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
      rows: triangleFilter(width, this.width, 0, 1 << ROW_BITS),
      columns: triangleFilter(height, this.height, 0, 1 << COLUMN_BITS),
      chromaRows: triangleFilter(half(width, halfWidth), chromaWidth, shift, 1 << ROW_BITS),
      chromaColumns: triangleFilter(half(height, halfHeight), this.height, 0, 1 << COLUMN_BITS),
      chromaWidth,
    };
    return this.#filters;
  }

  #coefficients(coding: ColourCoding): Coefficients {
    const known = this.#colours;
    if (known?.of.matrix === coding.matrix && known.of.fullRange === coding.fullRange) return known.values;
    this.#colours = { of: coding, values: coefficients(coding) };
    return this.#colours.values;
  }
}

function nearest({ width, height, halfHeight, planes }: Picture, values: Coefficients): Uint8Array {
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
        values,
      );
    }
  }
  return new Uint8Array(out.buffer);
}

/** @param chromaWidth Columns of `u` and `v`: as many as of `y`, or half of them. */
function coloured(
  y: Uint8Array,
  u: Uint8Array,
  v: Uint8Array,
  width: number,
  chromaWidth: number,
  values: Coefficients,
): Uint8Array {
  const out = new Uint8ClampedArray(y.length * 3);
  const pairs = chromaWidth < width ? 1 : 0;
  for (let at = 0, row = 0; at < y.length; row++) {
    for (let x = 0; x < width; x++, at++) {
      const chroma = row * chromaWidth + (x >> pairs);
      paint(out, 3 * at, y[at]!, u[chroma]!, v[chroma]!, values);
    }
  }
  return new Uint8Array(out.buffer);
}

/** Uint8ClampedArray rounds and bounds what is stored. */
function paint(out: Uint8ClampedArray, at: number, y: number, u: number, v: number, values: Coefficients): void {
  const { luma, black, redOfV, blueOfU, greenOfU, greenOfV } = values;
  const level = luma * (y - black);
  out[at] = (level + redOfV * (v - 128)) / 65536;
  out[at + 1] = (level - greenOfU * (u - 128) - greenOfV * (v - 128)) / 65536;
  out[at + 2] = (level + blueOfU * (u - 128)) / 65536;
}

function joined(red: Uint8Array, green: Uint8Array, blue: Uint8Array): Uint8Array {
  const out = new Uint8Array(red.length * 3);
  for (let i = 0, at = 0; i < red.length; i++) {
    out[at++] = red[i]!;
    out[at++] = green[i]!;
    out[at++] = blue[i]!;
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

/** Columns of `along` resized to `to` samples of 8 bits each. */
function down(values: Int16Array, width: number, filter: Filter, to: number): Uint8Array {
  const { size, indices, weights } = filter;
  const shift = BETWEEN_BITS + COLUMN_BITS - 8;
  const out = new Uint8ClampedArray(to * width);
  const sums = new Int32Array(width);
  for (let row = 0, tap = 0; row < to; row++) {
    sums.fill(1 << (shift - 1));
    for (let k = 0; k < size; k++, tap++) {
      const weight = weights[tap]!;
      if (weight === 0) continue;
      const from = indices[tap]! * width;
      for (let x = 0; x < width; x++) sums[x] = sums[x]! + values[from + x]! * weight;
    }
    for (let x = 0; x < width; x++) out[row * width + x] = sums[x]! >> shift;
  }
  return new Uint8Array(out.buffer);
}

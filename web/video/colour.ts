/**
 * @file From luma and chroma to RGB, with the numbers of FFmpeg's scaler, its three ways of computing and how each of them rounds: one
 * for pictures that keep their size, one for those that are resized to an even width, one for all others. The second is 1 to 2 steps
 * of 255 darker than the others; networks see the difference.
 */

/** How a picture's colours are coded; what is `null` is not said. */
export interface ColourCoding {
  readonly matrix: string | null;
  readonly fullRange: boolean | null;
}

/** What chroma adds, in 1/65536 of an output step for pictures of limited range. */
interface Chroma {
  readonly redOfV: number;
  readonly blueOfU: number;
  /** Below 0. */
  readonly greenOfU: number;
  readonly greenOfV: number;
}

const BT601: Chroma = { redOfV: 104597, blueOfU: 132201, greenOfU: -25675, greenOfV: -53279 };
const MATRICES: Readonly<Record<string, Chroma>> = {
  bt709: { redOfV: 117489, blueOfU: 138438, greenOfU: -13975, greenOfV: -34925 },
  'bt2020-ncl': { redOfV: 110013, blueOfU: 140363, greenOfU: -12277, greenOfV: -42626 },
  bt470bg: BT601,
  smpte170m: BT601,
};

/** Of each level of luma or chroma, 0 … 255, what it adds to red, green and blue; luma adds the same to all of them. */
export interface ColourTables {
  readonly luma: Int32Array;
  readonly redOfV: Int32Array;
  readonly blueOfU: Int32Array;
  readonly greenOfU: Int32Array;
  readonly greenOfV: Int32Array;
  /** The byte that a sum, moved by `offset`, stands for; where left out, it is the sum itself, bounded. */
  readonly bytes?: { readonly offset: number; readonly of: Uint8Array };
}

/** Factors of 13 bits after the point. */
export interface ColourFactors extends Chroma {
  readonly luma: number;
  /** The luma that is black, 0 … 255. */
  readonly black: number;
}

/** In 1/65536. BT.601 and limited range where nothing is said, as FFmpeg takes it. */
function numbersOf({ matrix, fullRange }: ColourCoding): ColourFactors {
  const chroma = (matrix !== null && MATRICES[matrix]) || BT601;
  if (!fullRange) return { ...chroma, luma: Math.floor((65536 * 255) / 219), black: 16 };
  const scaled = (value: number): number => Math.trunc((value * 224) / 255);
  return {
    redOfV: scaled(chroma.redOfV),
    blueOfU: scaled(chroma.blueOfU),
    greenOfU: scaled(chroma.greenOfU),
    greenOfV: scaled(chroma.greenOfV),
    luma: 65536,
    black: 0,
  };
}

const table = (of: (level: number) => number): Int32Array => Int32Array.from({ length: 256 }, (_, level) => of(level));

/** For pictures of an odd width, and where chroma is not halved: nothing is rounded before the end. */
export function fullFactors(coding: ColourCoding): ColourFactors {
  const { luma, black, redOfV, blueOfU, greenOfU, greenOfV } = numbersOf(coding);
  const rounded = (factor: number): number => Math.floor((factor * 8192 + 0x8000) / 65536);
  return {
    luma: rounded(luma),
    black,
    redOfV: rounded(redOfV),
    blueOfU: rounded(blueOfU),
    greenOfU: rounded(greenOfU),
    greenOfV: rounded(greenOfV),
  };
}

/** For pictures that keep their size, as vector units do it: each product is rounded down by itself. */
export function keptSizeTables(coding: ColourCoding): ColourTables {
  const { luma, black, redOfV, blueOfU, greenOfU, greenOfV } = fullFactors(coding);
  // Levels have 3 bits after the point; of products the lower 16 are left away.
  const product = (factor: number, zero: number) => table((level) => (8 * (level - zero) * factor) >> 16);
  return {
    luma: product(luma, black),
    redOfV: product(redOfV, 128),
    blueOfU: product(blueOfU, 128),
    greenOfU: product(greenOfU, 128),
    greenOfV: product(greenOfV, 128),
  };
}

/** For pictures that are resized to an even width, by a table of whole steps of luma, in which chroma moves the place. */
export function pairTables(coding: ColourCoding): ColourTables {
  const { luma, black, redOfV, blueOfU, greenOfU, greenOfV } = numbersOf(coding);
  const moves = (factor: number) => {
    const steps = Math.trunc((factor * 65536 + 0x8000) / luma);
    return table((level) => Math.floor((level * steps) / 65536) - Math.floor(steps / 512));
  };
  const middle = black > 0 ? 326 : 384;
  const [first, count] = [-512, 1280];
  return {
    luma: table((level) => level),
    redOfV: moves(redOfV),
    blueOfU: moves(blueOfU),
    greenOfU: moves(greenOfU),
    greenOfV: moves(greenOfV),
    bytes: {
      offset: -first,
      of: Uint8Array.from({ length: count }, (_, i) => {
        const value = ((middle + first + i) * luma - 384 * 65536 - black * 65536 + 0x8000) / 65536;
        return Math.max(0, Math.min(255, Math.floor(value)));
      }),
    },
  };
}

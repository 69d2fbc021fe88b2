/** @file From luma and chroma to RGB, with the numbers and the rounding of FFmpeg's scaler. */

/** How a picture's colours are coded; what is `null` is not said. */
export interface ColourCoding {
  readonly matrix: string | null;
  readonly fullRange: boolean | null;
}

/** What chroma adds, in 1/65536 of an output step for pictures of limited range. */
interface ChromaTable {
  readonly redOfV: number;
  readonly blueOfU: number;
  readonly greenOfU: number;
  readonly greenOfV: number;
}

const BT601: ChromaTable = { redOfV: 104597, blueOfU: 132201, greenOfU: 25675, greenOfV: 53279 };
const TABLES: Readonly<Record<string, ChromaTable>> = {
  bt709: { redOfV: 117504, blueOfU: 138453, greenOfU: 13954, greenOfV: 34903 },
  'bt2020-ncl': { redOfV: 110013, blueOfU: 140363, greenOfU: 12277, greenOfV: 42626 },
  bt470bg: BT601,
  smpte170m: BT601,
};

/** In 1/65536: how much a step of luma and of each chroma is in RGB, and which luma is black. */
export interface Coefficients extends ChromaTable {
  readonly luma: number;
  readonly black: number;
}

/** BT.601 and limited range where nothing is said, as FFmpeg takes it. */
export function coefficients({ matrix, fullRange }: ColourCoding): Coefficients {
  const table = (matrix !== null && TABLES[matrix]) || BT601;
  if (!fullRange) return { ...table, luma: Math.floor((65536 * 255) / 219), black: 16 };
  const scaled = (value: number): number => Math.floor((value * 224) / 255);
  return {
    redOfV: scaled(table.redOfV),
    blueOfU: scaled(table.blueOfU),
    greenOfU: scaled(table.greenOfU),
    greenOfV: scaled(table.greenOfV),
    luma: 65536,
    black: 0,
  };
}

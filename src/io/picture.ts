/** @file From FFmpeg's decoded pictures to upright RGB bytes: colour conversion, downscaling and rotation. */

import type { AVColorSpace } from 'node-av/constants';
import type { Frame, SoftwareScaleContext } from 'node-av/lib';
import { InputError } from '../core/errors.ts';
import { explain, type Ffmpeg } from './ffmpeg.ts';

/** How stored pixels turn upright: (x, y) goes to (xx·x + xy·y, yx·x + yy·y), shifted back into the picture. */
export interface Orientation {
  readonly xx: number;
  readonly xy: number;
  readonly yx: number;
  readonly yy: number;
}

export const UPRIGHT: Orientation = { xx: 1, xy: 0, yx: 0, yy: 1 };

/** Whether an orientation swaps width and height. */
export function swapsSides(o: Orientation): boolean {
  return o.xx === 0;
}

/**
 * The orientation that a display matrix (nine 16.16 numbers, see FFmpeg's `display.h`) asks for, rounded to quarter turns
 * and flips; upright when there is none or it is degenerate.
 */
export function orientationOf(matrix: Uint8Array | null): Orientation {
  if (matrix === null || matrix.byteLength < 36) return UPRIGHT;
  const view = new DataView(matrix.buffer, matrix.byteOffset, matrix.byteLength);
  const at = (i: number): number => view.getInt32(i * 4, true) / 65536;
  const [a, b, c, d] = [at(0), at(1), at(3), at(4)];
  const straight = Math.min(Math.abs(a), Math.abs(d));
  const turned = Math.min(Math.abs(b), Math.abs(c));
  if (straight === 0 && turned === 0) return UPRIGHT;
  return straight >= turned
    ? { xx: Math.sign(a), xy: 0, yx: 0, yy: Math.sign(d) }
    : { xx: 0, xy: Math.sign(c), yx: Math.sign(b), yy: 0 };
}

/** Turns H×W×3 pixels upright; returns the input itself when there is nothing to do. */
export function turn(rgb: Uint8Array, width: number, height: number, o: Orientation): Uint8Array {
  if (o.xx === 1 && o.yy === 1) return rgb;
  const outWidth = swapsSides(o) ? height : width;
  const left = Math.min(0, o.xx * (width - 1)) + Math.min(0, o.xy * (height - 1));
  const top = Math.min(0, o.yx * (width - 1)) + Math.min(0, o.yy * (height - 1));
  const out = new Uint8Array(rgb.length);
  const step = (o.xx + o.yx * outWidth) * 3;
  for (let y = 0, from = 0; y < height; y++) {
    let to = ((o.yy * y - top) * outWidth + o.xy * y - left) * 3;
    for (let x = 0; x < width; x++, from += 3, to += step) {
      out[to] = rgb[from] ?? 0;
      out[to + 1] = rgb[from + 1] ?? 0;
      out[to + 2] = rgb[from + 2] ?? 0;
    }
  }
  return out;
}

/** The size (pixels) whose shorter side is at most `maxShortSide`, with the same proportions. */
export function limitSize(width: number, height: number, maxShortSide = Infinity): { width: number; height: number } {
  const scale = Math.min(1, maxShortSide / Math.min(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** How FFmpeg's scaler can turn luma and chroma into RGB; any other matrix it refuses. */
function knownMatrix(av: Ffmpeg, matrix: AVColorSpace): AVColorSpace {
  switch (matrix) {
    case av.AVCOL_SPC_RGB:
    case av.AVCOL_SPC_BT709:
    case av.AVCOL_SPC_FCC:
    case av.AVCOL_SPC_BT470BG:
    case av.AVCOL_SPC_SMPTE170M:
    case av.AVCOL_SPC_SMPTE240M:
    case av.AVCOL_SPC_BT2020_NCL:
      return matrix;
    case av.AVCOL_SPC_BT2020_CL:
      return av.AVCOL_SPC_BT2020_NCL;
    default:
      return av.AVCOL_SPC_UNSPECIFIED;
  }
}

/**
 * Leaves a decoded picture the matrix and the range of its colours, which is what pipelines for video networks go by, and
 * takes away what would make FFmpeg's scaler do more or refuse: primaries and transfer (it would map the gamut and the
 * tones, and values that no standard defines crash it), the mark of interlaced fields (they stay woven, as stored), and
 * anything outside its range, which a damaged file may say.
 */
function simplify(av: Ffmpeg, frame: Frame): void {
  frame.colorPrimaries = av.AVCOL_PRI_UNSPECIFIED;
  frame.colorTrc = av.AVCOL_TRC_UNSPECIFIED;
  frame.colorSpace = knownMatrix(av, frame.colorSpace);
  const ranges: number[] = [av.AVCOL_RANGE_MPEG, av.AVCOL_RANGE_JPEG];
  if (!ranges.includes(frame.colorRange)) frame.colorRange = av.AVCOL_RANGE_UNSPECIFIED;
  if (frame.chromaLocation > av.AVCHROMA_LOC_BOTTOM) frame.chromaLocation = av.AVCHROMA_LOC_UNSPECIFIED;
  frame.alphaMode = av.AVALPHA_MODE_UNSPECIFIED;
  frame.clearFlags(av.AV_FRAME_FLAG_INTERLACED, av.AV_FRAME_FLAG_TOP_FIELD_FIRST);
}

/** Converts decoded pictures of any format and size to RGB of one size. */
export class RgbConverter {
  readonly #av: Ffmpeg;
  readonly #scaler: SoftwareScaleContext;
  readonly #target: Frame;

  /** @param width pixels of every output, before it is turned upright. */
  constructor(
    av: Ffmpeg,
    readonly width: number,
    readonly height: number,
  ) {
    this.#av = av;
    this.#scaler = new av.SoftwareScaleContext();
    this.#scaler.allocContext();
    // Set up per frame rather than once, the scaler follows each frame's own matrix, range and size (BT.601 when unknown).
    this.#scaler.setOption('sws_flags', av.SWS_BILINEAR);
    this.#target = new av.Frame();
    this.#target.alloc();
    this.#target.format = av.AV_PIX_FMT_RGB24;
    this.#target.width = width;
    this.#target.height = height;
    this.#target.getBuffer();
  }

  /**
   * H×W×3 bytes of a decoded picture, turned upright. The picture loses what it says of its colours but matrix and range.
   * @throws InputError naming `source` when FFmpeg cannot convert its pixel format.
   */
  async convert(frame: Frame, orientation: Orientation, source: string): Promise<Uint8Array> {
    simplify(this.#av, frame);
    const code = await this.#scaler.scaleFrame(this.#target, frame);
    if (code < 0) {
      const format = this.#av.avGetPixFmtName(frame.format as Parameters<Ffmpeg['avGetPixFmtName']>[0]);
      throw new InputError(
        `${source} has pictures in the format ${format} that cannot be converted to RGB (${explain(this.#av, code)}).`,
      );
    }
    const bytes = this.#target.toBuffer();
    return turn(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), this.width, this.height, orientation);
  }

  close(): void {
    this.#scaler.freeContext();
    this.#target.free();
  }
}

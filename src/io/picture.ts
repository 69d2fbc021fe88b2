/** @file From FFmpeg's decoded pictures to upright RGB bytes: colour conversion, downscaling and rotation. */

import type { AVColorSpace } from 'node-av/constants';
import type { Frame, SoftwareScaleContext } from 'node-av/lib';
import { InputError } from '../core/errors.ts';
import { explain, type Ffmpeg } from './ffmpeg.ts';
import { type Orientation, UPRIGHT, upright } from './orientation.ts';

/** Pixels at the edges of stored pictures that are not meant to be seen. */
interface Crop {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * What a container hides of pictures (four 32-bit numbers, see FFmpeg's `AV_PKT_DATA_FRAME_CROPPING`); undefined when it hides
 * nothing, or leaves nothing.
 */
export function cropOf(data: Uint8Array | null, width: number, height: number): Crop | undefined {
  if (data === null || data.byteLength < 16) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const [top = 0, bottom = 0, left = 0, right = 0] = [0, 4, 8, 12].map((at) => view.getUint32(at, true));
  const sensible = left + right < width && top + bottom < height && left + right + top + bottom > 0;
  return sensible ? { left, top, right, bottom } : undefined;
}

/** What is left of H×W×3 pixels. */
function cropRgb(rgb: Uint8Array, width: number, height: number, crop: Crop): Uint8Array {
  const [outWidth, outHeight] = [width - crop.left - crop.right, height - crop.top - crop.bottom];
  const out = new Uint8Array(outWidth * outHeight * 3);
  for (let y = 0; y < outHeight; y++) {
    const from = ((y + crop.top) * width + crop.left) * 3;
    out.set(rgb.subarray(from, from + outWidth * 3), y * outWidth * 3);
  }
  return out;
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

/** The name of a matrix that is read as BT.601 although it is another one; undefined where it is none of those. */
export function misreadMatrix(av: Ffmpeg, matrix: AVColorSpace): string | undefined {
  const names = new Map<AVColorSpace, string>([
    [av.AVCOL_SPC_YCGCO, 'YCgCo'],
    [av.AVCOL_SPC_YCGCO_RE, 'YCgCo'],
    [av.AVCOL_SPC_YCGCO_RO, 'YCgCo'],
    [av.AVCOL_SPC_SMPTE2085, 'YDzDx'],
    [av.AVCOL_SPC_ICTCP, 'ICtCp'],
    [av.AVCOL_SPC_IPT_C2, 'IPT'],
  ]);
  return names.get(matrix);
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
  readonly #crop: Crop | undefined;
  /** Makes RGB pictures of the stored size, to be cropped. */
  #whole: RgbConverter | undefined;

  /**
   * @param width pixels of every output, before it is turned upright.
   * @param crop what to leave away of the pictures first.
   */
  constructor(
    av: Ffmpeg,
    readonly width: number,
    readonly height: number,
    crop?: Crop,
  ) {
    this.#av = av;
    this.#crop = crop;
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
    const cropped = this.#crop && (await this.#cropped(frame, this.#crop, source));
    simplify(this.#av, frame);
    const code = await this.#scaler.scaleFrame(this.#target, cropped ?? frame);
    cropped?.free();
    if (code < 0) {
      const format = this.#av.avGetPixFmtName(frame.format as Parameters<Ffmpeg['avGetPixFmtName']>[0]);
      throw new InputError(
        `${source} has pictures in the format ${format} that cannot be converted to RGB (${explain(this.#av, code)}).`,
      );
    }
    const bytes = this.#target.toBuffer();
    return upright(
      new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      this.width,
      this.height,
      orientation,
    );
  }

  close(): void {
    this.#whole?.close();
    this.#scaler.freeContext();
    this.#target.free();
  }

  /** What is left of a picture, in RGB; undefined where that is nothing. */
  async #cropped(frame: Frame, crop: Crop, source: string): Promise<Frame | undefined> {
    const { width, height } = frame;
    if (width <= crop.left + crop.right || height <= crop.top + crop.bottom) return undefined;
    if (this.#whole?.width !== width || this.#whole.height !== height) {
      this.#whole?.close();
      this.#whole = new RgbConverter(this.#av, width, height);
    }
    const rgb = await this.#whole.convert(frame, UPRIGHT, source);
    const cut = [width - crop.left - crop.right, height - crop.top - crop.bottom] as const;
    return rgbFrame(this.#av, cropRgb(rgb, width, height, crop), ...cut);
  }
}

/** A copy of H×W×3 bytes as an FFmpeg frame; `free` it. */
export function rgbFrame(av: Ffmpeg, rgb: Uint8Array, width: number, height: number): Frame {
  const bytes = Buffer.from(rgb.buffer, rgb.byteOffset, rgb.byteLength);
  return av.Frame.fromVideoBuffer(bytes, {
    width,
    height,
    format: av.AV_PIX_FMT_RGB24,
    timeBase: { num: 1, den: 25 },
    pts: 0n,
  });
}

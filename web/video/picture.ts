/** @file Decoded pictures: their samples as they lie in memory, whatever decoder they come from. */

import type { VideoSample } from 'mediabunny';
import type { ColourCoding } from './colour.ts';

/** Samples of a picture's luma, of one of its chromas, or of one of its colours. */
export interface Plane {
  readonly data: Uint8Array | Uint16Array;
  /** Elements of `data`: where the first sample is, how far the next row and the next sample are. */
  readonly offset: number;
  readonly stride: number;
  readonly step: number;
}

export interface Picture {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Of a sample. */
  readonly bits: number;
  /** How luma and chroma become RGB; `rgb` where the planes are red, green and blue. */
  readonly coding: ColourCoding | 'rgb';
  /** Whether chroma has half of the columns, and of the rows. */
  readonly halfWidth: boolean;
  readonly halfHeight: boolean;
  /** Whether chroma lies at the left edge of its pixels rather than in their middle, as in H.264 and H.265. */
  readonly chromaLeft: boolean;
  /** Luma and both chromas, or red, green and blue. */
  readonly planes: readonly [Plane, Plane, Plane];
}

/** A picture of red, green, blue and perhaps more, side by side. */
export function interleavedPicture(data: Uint8Array, width: number, height: number, step: 3 | 4): Picture {
  const plane = (offset: number): Plane => ({ data, offset, stride: width * step, step });
  const planes = [plane(0), plane(1), plane(2)] as const;
  const whole = { halfWidth: false, halfHeight: false, chromaLeft: false };
  return { width, height, bits: 8, coding: 'rgb', ...whole, planes };
}

/** How chroma lies in a pixel format, and of how many bits. */
interface Layout {
  readonly halfWidth: boolean;
  readonly halfHeight: boolean;
  readonly bits: number;
  /** Both chromas in one plane, in turn. */
  readonly interleaved?: boolean;
}

function layoutOf(format: string | null): Layout | undefined {
  if (format === 'NV12') return { halfWidth: true, halfHeight: true, bits: 8, interleaved: true };
  const [, sampling, bits = '8'] = /^I(420|422|444)A?(?:P(10|12))?$/.exec(format ?? '') ?? [];
  if (sampling === undefined) return undefined;
  return { halfWidth: sampling !== '444', halfHeight: sampling === '420', bits: Number(bits) };
}

/** A frame of a decoder, or a browser's own; what of both is used here. */
export type DecodedFrame = Pick<VideoSample, 'format' | 'allocationSize' | 'copyTo'> & {
  readonly visibleRect: Pick<DOMRectReadOnly, 'width' | 'height'> | null;
  readonly codedWidth: number;
  readonly codedHeight: number;
  readonly colorSpace: ColourCoding;
};

/** What a stream says of its colours, which browsers fill up by guesses where it says nothing. */
export interface StreamColours {
  /** As in `Picture`: frames do not say it. */
  readonly chromaLeft: boolean;
  /** The frame's own where left out. */
  readonly coding?: ColourCoding;
}

/** The samples of a frame, copied; the frame may be closed afterwards. */
export async function pictureOf(frame: DecodedFrame, colours: StreamColours): Promise<Picture> {
  const { width, height } = frame.visibleRect ?? { width: frame.codedWidth, height: frame.codedHeight };
  const layout = layoutOf(frame.format);
  if (!layout) {
    // What the browser alone can read, it makes RGB of.
    const rgba = new Uint8Array(width * height * 4);
    await frame.copyTo(rgba, { format: 'RGBA', layout: [{ offset: 0, stride: width * 4 }] });
    return interleavedPicture(rgba, width, height, 4);
  }
  const { bits, halfWidth, halfHeight, interleaved = false } = layout;
  const bytes = new Uint8Array(frame.allocationSize());
  const places = await frame.copyTo(bytes);
  const itemBytes = bits > 8 ? 2 : 1;
  const data = itemBytes === 2 ? new Uint16Array(bytes.buffer) : bytes;
  const plane = (index: number, first = 0, step = 1): Plane => {
    const { offset, stride } = places[index]!;
    return { data, offset: offset / itemBytes + first, stride: stride / itemBytes, step };
  };
  const first = plane(0);
  const [second, third] = interleaved ? [plane(1, 0, 2), plane(1, 1, 2)] : [plane(1), plane(2)];
  const { matrix, fullRange } = colours.coding ?? frame.colorSpace;
  // Stored as green, blue, red.
  const isRgb = matrix === 'rgb' && !halfWidth;
  return {
    width,
    height,
    bits,
    coding: isRgb ? 'rgb' : { matrix, fullRange },
    halfWidth,
    halfHeight,
    chromaLeft: colours.chromaLeft,
    planes: isRgb ? [third, first, second] : [first, second, third],
  };
}

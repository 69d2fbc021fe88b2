/** @file Clips from video files: Mediabunny takes the container apart, WebCodecs decodes. */

import {
  ALL_FORMATS,
  BlobSource,
  Input,
  type InputVideoTrack,
  UnsupportedInputFormatError,
  type VideoSample,
  VideoSampleSink,
} from 'mediabunny';
import { InputError } from '../../src/core/errors.ts';
import { type Orientation, swapsSides } from '../../src/io/orientation.ts';
import { Timeline } from '../../src/io/resample.ts';
import type { Clip, SourceFrame } from './clip.ts';
import { pictureOf, type StreamColours } from './picture.ts';

/** A file that WebCodecs cannot decode here; the video element may. */
export class NotDecodable extends Error {
  override name = 'NotDecodable';
}

/** Packets by which the frame rate is told. */
const PACKETS_FOR_RATE = 120;

/** Codecs whose chroma lies at the left edge of its pixels where a stream says nothing, which frames do not tell. */
const CHROMA_LEFT = new Set(['avc', 'hevc']);

/**
 * Opens a video file and finds out whether it can be decoded here.
 * @throws NotDecodable for containers and codecs that are not known here; InputError for a file without a video, or a damaged one.
 */
export async function openFileClip(file: File): Promise<Clip> {
  const { name } = file;
  if (file.size === 0) throw new InputError(`${name} is empty; drop a video that plays.`);
  const input = new Input({ source: new BlobSource(file), formats: ALL_FORMATS });
  try {
    const track = await videoTrack(input, name);
    if (!(await track.canDecode())) {
      throw new NotDecodable(
        `${name} is coded as ${(await track.getCodec()) ?? 'something'} that cannot be decoded here.`,
      );
    }
    return await clipOf(input, track, name);
  } catch (error) {
    input.dispose();
    throw explained(error, name);
  }
}

async function videoTrack(input: Input, name: string): Promise<InputVideoTrack> {
  const track = await input.getPrimaryVideoTrack();
  if (track) return track;
  const sound = (await input.getAudioTracks()).length > 0;
  throw new InputError(`${name} holds no video${sound ? ', only sound' : ''}; drop a video that plays.`);
}

function explained(error: unknown, name: string): unknown {
  if (error instanceof NotDecodable || error instanceof InputError) return error;
  if (error instanceof UnsupportedInputFormatError) {
    return new NotDecodable(`${name} is no MP4, MOV, WebM, MKV, MPEG-TS or Ogg.`);
  }
  const reason = error instanceof Error ? error.message.trim().replace(/\.$/, '') : String(error);
  // What Mediabunny says where a number in a file cannot be.
  const why = reason === 'Assertion failed' ? '' : ` (${reason})`;
  return new InputError(`${name} cannot be read${why}; the file is damaged or cut off, so use an intact copy.`);
}

async function clipOf(input: Input, track: InputVideoTrack, name: string): Promise<Clip> {
  const { averagePacketRate } = await track.computePacketStats(PACKETS_FOR_RATE);
  const first = await track.getFirstTimestamp();
  const seconds = Math.max(0, (await track.computeDuration()) - first);
  const fps = averagePacketRate > 0 ? averagePacketRate : 25;
  const orientation = orientationOf(await track.getRotation(), await track.getFlip());
  // Pixels as they are stored: no pixel aspect ratio is applied.
  const [width, height] = [await track.getCodedWidth(), await track.getCodedHeight()];
  const { matrix = null, fullRange = null } = (await track.getDecoderConfig())?.colorSpace ?? {};
  // What the stream itself says: Mediabunny tells decoders BT.709 where it says nothing, and FFmpeg takes BT.601.
  const colours = { coding: { matrix, fullRange }, chromaLeft: CHROMA_LEFT.has((await track.getCodec()) ?? '') };

  async function* frames(): AsyncGenerator<SourceFrame, void, undefined> {
    const timeline = new Timeline({ period: 1 / fps, length: seconds });
    let count = 0;
    try {
      for await (const sample of new VideoSampleSink(track).samples()) {
        count++;
        yield frameOf(sample, timeline, colours);
      }
    } catch (error) {
      throw explained(error, name);
    }
    if (count === 0) {
      throw new InputError(
        `${name} holds no frame that can be decoded; the file is damaged or cut off, so use an intact copy.`,
      );
    }
  }

  const sides = swapsSides(orientation) ? { width: height, height: width } : { width, height };
  return { name, ...sides, orientation, fps, seconds, everyFrame: false, frames, close: () => input.dispose() };
}

function frameOf(sample: VideoSample, timeline: Timeline, colours: StreamColours): SourceFrame {
  const time = timeline.place(sample.timestamp);
  return {
    time,
    end: timeline.endOf(sample.duration),
    picture: () => pictureOf(sample, colours),
    close: () => sample.close(),
  };
}

/** @param turn Degrees, clockwise, before the picture is flipped from left to right. */
function orientationOf(turn: number, flip: boolean): Orientation {
  const turns: Readonly<Record<number, Orientation>> = {
    90: { xx: 0, xy: -1, yx: 1, yy: 0 },
    180: { xx: -1, xy: 0, yx: 0, yy: -1 },
    270: { xx: 0, xy: 1, yx: -1, yy: 0 },
  };
  const { xx, xy, yx, yy } = turns[turn] ?? { xx: 1, xy: 0, yx: 0, yy: 1 };
  return flip ? { xx: -xx, xy: -xy, yx, yy } : { xx, xy, yx, yy };
}

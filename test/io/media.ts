/** @file Media files of every container and coding that FFmpeg writes, with the oddities that a test asks for. */

import { Buffer } from 'node:buffer';
import type { CodecContext, FormatContext, Frame, Packet, SoftwareScaleContext, Stream } from 'node-av/lib';
import { explain, type Ffmpeg, fileUrl, loadFfmpeg } from '../../src/io/ffmpeg.ts';

export interface Track {
  /** FFmpeg's name of the encoder, such as `ffv1`. */
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  /** H×W×3 RGB bytes each. */
  readonly frames: readonly Uint8Array[];
  readonly fps?: number;
  /** When each frame is shown, in units of 1 / fps; one after the other where left out. */
  readonly stamps?: readonly number[];
  /** How long the last frame is shown, in units of 1 / fps. */
  readonly lastDuration?: number;
  /** FFmpeg's number of a pixel format; by default the first of these that fits: yuvj420p, yuv420p, rgb24. */
  readonly pixelFormat?: (av: Ffmpeg) => number;
  readonly options?: Record<string, string>;
  /** Sets up the encoder further, before it is opened. */
  readonly encoder?: (codec: CodecContext, av: Ffmpeg) => void;
  /** Alters each picture before it is encoded. */
  readonly picture?: (frame: Frame, av: Ffmpeg) => void;
  /** Sets up the stream further, before the header is written. */
  readonly stream?: (stream: Stream, av: Ffmpeg) => void;
}

export const flat = (width: number, height: number, ...rgb: [number, number, number]): Uint8Array =>
  Uint8Array.from({ length: width * height * 3 }, (_, i) => rgb[i % 3] ?? 0);

/** Whether this build of FFmpeg can make such files. */
export async function canEncode(codec: string): Promise<boolean> {
  const av = await loadFfmpeg();
  return av.Codec.findEncoderByName(codec as Parameters<typeof av.Codec.findEncoderByName>[0]) !== null;
}

/**
 * Writes `tracks` to a file, one track after the other in time.
 * @param format FFmpeg's name of the container, such as `matroska` or `rawvideo`.
 */
export async function writeMedia(
  path: string,
  format: string,
  tracks: readonly Track[],
  settings: Record<string, string> = {},
): Promise<void> {
  const av = await loadFfmpeg();
  // This encoder writes to standard error past FFmpeg's own log.
  process.env.SVT_LOG = '1';
  const muxer: FormatContext = new av.FormatContext();
  check(av, muxer.allocOutputContext2(null, format, fileUrl(path)), `open ${format}`);
  check(av, await muxer.openOutput(), `create ${path}`);
  const encoders: TrackEncoder[] = [];
  for (const track of tracks) encoders.push(await TrackEncoder.open(av, muxer, track));
  const dictionary = av.Dictionary.fromObject(settings);
  check(av, await muxer.writeHeader(dictionary), 'write the header');
  dictionary.free();
  for (const encoder of encoders) await encoder.run();
  check(av, await muxer.writeTrailer(), 'write the trailer');
  for (const encoder of encoders) encoder.free();
  await muxer.closeOutput();
  muxer.freeContext();
}

class TrackEncoder {
  readonly #av: Ffmpeg;
  readonly #muxer: FormatContext;
  readonly #track: Track;
  readonly #codec: CodecContext;
  readonly #stream: Stream;
  readonly #scaler: SoftwareScaleContext;
  readonly #packet: Packet;

  private constructor(av: Ffmpeg, muxer: FormatContext, track: Track, codec: CodecContext, stream: Stream) {
    this.#av = av;
    this.#muxer = muxer;
    this.#track = track;
    this.#codec = codec;
    this.#stream = stream;
    this.#scaler = new av.SoftwareScaleContext();
    this.#scaler.allocContext();
    this.#packet = new av.Packet();
    this.#packet.alloc();
  }

  static async open(av: Ffmpeg, muxer: FormatContext, track: Track): Promise<TrackEncoder> {
    const { codec: name, width, height, fps = 25, options = {} } = track;
    const encoder = av.Codec.findEncoderByName(name as Parameters<typeof av.Codec.findEncoderByName>[0]);
    if (encoder === null) throw new Error(`This FFmpeg has no encoder ${name}.`);
    const codec: CodecContext = new av.CodecContext();
    codec.allocContext3(encoder);
    codec.width = width;
    codec.height = height;
    const known: readonly number[] = encoder.pixelFormats ?? [av.AV_PIX_FMT_YUV420P];
    const usual = [av.AV_PIX_FMT_YUVJ420P, av.AV_PIX_FMT_YUV420P, av.AV_PIX_FMT_RGB24].find((f) => known.includes(f));
    codec.pixelFormat = (track.pixelFormat?.(av) ?? usual ?? known[0]) as typeof codec.pixelFormat;
    codec.timeBase = new av.Rational(1000, Math.round(fps * 1000));
    codec.framerate = new av.Rational(Math.round(fps * 1000), 1000);
    codec.threadCount = 1;
    // Bare streams want their headers among the pictures.
    if (((muxer.oformat?.flags ?? 0) & av.AVFMT_GLOBALHEADER) !== 0) codec.setFlags(av.AV_CODEC_FLAG_GLOBAL_HEADER);
    track.encoder?.(codec, av);
    const dictionary = av.Dictionary.fromObject(options);
    check(av, await codec.open2(encoder, dictionary), `open ${name}`);
    dictionary.free();
    const stream = muxer.newStream();
    check(av, stream.codecpar.fromContext(codec), 'copy parameters');
    stream.timeBase = codec.timeBase;
    stream.avgFrameRate = codec.framerate;
    track.stream?.(stream, av);
    return new TrackEncoder(av, muxer, track, codec, stream);
  }

  async run(): Promise<void> {
    const av = this.#av;
    const { width, height, frames, stamps, picture: alter } = this.#track;
    for (const [i, rgb] of frames.entries()) {
      const source = av.Frame.fromVideoBuffer(Buffer.from(rgb), {
        width,
        height,
        format: av.AV_PIX_FMT_RGB24,
        timeBase: { num: 1, den: 25 },
        pts: 0n,
      });
      const picture = new av.Frame();
      picture.alloc();
      picture.format = this.#codec.pixelFormat;
      picture.width = width;
      picture.height = height;
      picture.getBuffer();
      check(av, await this.#scaler.scaleFrame(picture, source), 'convert a frame');
      source.free();
      picture.pts = BigInt(stamps?.[i] ?? i);
      alter?.(picture, av);
      check(av, await this.#codec.sendFrame(picture), 'encode a frame');
      picture.free();
      await this.#drain();
    }
    check(av, await this.#codec.sendFrame(null), 'end the stream');
    await this.#drain();
  }

  free(): void {
    this.#packet.free();
    this.#scaler.freeContext();
    this.#codec.freeContext();
  }

  async #drain(): Promise<void> {
    const av = this.#av;
    const { stamps, lastDuration = 1, frames } = this.#track;
    for (;;) {
      const code = await this.#codec.receivePacket(this.#packet);
      if (code === av.AVERROR_EAGAIN || code === av.AVERROR_EOF) return;
      check(av, code, 'encode');
      const shown = Number(this.#packet.pts);
      const at = stamps?.indexOf(shown) ?? shown;
      const next = stamps?.[at + 1] ?? shown + 1;
      this.#packet.duration = BigInt(at === frames.length - 1 ? lastDuration : next - shown);
      this.#packet.streamIndex = this.#stream.index;
      this.#packet.rescaleTs(this.#codec.timeBase, this.#stream.timeBase);
      check(av, await this.#muxer.interleavedWriteFrame(this.#packet), 'write a packet');
    }
  }
}

function check(av: Ffmpeg, code: number, what: string): void {
  if (code < 0) throw new Error(`FFmpeg cannot ${what} (${explain(av, code)}).`);
}

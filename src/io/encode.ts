/** @file Writes RGB frames as a video file or a PNG picture. */

import { constants } from 'node:os';
import { resolve } from 'node:path';
import type { CodecContext, FormatContext, Frame, Packet, SoftwareScaleContext, Stream } from 'node-av/lib';
import { checkOptionNames } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { counted } from '../core/words.ts';
import { explainCode, writeAside } from './atomic.ts';
import { explain, type Ffmpeg, fileUrl, loadFfmpeg } from './ffmpeg.ts';
import { rgbFrame } from './picture.ts';

export interface VideoFormat {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** Frames per second (Hz). */
  readonly fps: number;
}

/** Encoders by preference; the last one is part of every FFmpeg. */
const ENCODERS = ['libx264', 'libopenh264', 'mpeg4'] as const;

/**
 * Writes frames (H×W×3 RGB bytes each) as an mp4 file: H.264, or MPEG-4 where FFmpeg lacks that. The file appears under
 * its name only when it is complete. Odd sizes are stretched by one pixel, since these codecs need even ones.
 * @throws InputError when there are no frames, a frame has the wrong number of bytes, or the file cannot be written.
 */
export async function writeVideo(
  path: string,
  frames: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  format: VideoFormat,
): Promise<void> {
  checkOptionNames('writeVideo', format, ['width', 'height', 'fps']);
  const { width, height, fps } = format;
  if (!(Number.isSafeInteger(width) && width > 0 && Number.isSafeInteger(height) && height > 0)) {
    throw new InputError(`A video needs a size in whole pixels, not ${width}×${height}.`);
  }
  if (!(Number.isFinite(fps) && fps > 0)) throw new InputError(`A video needs a positive frame rate, not ${fps}.`);
  await writeAside(path, async (part) => {
    const writer = new VideoWriter(await loadFfmpeg(), path, part, format);
    try {
      await writer.open();
      for await (const frame of frames) await writer.write(frame);
      await writer.finish();
    } finally {
      await writer.close();
    }
  });
}

class VideoWriter {
  readonly #av: Ffmpeg;
  readonly #path: string;
  readonly #part: string;
  readonly #format: VideoFormat;
  readonly #muxer: FormatContext;
  readonly #codec: CodecContext;
  readonly #scaler: SoftwareScaleContext;
  readonly #packet: Packet;
  readonly #picture: Frame;
  #stream: Stream | undefined;
  #opened = false;
  #closed = false;
  #count = 0;

  constructor(av: Ffmpeg, path: string, part: string, format: VideoFormat) {
    this.#av = av;
    this.#path = path;
    this.#part = part;
    this.#format = format;
    this.#muxer = new av.FormatContext();
    this.#codec = new av.CodecContext();
    this.#scaler = new av.SoftwareScaleContext();
    this.#packet = new av.Packet();
    this.#picture = new av.Frame();
  }

  async open(): Promise<void> {
    const av = this.#av;
    this.#scaler.allocContext();
    this.#scaler.setOption('sws_flags', av.SWS_BICUBIC);
    this.#packet.alloc();
    this.#check(this.#muxer.allocOutputContext2(null, 'mp4', fileUrl(resolve(this.#part))));
    this.#check(await this.#muxer.openOutput());
    this.#opened = true;
    await this.#openEncoder();
    const stream = this.#muxer.newStream();
    this.#check(stream.codecpar.fromContext(this.#codec));
    stream.timeBase = this.#codec.timeBase;
    this.#stream = stream;
    const settings = av.Dictionary.fromObject({ movflags: '+faststart' });
    const code = await this.#muxer.writeHeader(settings);
    settings.free();
    this.#check(code);
    const picture = this.#picture;
    picture.alloc();
    picture.format = av.AV_PIX_FMT_YUV420P;
    picture.width = this.#codec.width;
    picture.height = this.#codec.height;
    picture.colorSpace = this.#codec.colorSpace;
    picture.colorRange = this.#codec.colorRange;
    picture.getBuffer();
  }

  async #openEncoder(): Promise<void> {
    const av = this.#av;
    const codec = this.#codec;
    for (const name of ENCODERS) {
      const encoder = av.Codec.findEncoderByName(name as Parameters<typeof av.Codec.findEncoderByName>[0]);
      if (encoder === null) continue;
      codec.allocContext3(encoder);
      codec.width = this.#format.width + (this.#format.width % 2);
      codec.height = this.#format.height + (this.#format.height % 2);
      codec.pixelFormat = av.AV_PIX_FMT_YUV420P;
      // Milliframes keep rates such as 29.97 exact enough and the numbers small.
      codec.framerate = new av.Rational(Math.round(this.#format.fps * 1000), 1000);
      codec.timeBase = new av.Rational(1000, Math.round(this.#format.fps * 1000));
      // Said outright, because players and readers guess differently.
      codec.colorSpace = av.AVCOL_SPC_SMPTE170M;
      codec.colorRange = av.AVCOL_RANGE_MPEG;
      codec.setFlags(av.AV_CODEC_FLAG_GLOBAL_HEADER);
      codec.threadCount = 0;
      if (name === 'mpeg4') {
        codec.setFlags(av.AV_CODEC_FLAG_QSCALE);
        codec.globalQuality = 3 * 118;
      }
      const settings = av.Dictionary.fromObject(name === 'libx264' ? { crf: 18, preset: 'fast' } : {});
      const code = await codec.open2(encoder, settings);
      settings.free();
      if (code >= 0) return;
      codec.freeContext();
    }
    throw new InputError(`${this.#path} cannot be written because this FFmpeg has no usable video encoder.`);
  }

  async write(rgb: Uint8Array): Promise<void> {
    const av = this.#av;
    const { width, height } = this.#format;
    if (rgb.length !== width * height * 3) {
      throw new InputError(
        `Frame ${this.#count} for ${this.#path} has ${counted(rgb.length, 'byte')}, but ${width}×${height} RGB needs ${width * height * 3}.`,
      );
    }
    const source = rgbFrame(av, rgb, width, height);
    try {
      // The encoder may still hold the last picture's memory.
      this.#check(this.#picture.makeWritable());
      this.#check(await this.#scaler.scaleFrame(this.#picture, source));
    } finally {
      source.free();
    }
    this.#picture.pts = BigInt(this.#count++);
    this.#check(await this.#codec.sendFrame(this.#picture));
    await this.#drain();
  }

  async finish(): Promise<void> {
    if (this.#count === 0) throw new InputError(`${this.#path} cannot be written because there are no frames.`);
    this.#check(await this.#codec.sendFrame(null));
    await this.#drain();
    this.#check(await this.#muxer.writeTrailer());
  }

  /** Frees everything; a second call does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#picture.free();
    this.#packet.free();
    this.#scaler.freeContext();
    this.#codec.freeContext();
    if (this.#opened) await this.#muxer.closeOutput();
    this.#muxer.freeContext();
  }

  async #drain(): Promise<void> {
    const av = this.#av;
    const stream = this.#stream;
    while (stream !== undefined) {
      const code = await this.#codec.receivePacket(this.#packet);
      if (code === av.AVERROR_EAGAIN || code === av.AVERROR_EOF) return;
      this.#check(code);
      this.#packet.streamIndex = stream.index;
      // Without a duration the mp4 ends where its last frame begins, and readers drop that frame.
      this.#packet.duration = 1n;
      this.#packet.rescaleTs(this.#codec.timeBase, stream.timeBase);
      this.#check(await this.#muxer.interleavedWriteFrame(this.#packet));
    }
  }

  #check(code: number): void {
    if (code >= 0) return;
    // FFmpeg's codes are the operating system's, negative, and some of its own.
    const name = Object.entries(constants.errno).find(([, number]) => number === -code)?.[0];
    const reason = (name && explainCode(name, this.#path)) ?? explain(this.#av, code);
    throw new InputError(`Cannot write ${this.#path}: ${reason}.`);
  }
}

/**
 * A PNG file of one picture.
 * @param rgb H×W×3 bytes.
 * @throws InputError when the number of bytes is not width × height × 3.
 */
export async function encodePng(rgb: Uint8Array, width: number, height: number): Promise<Uint8Array> {
  if (rgb.length !== width * height * 3 || rgb.length === 0) {
    throw new InputError(
      `A ${width}×${height} RGB picture needs ${counted(width * height * 3, 'byte')}, not ${rgb.length}.`,
    );
  }
  const av = await loadFfmpeg();
  const encoder = av.Codec.findEncoder(av.AV_CODEC_ID_PNG);
  if (encoder === null) throw new InputError('Pictures cannot be written because this FFmpeg has no PNG encoder.');
  const codec = new av.CodecContext();
  const packet = new av.Packet();
  packet.alloc();
  const frame = rgbFrame(av, rgb, width, height);
  const check = (code: number): void => {
    if (code < 0) throw new InputError(`A ${width}×${height} picture cannot be written (${explain(av, code)}).`);
  };
  try {
    codec.allocContext3(encoder);
    codec.width = width;
    codec.height = height;
    codec.pixelFormat = av.AV_PIX_FMT_RGB24;
    codec.timeBase = new av.Rational(1, 25);
    check(await codec.open2(encoder));
    check(await codec.sendFrame(frame));
    check(await codec.sendFrame(null));
    check(await codec.receivePacket(packet));
    return new Uint8Array(packet.data ?? []);
  } finally {
    frame.free();
    packet.free();
    codec.freeContext();
  }
}

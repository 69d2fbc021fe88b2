/** @file Reads one video stream of a file, picture by picture, and owns every native resource that takes. */

import { type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CodecContext, FormatContext, Frame, Packet, Stream } from 'node-av/lib';
import { InputError } from '../core/errors.ts';
import { counted } from '../core/words.ts';
import { explain, type Ffmpeg, fileUrl, loadFfmpeg } from './ffmpeg.ts';
import { limitSize, type Orientation, orientationOf, RgbConverter, swapsSides } from './picture.ts';
import { Timeline } from './resample.ts';

/** A decoded picture in FFmpeg's hands. It stays valid until the call of `next` after the next one. */
export interface Picture {
  readonly frame: Frame;
  /** Seconds after the first picture. */
  readonly time: number;
  /** Seconds at which the picture ends. */
  readonly end: number;
}

export interface ReaderOptions {
  stream?: number | undefined;
  maxShortSide?: number | undefined;
}

/** Demuxers that draw pictures from text files, which nobody means to classify. */
const TEXT_ART = new Set(['tty', 'bin', 'xbin', 'adf', 'idf']);

/** A decoder that only fails while it is being emptied is given up after so many errors. */
const MAX_ERRORS_IN_A_ROW = 100;

const ADVICE = 'use an mp4, mkv, webm, mov, avi or GIF file, a folder of images, or a .npy array';

/**
 * What is at a path.
 * @throws InputError when nothing is, or nothing that can be read.
 */
export function inspect(path: string): Stats {
  try {
    return statSync(path);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new InputError(
      missing ? `${path} does not exist; ${ADVICE}.` : `${path} cannot be opened; check its name and permissions.`,
      { cause },
    );
  }
}

/** One opened video stream. Always `close` it. */
export class VideoReader {
  readonly #av: Ffmpeg;
  readonly #source: string;
  readonly #format: FormatContext;
  readonly #codec: CodecContext;
  readonly #stream: Stream;
  readonly #packet: Packet;
  /** Two in turn, so that a picture outlives the decoding of the next one. */
  readonly #frames: [Frame, Frame];
  readonly #timeline: Timeline;
  readonly #period: number;
  #converter: RgbConverter | undefined;
  #orientation: Orientation = orientationOf(null);
  #waiting: Picture | undefined;
  #draining = false;
  #readError: string | undefined;
  #lastEnd = 0;
  #badPackets = 0;
  #badPictures = 0;
  /** Pictures decoded so far, the one read ahead included. */
  decoded = 0;
  /** Pixels of every converted picture, upright. */
  width = 0;
  height = 0;
  /** Average pictures per second (Hz). */
  readonly fps: number;
  /** Seconds that the file says it lasts; 0 when unknown. */
  readonly seconds: number;
  /** Number of pictures that the file announces, or an estimate; 0 when unknown. */
  readonly expected: number;
  /** Short name of the container format, such as `gif`. */
  readonly formatName: string;
  /** Whether the stored pixels are grey. */
  grey = false;

  private constructor(av: Ffmpeg, source: string, format: FormatContext, codec: CodecContext, stream: Stream) {
    this.#av = av;
    this.#source = source;
    this.#format = format;
    this.#codec = codec;
    this.#stream = stream;
    this.formatName = format.iformat?.name ?? '';
    this.#packet = new av.Packet();
    this.#packet.alloc();
    this.#frames = [new av.Frame(), new av.Frame()];
    for (const frame of this.#frames) frame.alloc();
    const rates = [stream.avgFrameRate, stream.rFrameRate].map((rate) => rate.num / rate.den);
    // Where the rate is unknown, FFmpeg may report the resolution of the clock (1000 or 90000 Hz).
    this.fps = rates.find((rate) => rate > 0 && rate < 1000) ?? 25;
    this.#period = 1 / this.fps;
    const own = Number(stream.duration) * stream.timeBase.toDouble();
    this.seconds = [own, Number(format.duration) / 1e6].find((value) => value > 0) ?? 0;
    this.expected = Number(stream.nbFrames) || Math.round(this.seconds * this.fps);
    this.#timeline = new Timeline(this.#period);
  }

  /**
   * Opens a video, GIF or image file and decodes its first picture.
   * @throws InputError when it is missing, no video, or gives no picture.
   */
  static async open(path: string, options: ReaderOptions = {}): Promise<VideoReader> {
    const stats = inspect(path);
    // A pipe or a device could block for ever.
    if (!stats.isFile()) throw new InputError(`${path} is not a regular file; ${ADVICE}.`);
    if (stats.size === 0) throw new InputError(`${path} is empty; ${ADVICE}.`);
    const av = await loadFfmpeg();
    const format = new av.FormatContext();
    let codec: CodecContext | undefined;
    let reader: VideoReader | undefined;
    try {
      // Playlists must not reach out to the network, and a per cent sign in a name is no pattern.
      const settings = av.Dictionary.fromObject({ protocol_whitelist: 'file', pattern_type: 'none' });
      const code = await format.openInput(fileUrl(resolve(path)), null, settings);
      settings.free();
      if (code < 0 || TEXT_ART.has(format.iformat?.name ?? '')) {
        throw new InputError(
          `${path} is not a video that FFmpeg can read${code < 0 ? ` (${explain(av, code)})` : ''}; ${ADVICE}.`,
        );
      }
      await format.findStreamInfo();
      const stream = chooseStream(av, format, path, options.stream);
      codec = new av.CodecContext();
      await openDecoder(av, codec, stream, path);
      reader = new VideoReader(av, path, format, codec, stream);
      await reader.#begin(options.maxShortSide);
      return reader;
    } catch (error) {
      if (reader) await reader.close();
      else {
        codec?.freeContext();
        await format.closeInput();
      }
      throw error;
    }
  }

  /** The next picture in display order; undefined at the end. */
  async next(): Promise<Picture | undefined> {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting ?? (await this.#decode());
  }

  /** H×W×3 upright RGB bytes of a picture that is still valid. */
  convert(picture: Picture): Promise<Uint8Array> {
    if (this.#converter === undefined) throw new Error('The reader is closed.');
    return this.#converter.convert(picture.frame, this.#orientation, this.#source);
  }

  /** What was wrong with the file so far, one sentence each. */
  warnings(): string[] {
    const found: string[] = [];
    const say = (text: string): number => found.push(`${this.#source}: ${text}.`);
    if (this.#badPackets > 0) say(`${counted(this.#badPackets, 'packet')} could not be decoded`);
    if (this.#badPictures > 0) say(`${counted(this.#badPictures, 'frame')} came out damaged`);
    if (this.#timeline.jumps > 0) say(`the clock jumped ${counted(this.#timeline.jumps, 'time')} and was put right`);
    if (this.#readError !== undefined) say(`reading stopped early (${this.#readError})`);
    const cut = this.#draining && this.decoded < 0.9 * this.expected && this.#lastEnd < 0.9 * this.seconds;
    if (cut) say(`the file ends after ${this.decoded} of about ${this.expected} frames that it announces`);
    return found;
  }

  async close(): Promise<void> {
    this.#converter?.close();
    this.#converter = undefined;
    this.#packet.free();
    for (const frame of this.#frames) frame.free();
    this.#codec.freeContext();
    await this.#format.closeInput();
  }

  async #begin(maxShortSide: number | undefined): Promise<void> {
    const av = this.#av;
    const picture = await this.#decode();
    if (picture === undefined) {
      throw new InputError(
        `${this.#source} holds no frame that can be decoded, although it names a video stream; the file is damaged or cut off, so use an intact copy.`,
      );
    }
    this.#waiting = picture;
    const { frame } = picture;
    const name = av.avGetPixFmtName(frame.format as Parameters<Ffmpeg['avGetPixFmtName']>[0]) ?? '';
    this.grey = /^(gray|ya|mono)/.test(name);
    // The decoder passes the container's matrix on; some formats leave it in the stream only.
    this.#orientation = orientationOf(
      frame.getSideData(av.AV_FRAME_DATA_DISPLAYMATRIX) ??
        this.#stream.codecpar.getCodedSideData(av.AV_PKT_DATA_DISPLAYMATRIX),
    );
    const { width, height } = limitSize(frame.width, frame.height, maxShortSide);
    [this.width, this.height] = swapsSides(this.#orientation) ? [height, width] : [width, height];
    this.#converter = new RgbConverter(av, width, height);
  }

  async #decode(): Promise<Picture | undefined> {
    const av = this.#av;
    const frame = this.#frames[this.decoded % 2 === 0 ? 0 : 1];
    for (let errors = 0; errors < MAX_ERRORS_IN_A_ROW; ) {
      const code = await this.#codec.receiveFrame(frame);
      if (code >= 0) return this.#accept(frame);
      if (code === av.AVERROR_EOF) return undefined;
      if (code !== av.AVERROR_EAGAIN) {
        this.#badPackets++;
        if (this.#draining) errors++;
      }
      if (!this.#draining) await this.#feed();
      else if (code === av.AVERROR_EAGAIN) return undefined;
    }
    return undefined;
  }

  /** Gives the decoder the next packet of the stream, or the end. */
  async #feed(): Promise<void> {
    const packet = this.#packet;
    for (;;) {
      const code = await this.#format.readFrame(packet);
      if (code < 0) {
        if (code !== this.#av.AVERROR_EOF) this.#readError = explain(this.#av, code);
        this.#draining = true;
        await this.#codec.sendPacket(null);
        return;
      }
      const ours = packet.streamIndex === this.#stream.index;
      const sent = ours ? await this.#codec.sendPacket(packet) : 0;
      packet.unref();
      if (sent < 0) this.#badPackets++;
      else if (ours) return;
    }
  }

  #accept(frame: Frame): Picture {
    const av = this.#av;
    this.decoded++;
    if (frame.decodeErrorFlags !== 0 || frame.hasFlags(av.AV_FRAME_FLAG_CORRUPT)) this.#badPictures++;
    const unit = this.#stream.timeBase.toDouble();
    const stamp = frame.bestEffortTimestamp;
    const time = this.#timeline.place(stamp === av.AV_NOPTS_VALUE ? undefined : Number(stamp) * unit);
    const duration = Number(frame.duration) * unit;
    const lasts = duration > 0 && duration < 60 ? duration : this.#period;
    this.#lastEnd = time + lasts;
    return { frame, time, end: this.#lastEnd };
  }
}

function chooseStream(av: Ffmpeg, format: FormatContext, path: string, wanted: number | undefined): Stream {
  const streams = format.streams;
  const isVideo = (stream: Stream): boolean =>
    // Cover art is a still picture inside an audio file.
    stream.codecpar.codecType === av.AVMEDIA_TYPE_VIDEO && !stream.hasDisposition(av.AV_DISPOSITION_ATTACHED_PIC);
  const videos = streams.filter(isVideo).map((stream) => stream.index);
  if (videos.length === 0) {
    const sound = streams.some((stream) => stream.codecpar.codecType === av.AVMEDIA_TYPE_AUDIO);
    throw new InputError(`${path} holds no video stream${sound ? ', only sound' : ''}; ${ADVICE}.`);
  }
  const best = wanted ?? format.findBestStream(av.AVMEDIA_TYPE_VIDEO, -1, -1);
  const index = wanted === undefined && !videos.includes(best) ? videos[0] : best;
  const stream = streams.find((candidate) => candidate.index === index);
  if (stream === undefined || !videos.includes(stream.index)) {
    throw new InputError(`${path} has no video stream ${wanted}; its video streams are ${videos.join(', ')}.`);
  }
  return stream;
}

async function openDecoder(av: Ffmpeg, codec: CodecContext, stream: Stream, path: string): Promise<void> {
  const parameters = stream.codecpar;
  const decoder = av.Codec.findDecoder(parameters.codecId);
  const name = av.avGetCodecName(parameters.codecId) ?? 'unknown';
  if (decoder === null) {
    throw new InputError(`${path} is coded as ${name}, which this FFmpeg cannot decode; convert it to H.264.`);
  }
  codec.allocContext3(decoder);
  codec.parametersToContext(parameters);
  codec.pktTimebase = stream.timeBase;
  codec.threadCount = 0;
  const code = await codec.open2(decoder);
  if (code < 0) {
    throw new InputError(
      `${path} has a ${name} stream that cannot be decoded (${explain(av, code)}); the file is damaged, so use an intact copy.`,
    );
  }
}

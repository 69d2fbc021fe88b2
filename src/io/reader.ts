/** @file Reads one video stream of a file, picture by picture, and owns every native resource that takes. */

import { type Stats, statSync } from 'node:fs';
import type { CodecContext, FormatContext, Frame, Packet, Stream } from 'node-av/lib';
import { InputError } from '../core/errors.ts';
import { counted } from '../core/words.ts';
import { Losses, plausibleLength } from './broadcast.ts';
import { isCutOff } from './cut-off.ts';
import { explain, type Ffmpeg, loadFfmpeg, openInput, type StreamInput } from './ffmpeg.ts';
import { limitSize, type Orientation, orientationOf, swapsSides } from './orientation.ts';
import { cropOf, misreadMatrix, RgbConverter } from './picture.ts';
import { Timeline } from './resample.ts';
import { ADVICE, chooseStream, frameRate, isStill, lengthOf, openDecoder } from './stream.ts';
import { readTiffPages, selectPage, type TiffPages } from './tiff.ts';

/** A decoded picture in FFmpeg's hands. It stays valid until the call of `next` after the next one. */
export interface Picture {
  readonly frame: Frame;
  /** Seconds after the first picture. */
  readonly time: number;
  /** Seconds at which the picture ends. */
  readonly end: number;
}

interface ReaderOptions {
  stream?: number | undefined;
  maxShortSide?: number | undefined;
}

const NO_PAGES: TiffPages = { places: [], whole: true };

/** Demuxers that draw pictures from text files, which nobody means to classify. */
const TEXT_ART = new Set(['tty', 'bin', 'xbin', 'adf', 'idf']);

/** Streams of cameras that were written to a file; they have no end, only an edge. */
const ENDLESS = new Set(['mpjpeg', 'smjpeg']);

/** A decoder that only fails while it is being emptied is given up after so many errors. */
const MAX_ERRORS_IN_A_ROW = 100;

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
  /** Whether the source is a file of that name. */
  readonly #isFile: boolean;
  readonly #format: FormatContext;
  #codec: CodecContext;
  readonly #stream: Stream;
  /** Seconds in a unit of each stream's clock, and where the file begins. */
  readonly #units: ReadonlyMap<number, number>;
  readonly #beginning: number;
  readonly #packet: Packet;
  /** Two in turn, so that a picture outlives the decoding of the next one. */
  readonly #frames: [Frame, Frame];
  readonly #timeline: Timeline;
  /** Whether the file is a bare stream of pictures, whose time stamps FFmpeg makes up. */
  readonly #clockless: boolean;
  /** The pages of a TIFF file that are not decoded yet, and what they are decoded from. */
  readonly #pages: number[];
  #document: Buffer | undefined;
  #converter: RgbConverter | undefined;
  #orientation: Orientation = orientationOf(null);
  readonly #waiting: Picture[] = [];
  #draining = false;
  #readError: string | undefined;
  /** How colours are coded that come out wrong. */
  #misread: string | undefined;
  /** Whether the file ends in the middle of a picture. */
  #cutOff: boolean;
  /** Whether the last packet was not there as a whole. */
  #partial = false;
  /** Of a broadcast. */
  readonly #losses: Losses | undefined;
  /** The size (pixels) of frames that are of another one than the first. */
  #otherSize: string | undefined;
  #firstSize = '';
  #lastEnd = 0;
  /** Seconds after the beginning of the file up to which there is sound or another picture: it may last longer. */
  #otherEnd = 0;
  #badPackets = 0;
  #badPictures = 0;
  /** Pictures decoded so far, those read ahead included. */
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
  /** Whether the file is a picture, or several of them, without a container. */
  readonly still: boolean;
  /** Whether the stored pixels are grey. */
  grey = false;

  private constructor(
    av: Ffmpeg,
    source: string,
    format: FormatContext,
    codec: CodecContext,
    stream: Stream,
    fps: number,
    pages: TiffPages | undefined,
  ) {
    this.#av = av;
    this.#source = source;
    this.#isFile = pages !== undefined;
    this.#format = format;
    this.#codec = codec;
    this.#stream = stream;
    this.formatName = format.iformat?.name ?? '';
    this.still = isStill(av, format, stream);
    this.#units = new Map(format.streams.map(({ index, timeBase }) => [index, timeBase.toDouble()]));
    this.#beginning = format.startTime === av.AV_NOPTS_VALUE ? 0 : Number(format.startTime) / 1e6;
    this.#packet = new av.Packet();
    this.#packet.alloc();
    this.#frames = [new av.Frame(), new av.Frame()];
    for (const frame of this.#frames) frame.alloc();
    const flags = format.iformat?.flags ?? 0;
    const { places, whole } = pages ?? NO_PAGES;
    this.#pages = [...places];
    this.#cutOff = !whole;
    this.#clockless = (flags & av.AVFMT_NOTIMESTAMPS) !== 0 || places.length > 1;
    const seconds = this.#clockless ? 0 : lengthOf(format, stream);
    this.seconds = this.#isFile && this.formatName === 'mpegts' ? plausibleLength(seconds, fps, source) : seconds;
    this.fps = fps;
    this.expected = places.length || Number(stream.nbFrames) || Math.round(this.seconds * fps);
    const [length, discontinuous] = [this.seconds, (flags & av.AVFMT_TS_DISCONT) !== 0];
    this.#losses = discontinuous ? new Losses(stream.timeBase.toDouble()) : undefined;
    this.#timeline = new Timeline({ period: 1 / fps, length, discontinuous });
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
    const refused = (code: number) =>
      `${path} is not a video that FFmpeg can read${code < 0 ? ` (${explain(av, code)})` : ''}; ${ADVICE}.`;
    const input = { name: path, open: (_: Ffmpeg, format: FormatContext) => openInput(av, format, path) };
    return VideoReader.#open(av, new av.FormatContext(), input, options, { isFile: true, refused });
  }

  /**
   * Opens what is no file, and waits for its first picture.
   * @param onContext Is given what ends the waiting, also that for later pictures: it then looks as if the stream had ended.
   * @throws InputError when it cannot be opened, is no video, or gives no picture.
   */
  static async openStream(
    input: StreamInput,
    options: ReaderOptions,
    onContext: (context: Pick<FormatContext, 'interrupt'>) => void,
  ): Promise<VideoReader> {
    const av = await loadFfmpeg();
    const format = new av.FormatContext();
    // Only a context that is there can be interrupted while it is opened.
    format.allocContext();
    onContext(format);
    const { name, advice } = input;
    const refused = (code: number) =>
      `${name} cannot be opened as a video${code < 0 ? ` (${explain(av, code)})` : ''}${advice ? `; ${advice}` : ''}.`;
    return VideoReader.#open(av, format, input, options, { isFile: false, refused });
  }

  static async #open(
    av: Ffmpeg,
    format: FormatContext,
    input: StreamInput,
    options: ReaderOptions,
    { isFile, refused }: { isFile: boolean; refused(code: number): string },
  ): Promise<VideoReader> {
    const { name: source } = input;
    let codec: CodecContext | undefined;
    let reader: VideoReader | undefined;
    try {
      const code = await input.open(av, format);
      if (code < 0 || TEXT_ART.has(format.iformat?.name ?? '')) throw new InputError(refused(code));
      await format.findStreamInfo();
      const stream = await chooseStream(av, format, source, options.stream, isFile);
      const still = isStill(av, format, stream);
      const isTiff = isFile && stream.codecpar.codecId === av.AV_CODEC_ID_TIFF && still;
      const pages = isTiff ? await readTiffPages(source) : isFile ? NO_PAGES : undefined;
      codec = new av.CodecContext();
      await openDecoder(av, codec, stream, source, still, !isFile);
      const fps = await frameRate(av, isFile ? source : undefined, format, stream);
      reader = new VideoReader(av, source, format, codec, stream, fps, pages);
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
    return this.#waiting.shift() ?? (await this.#decode());
  }

  /** Whether a second picture of the size of the first follows it; asked before any call of `next`. */
  async hasSecond(): Promise<boolean> {
    const first = this.#waiting[0]?.frame;
    const before = this.#badPackets;
    const second = await this.#decode();
    if (second !== undefined) this.#waiting.push(second);
    if (second?.frame.width === first?.width && second?.frame.height === first?.height) return true;
    // Anything may follow a picture.
    this.#badPackets = before;
    return false;
  }

  /** H×W×3 upright RGB bytes of a picture that is still valid. */
  convert(picture: Picture): Promise<Uint8Array> {
    if (this.#converter === undefined)
      throw new InputError(`${this.#source} is closed: its frames can be had no more.`);
    return this.#converter.convert(picture.frame, this.#orientation, this.#source);
  }

  /** Why reading stopped before the end; undefined while it goes on, and at the end. */
  get broken(): string | undefined {
    return this.#readError;
  }

  /** What was wrong with the file so far, one sentence each. */
  warnings(): string[] {
    const found: string[] = [];
    const say = (text: string): number => found.push(`${this.#source}: ${text}.`);
    if (this.#badPackets > 0) say(`${counted(this.#badPackets, 'packet')} could not be decoded`);
    if (this.#badPictures > 0) say(`${counted(this.#badPictures, 'frame')} came out damaged`);
    const lost = this.#losses?.count ?? 0;
    if (lost > 0) say(`data were lost on the way ${counted(lost, 'time')}, so that frames are missing or wrong`);
    if (this.#otherSize !== undefined)
      say(`frames of ${this.#otherSize} are stretched to ${this.#firstSize}, the size of the first`);
    if (this.#timeline.jumps > 0) say(`the clock jumped ${counted(this.#timeline.jumps, 'time')} and was put right`);
    if (this.#readError !== undefined) say(`reading stopped early (${this.#readError})`);
    if (this.#misread !== undefined)
      say(`its colours are coded as ${this.#misread} but read as BT.601, so they are off`);
    if (this.#cutOff) say('the file is cut off in the middle of a picture');
    const reached = Math.max(this.#lastEnd, this.#otherEnd);
    // Time stamps of several broadcasts, one behind the other, tell nothing of how long they are.
    const announced = !(this.#losses && this.#timeline.jumps > 0);
    if (announced && this.#draining && this.decoded < 0.9 * this.expected && reached < 0.9 * this.seconds) {
      say(`the file ends after ${this.decoded} of about ${this.expected} frames that it announces`);
    }
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
    this.#waiting.push(picture);
    const { frame } = picture;
    const name = av.avGetPixFmtName(frame.format as Parameters<Ffmpeg['avGetPixFmtName']>[0]) ?? '';
    this.grey = /^(gray|ya|mono)/.test(name);
    this.#misread = misreadMatrix(av, frame.colorSpace);
    // The decoder passes the container's matrix on; some formats leave it in the stream only.
    this.#orientation = orientationOf(
      frame.getSideData(av.AV_FRAME_DATA_DISPLAYMATRIX) ??
        this.#stream.codecpar.getCodedSideData(av.AV_PKT_DATA_DISPLAYMATRIX),
    );
    const hidden = this.#stream.codecpar.getCodedSideData(av.AV_PKT_DATA_FRAME_CROPPING);
    const crop = cropOf(hidden, frame.width, frame.height);
    const { left = 0, top = 0, right = 0, bottom = 0 } = crop ?? {};
    const { width, height } = limitSize(frame.width - left - right, frame.height - top - bottom, maxShortSide);
    [this.width, this.height] = swapsSides(this.#orientation) ? [height, width] : [width, height];
    this.#converter = new RgbConverter(av, width, height, crop);
  }

  async #decode(): Promise<Picture | undefined> {
    const picture = await this.#decodeNext();
    return picture !== undefined || !(await this.#nextPage()) ? picture : this.#decode();
  }

  /** Begins to decode the next page of a TIFF file with a decoder of its own; false where there is none. */
  async #nextPage(): Promise<boolean> {
    if (this.#document === undefined || this.#pages.length === 0) return false;
    this.#codec.freeContext();
    this.#codec = new this.#av.CodecContext();
    await openDecoder(this.#av, this.#codec, this.#stream, this.#source, true);
    await this.#sendPage(this.#document);
    await this.#codec.sendPacket(null);
    return true;
  }

  /** Gives the decoder a TIFF file whose first page is the next one. */
  async #sendPage(document: Buffer): Promise<void> {
    const place = this.#pages.shift();
    if (place !== undefined) selectPage(document, place);
    const packet = this.#packet;
    packet.data = document;
    if ((await this.#codec.sendPacket(packet)) < 0) this.#badPackets++;
    packet.unref();
  }

  async #decodeNext(): Promise<Picture | undefined> {
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
        const ended = code === this.#av.AVERROR_EOF || ENDLESS.has(this.formatName);
        if (!ended) this.#readError = explain(this.#av, code);
        this.#draining = true;
        this.#cutOff ||= this.#partial || (this.#isFile && (await isCutOff(this.#source, this.formatName)));
        await this.#codec.sendPacket(null);
        return;
      }
      const ours = packet.streamIndex === this.#stream.index;
      if (!ours) this.#noteOther(packet);
      // Without contents it says that the picture before it stays.
      if (!ours || packet.size === 0) {
        packet.unref();
        continue;
      }
      const isPartial = packet.hasFlags(this.#av.AV_PKT_FLAG_CORRUPT);
      this.#partial = !this.#losses && isPartial;
      this.#losses?.note(packet.dts, isPartial);
      if (this.#pages.length > 0) {
        this.#document = Buffer.from(packet.data ?? []);
        packet.unref();
        return this.#sendPage(this.#document);
      }
      const sent = await this.#codec.sendPacket(packet);
      packet.unref();
      if (sent >= 0) return;
      this.#badPackets++;
    }
  }

  #noteOther({ streamIndex, pts, duration }: Packet): void {
    const unit = this.#units.get(streamIndex);
    if (unit === undefined || pts === this.#av.AV_NOPTS_VALUE) return;
    this.#otherEnd = Math.max(this.#otherEnd, Number(pts + duration) * unit - this.#beginning);
  }

  #accept(frame: Frame): Picture {
    const av = this.#av;
    this.decoded++;
    const size = `${frame.width}×${frame.height}`;
    this.#firstSize ||= size;
    if (size !== this.#firstSize) this.#otherSize = size;
    if (frame.decodeErrorFlags !== 0 || frame.hasFlags(av.AV_FRAME_FLAG_CORRUPT)) this.#badPictures++;
    const unit = this.#stream.timeBase.toDouble();
    const stamp = this.#clockless ? av.AV_NOPTS_VALUE : frame.bestEffortTimestamp;
    const time = this.#timeline.place(stamp === av.AV_NOPTS_VALUE ? undefined : Number(stamp) * unit);
    this.#lastEnd = this.#timeline.endOf(Number(frame.duration) * unit);
    return { frame, time, end: this.#lastEnd };
  }
}

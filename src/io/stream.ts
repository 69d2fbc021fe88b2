/** @file The video stream of an opened file: which one it is, how fast and how long, and its decoder. */

import type { CodecContext, FormatContext, Stream } from 'node-av/lib';
import { InputError } from '../core/errors.ts';
import { explain, type Ffmpeg, openInput } from './ffmpeg.ts';
import { readStructure } from './isobmff.ts';

export const ADVICE = 'use an mp4, mkv, webm, mov, avi or GIF file, a folder of images, or a .npy array';

/** So many packets tell the rate of a stream that does not say it. */
const PACKETS_FOR_RATE = 300;

/** A file is not looked through further than this for it. */
const MOST_PACKETS = 5000;

/** Rates from here on (Hz) may be the resolution of a clock. */
const DOUBTFUL_RATE = 1000;

/** Pictures of a HEIF or AVIF file that are put together from others. */
const DERIVED = new Set(['grid', 'iovl', 'iden']);

/** Whether a stream is a picture, or several of them one after the other, without a clock. */
export function isStill(av: Ffmpeg, format: FormatContext, stream: Stream): boolean {
  return /^image2$|^mjpeg$|_pipe$/.test(format.iformat?.name ?? '') || isItem(av, format, stream);
}

function isMov(format: FormatContext): boolean {
  return /\bmov\b/.test(format.iformat?.name ?? '');
}

/** Whether a stream is a picture of a HEIF or AVIF file outside of any track: it has no length. */
function isItem(av: Ffmpeg, format: FormatContext, stream: Stream): boolean {
  return isMov(format) && stream.nbFrames === 1n && stream.duration === av.AV_NOPTS_VALUE;
}

/** Seconds that a stream says it lasts; 0 when it does not. */
export function lengthOf(format: FormatContext, stream: Stream): number {
  const own = Number(stream.duration) * stream.timeBase.toDouble();
  return [own, Number(format.duration) / 1e6].find((value) => value > 0) ?? 0;
}

/**
 * Average pictures per second (Hz) of a stream: what its file says, or what its first packets show where that is nothing,
 * or may be the resolution of the clock instead. 25 where neither tells.
 * @param path Of a file, which may be looked into once more.
 */
export async function frameRate(
  av: Ffmpeg,
  path: string | undefined,
  format: FormatContext,
  stream: Stream,
): Promise<number> {
  const [average = 0, lowest = 0, coded = 0] = [stream.avgFrameRate, stream.rFrameRate, stream.codecpar.frameRate].map(
    ({ num, den }) => (num > 0 && den > 0 ? num / den : 0),
  );
  // In a bare stream the container's rate is FFmpeg's default.
  if (((format.iformat?.flags ?? 0) & av.AVFMT_NOTIMESTAMPS) !== 0) return coded || average || 25;
  if (average > 0 && average < DOUBTFUL_RATE) return average;
  const counted = Number(stream.nbFrames) / lengthOf(format, stream);
  const measured =
    counted > 0 && counted < Infinity ? counted : path === undefined ? 0 : await measureRate(av, path, stream.index);
  // Time stamps are rounded; a rate that the file names and that fits is the exact one.
  const named = [average, lowest, coded].find((rate) => rate > 0 && Math.abs(measured / rate - 1) < 0.02);
  if (named !== undefined || measured > 0) return named ?? measured;
  return lowest > 0 && lowest < DOUBTFUL_RATE ? lowest : 25;
}

/** The first packets of a stream. */
interface Survey {
  packets: number;
  /** Time stamps (seconds). */
  first: number;
  last: number;
}

/** Looks through the first packets of a file, until each of these streams has shown `enough` of them. */
async function survey(av: Ffmpeg, path: string, indices: number[], enough: number): Promise<Map<number, Survey>> {
  const found = new Map(indices.map((index) => [index, { packets: 0, first: Infinity, last: -Infinity }]));
  const format = new av.FormatContext();
  const packet = new av.Packet();
  packet.alloc();
  try {
    if ((await openInput(av, format, path)) < 0) return found;
    const units = new Map(format.streams.map((stream) => [stream.index, stream.timeBase.toDouble()]));
    for (let n = 0; n < MOST_PACKETS && [...found.values()].some(({ packets }) => packets < enough); n++) {
      if ((await format.readFrame(packet)) < 0) break;
      const stamp = packet.pts === av.AV_NOPTS_VALUE ? packet.dts : packet.pts;
      const seen = found.get(packet.streamIndex);
      if (seen && stamp !== av.AV_NOPTS_VALUE) {
        const time = Number(stamp) * (units.get(packet.streamIndex) ?? 0);
        seen.packets++;
        seen.first = Math.min(seen.first, time);
        seen.last = Math.max(seen.last, time);
      }
      packet.unref();
    }
    return found;
  } finally {
    packet.free();
    await format.closeInput();
  }
}

/** Pictures per second (Hz) by the time stamps of the first packets; 0 where they do not tell. */
async function measureRate(av: Ffmpeg, path: string, index: number): Promise<number> {
  const { packets = 0, first = 0, last = 0 } = (await survey(av, path, [index], PACKETS_FOR_RATE)).get(index) ?? {};
  return last > first ? (packets - 1) / (last - first) : 0;
}

/**
 * The stream to decode: the one that was asked for, or else the one that FFmpeg judges best of those that are meant to be
 * looked at by themselves.
 * @param path How the input is called, for messages.
 * @param isFile Whether it is a file of that path, which may be looked into besides.
 * @throws InputError when there is none, or none of that index.
 */
export async function chooseStream(
  av: Ffmpeg,
  format: FormatContext,
  path: string,
  wanted: number | undefined,
  isFile: boolean,
): Promise<Stream> {
  const streams = format.streams;
  const isVideo = (stream: Stream): boolean =>
    // Cover art is a still picture inside an audio file.
    stream.codecpar.codecType === av.AVMEDIA_TYPE_VIDEO && !stream.hasDisposition(av.AV_DISPOSITION_ATTACHED_PIC);
  const videos = streams.filter(isVideo);
  if (videos.length === 0) {
    const sound = streams.some((stream) => stream.codecpar.codecType === av.AVMEDIA_TYPE_AUDIO);
    throw new InputError(`${path} holds no video stream${sound ? ', only sound' : ''}; ${ADVICE}.`);
  }
  if (wanted === undefined) return best(av, format, isFile ? await mainStreams(av, format, videos, path) : videos);
  const stream = videos.find((candidate) => candidate.index === wanted);
  if (stream === undefined) {
    const indices = videos.map(({ index }) => index).join(', ');
    throw new InputError(`${path} has no video stream ${wanted}; its video streams are ${indices}.`);
  }
  return stream;
}

/** The first of these that leaves any stream: what is no thumbnail or plane of another one, what has more than one picture. */
async function mainStreams(av: Ffmpeg, format: FormatContext, videos: Stream[], path: string): Promise<Stream[]> {
  if (videos.length === 1 && !videos.some((stream) => isItem(av, format, stream))) return videos;
  let main = videos;
  const prefer = (isMain: (stream: Stream) => boolean): void => {
    const found = main.filter(isMain);
    if (found.length > 0) main = found;
  };
  const minor = [av.AV_DISPOSITION_TIMED_THUMBNAILS, av.AV_DISPOSITION_DEPENDENT, av.AV_DISPOSITION_STILL_IMAGE];
  for (const disposition of minor) prefer((stream) => !stream.hasDisposition(disposition));
  if (isMov(format)) {
    const { auxiliaryTracks, pictureTracks, primary } = readStructure(path);
    if (pictureTracks.size > 0) prefer((stream) => !isItem(av, format, stream));
    else if (primary !== undefined) {
      if (DERIVED.has(primary.type)) {
        throw new InputError(
          `${path} is a picture that is put together from others, which cannot be read; save it as JPEG or PNG.`,
        );
      }
      prefer((stream) => stream.id === primary.id);
    }
    // Tracks and pictures outside of them have identifiers of their own.
    prefer((stream) => isItem(av, format, stream) || !auxiliaryTracks.has(stream.id));
  }
  if (main.length === 1) return main;
  const indices = main.filter(({ nbFrames }) => nbFrames === 0n).map(({ index }) => index);
  const counts = indices.length > 0 ? await survey(av, path, indices, 2) : undefined;
  prefer(({ index, nbFrames }) => (counts?.get(index)?.packets ?? Number(nbFrames)) !== 1);
  return main;
}

/** The stream that FFmpeg judges best, or the best of `main` by the same order where that is none of them. */
function best(av: Ffmpeg, format: FormatContext, main: readonly Stream[]): Stream {
  const index = format.findBestStream(av.AVMEDIA_TYPE_VIDEO, -1, -1);
  const rank = (stream: Stream): number[] => [
    Number(stream.index === index),
    Number(stream.hasDisposition(av.AV_DISPOSITION_DEFAULT)),
    Number(stream.codecpar.bitRate),
  ];
  const order = (a: Stream, b: Stream): number => {
    const [left, right] = [rank(a), rank(b)];
    const at = left.findIndex((value, i) => value !== right[i]);
    return at < 0 ? a.index - b.index : (right[at] ?? 0) - (left[at] ?? 0);
  };
  return [...main].sort(order)[0] as Stream;
}

/**
 * Makes `codec` the decoder of a stream.
 * @param still whether a picture that is cut off or damaged shall be refused; of a video the rest may be good.
 * @param prompt whether each picture shall come out at once: threads that decode one each hold as many of them back.
 * @throws InputError when FFmpeg has none for it, or refuses the stream.
 */
export async function openDecoder(
  av: Ffmpeg,
  codec: CodecContext,
  stream: Stream,
  path: string,
  still: boolean,
  prompt = false,
): Promise<void> {
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
  if (prompt) codec.threadType = av.FF_THREAD_SLICE;
  // JPEG would else be filled up with grey; the other way round, some TIFF files that are whole would be refused.
  const strict = still && [av.AV_CODEC_ID_MJPEG, av.AV_CODEC_ID_JPEGLS].some((id) => id === parameters.codecId);
  const settings = av.Dictionary.fromObject(strict ? { err_detect: 'explode' } : {});
  const code = await codec.open2(decoder, settings);
  settings.free();
  if (code < 0) {
    throw new InputError(
      `${path} has a ${name} stream that cannot be decoded (${explain(av, code)}); the file is damaged, so use an intact copy.`,
    );
  }
}

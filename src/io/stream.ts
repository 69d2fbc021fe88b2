/** @file The video stream of an opened file: which one it is, how fast and how long, and its decoder. */

import type { CodecContext, FormatContext, Stream } from 'node-av/lib';
import { InputError } from '../core/errors.ts';
import { explain, type Ffmpeg, openInput } from './ffmpeg.ts';

export const ADVICE = 'use an mp4, mkv, webm, mov, avi or GIF file, a folder of images, or a .npy array';

/** So many packets tell the rate of a stream that does not say it. */
const PACKETS_FOR_RATE = 300;

/** Rates from here on (Hz) may be the resolution of a clock. */
const DOUBTFUL_RATE = 1000;

/** Whether a file is a picture, or several of them one after the other, without a container around them. */
export function isStill(format: FormatContext): boolean {
  return /^image2$|_pipe$/.test(format.iformat?.name ?? '');
}

/** Seconds that a stream says it lasts; 0 when it does not. */
export function lengthOf(format: FormatContext, stream: Stream): number {
  const own = Number(stream.duration) * stream.timeBase.toDouble();
  return [own, Number(format.duration) / 1e6].find((value) => value > 0) ?? 0;
}

/**
 * Average pictures per second (Hz) of a stream: what its file says, or what its first packets show where that is nothing,
 * or may be the resolution of the clock instead. 25 where neither tells.
 */
export async function frameRate(av: Ffmpeg, path: string, format: FormatContext, stream: Stream): Promise<number> {
  const [average = 0, lowest = 0, coded = 0] = [stream.avgFrameRate, stream.rFrameRate, stream.codecpar.frameRate].map(
    ({ num, den }) => (num > 0 && den > 0 ? num / den : 0),
  );
  // In a bare stream the container's rate is FFmpeg's default.
  if (((format.iformat?.flags ?? 0) & av.AVFMT_NOTIMESTAMPS) !== 0) return coded || average || 25;
  if (average > 0 && average < DOUBTFUL_RATE) return average;
  const counted = Number(stream.nbFrames) / lengthOf(format, stream);
  const measured = counted > 0 && counted < Infinity ? counted : await measureRate(av, path, stream.index);
  // Time stamps are rounded; a rate that the file names and that fits is the exact one.
  const named = [average, lowest, coded].find((rate) => rate > 0 && Math.abs(measured / rate - 1) < 0.02);
  if (named !== undefined || measured > 0) return named ?? measured;
  return lowest > 0 && lowest < DOUBTFUL_RATE ? lowest : 25;
}

/** Pictures per second (Hz) by the time stamps of the first packets; 0 where they do not tell. */
async function measureRate(av: Ffmpeg, path: string, index: number): Promise<number> {
  const format = new av.FormatContext();
  const packet = new av.Packet();
  packet.alloc();
  try {
    if ((await openInput(av, format, path)) < 0) return 0;
    let [packets, first, last] = [0, Infinity, -Infinity];
    while (packets < PACKETS_FOR_RATE && (await format.readFrame(packet)) >= 0) {
      const stamp = packet.pts === av.AV_NOPTS_VALUE ? packet.dts : packet.pts;
      if (packet.streamIndex === index && stamp !== av.AV_NOPTS_VALUE) {
        packets++;
        first = Math.min(first, Number(stamp));
        last = Math.max(last, Number(stamp));
      }
      packet.unref();
    }
    const unit = format.streams.find((stream) => stream.index === index)?.timeBase.toDouble() ?? 0;
    const span = (last - first) * unit;
    return span > 0 ? (packets - 1) / span : 0;
  } finally {
    packet.free();
    await format.closeInput();
  }
}

/**
 * The stream to decode: the one that was asked for, or else the one that FFmpeg judges best.
 * @throws InputError when there is none, or none of that index.
 */
export function chooseStream(av: Ffmpeg, format: FormatContext, path: string, wanted: number | undefined): Stream {
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

/**
 * Makes `codec` the decoder of a stream.
 * @param still whether a picture that is cut off or damaged shall be refused; of a video the rest may be good.
 * @throws InputError when FFmpeg has none for it, or refuses the stream.
 */
export async function openDecoder(
  av: Ffmpeg,
  codec: CodecContext,
  stream: Stream,
  path: string,
  still: boolean,
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
  // Only JPEG would else be filled up with grey; the other way round, some TIFF files that are whole would be refused.
  const strict = still && parameters.codecId === av.AV_CODEC_ID_MJPEG;
  const settings = av.Dictionary.fromObject(strict ? { err_detect: 'explode' } : {});
  const code = await codec.open2(decoder, settings);
  settings.free();
  if (code < 0) {
    throw new InputError(
      `${path} has a ${name} stream that cannot be decoded (${explain(av, code)}); the file is damaged, so use an intact copy.`,
    );
  }
}

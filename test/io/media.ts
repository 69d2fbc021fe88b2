/** @file Videos and pictures of the formats that the package reads but does not write, made with FFmpeg's own encoders. */

import { resolve } from 'node:path';
import type { Frame } from 'node-av/lib';
import { type Ffmpeg, fileUrl, loadFfmpeg } from '../../src/io/ffmpeg.ts';

export interface MediaFormat {
  /** FFmpeg's name of the encoder, such as `libvpx-vp9`. */
  readonly encoder: string;
  /** FFmpeg's name of a pixel format that it takes; `yuv420p` where left out. */
  readonly pixels?: string;
  readonly width: number;
  readonly height: number;
  /** One for a picture. */
  readonly frames: number;
}

/** A picture whose colours run from left to right and from top to bottom, and change with the frame. */
function gradient(av: Ffmpeg, { width, height }: MediaFormat, frame: number): Frame {
  const rgb = Buffer.alloc(width * height * 3);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      rgb[i++] = (255 * x) / width;
      rgb[i++] = (255 * y) / height;
      rgb[i++] = (40 * frame) % 256;
    }
  }
  return av.Frame.fromVideoBuffer(rgb, { width, height, format: av.AV_PIX_FMT_RGB24, timeBase: { num: 1, den: 25 } });
}

/** Writes a file; its name's ending says what container it is. */
export async function writeMedia(path: string, format: MediaFormat): Promise<void> {
  const av = await loadFfmpeg();
  const { encoder: name, pixels = 'yuv420p', width, height, frames } = format;
  const check = (code: number, what: string): void => {
    if (code < 0) throw new Error(`${path}: ${what} gives ${code}.`);
  };
  const encoder = av.Codec.findEncoderByName(name as Parameters<Ffmpeg['Codec']['findEncoderByName']>[0]);
  if (!encoder) throw new Error(`This FFmpeg has no encoder ${name}.`);
  const codec = new av.CodecContext();
  codec.allocContext3(encoder);
  codec.width = width;
  codec.height = height;
  codec.pixelFormat = av.avGetPixFmtFromName(pixels);
  codec.timeBase = new av.Rational(1, 25);
  codec.framerate = new av.Rational(25, 1);
  // Some encoders answer only when they have seen many frames, or ask for many threads.
  codec.threadCount = 1;
  check(await codec.open2(encoder), 'the encoder');
  const muxer = new av.FormatContext();
  const packet = new av.Packet();
  packet.alloc();
  const scaler = new av.SoftwareScaleContext();
  scaler.allocContext();
  const picture = new av.Frame();
  picture.alloc();
  picture.format = codec.pixelFormat;
  picture.width = width;
  picture.height = height;
  picture.getBuffer();
  try {
    check(muxer.allocOutputContext2(null, null, fileUrl(resolve(path))), 'the container');
    check(await muxer.openOutput(), 'the file');
    const stream = muxer.newStream();
    check(stream.codecpar.fromContext(codec), 'the stream');
    stream.timeBase = codec.timeBase;
    const settings = av.Dictionary.fromObject(frames === 1 ? { update: '1' } : {});
    check(await muxer.writeHeader(settings), 'the header');
    settings.free();
    for (let i = 0; i <= frames; i++) {
      if (i < frames) {
        const source = gradient(av, format, i);
        check(picture.makeWritable(), 'the picture');
        check(await scaler.scaleFrame(picture, source), 'the conversion');
        source.free();
        picture.pts = BigInt(i);
      }
      check(await codec.sendFrame(i < frames ? picture : null), 'the frame');
      while ((await codec.receivePacket(packet)) >= 0) {
        packet.streamIndex = stream.index;
        packet.duration = 1n;
        packet.rescaleTs(codec.timeBase, stream.timeBase);
        check(await muxer.interleavedWriteFrame(packet), 'the packet');
      }
    }
    check(await muxer.writeTrailer(), 'the trailer');
    await muxer.closeOutput();
  } finally {
    picture.free();
    packet.free();
    scaler.freeContext();
    codec.freeContext();
    muxer.freeContext();
  }
}

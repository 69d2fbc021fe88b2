/** @file What video comes from that is no file, and how FFmpeg opens it. */

import { statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { FormatContext, IOContext } from 'node-av/lib';
import { InputError } from '../core/errors.ts';
import { listed } from '../core/words.ts';
import { type Ffmpeg, loadFfmpeg, type StreamInput } from './ffmpeg.ts';

interface LiveInput extends StreamInput {
  /** Whether it cannot be opened again. */
  readonly isPipe: boolean;
  /** Whether it has no end, whatever it says of its length. */
  readonly isDevice: boolean;
  /** Ends waiting for what has not come yet. */
  stop(): void;
  /** When its context is closed. */
  free?(): void;
}

/** What an input does not say of itself. */
export interface InputSettings {
  /** FFmpeg's name of the container or of the kind of device, where it cannot be told from the input. */
  readonly format?: string | undefined;
  /** FFmpeg's name of how raw frames on standard input are laid out, such as `rgb24`; without it, they are a video. */
  readonly pixels?: string | undefined;
  /** Pixels of raw frames, or those that a camera is asked for. */
  readonly size?: { readonly width: number; readonly height: number } | undefined;
  /** Of raw frames, or what a camera is asked for, Hz. */
  readonly rate?: number | undefined;
}

/** Which device of FFmpeg's cameras are, by Node's names of platforms. */
const CAMERAS: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'v4l2',
  freebsd: 'v4l2',
  darwin: 'avfoundation',
  win32: 'dshow',
};

/** What an address may lead to: never to files of this machine. */
const PROTOCOLS =
  'http,https,httpproxy,tcp,tls,udp,udplite,rtp,srtp,rtsp,rtsps,rtmp,rtmps,rtmpt,srt,crypto,data,mmsh,mmst';

/** Bytes that are asked of standard input at a time. */
const READ_SIZE = 2 ** 16;

/**
 * How an input is opened; undefined of a file.
 * @throws InputError when settings do not go with the input, or this FFmpeg does not have them.
 */
export async function liveInput(input: string, settings: InputSettings): Promise<LiveInput | undefined> {
  const { format, pixels, size, rate } = settings;
  if (pixels !== undefined && input !== '-') {
    throw new InputError(
      `Raw frames are read from standard input only: give - in place of ${input}, or leave --pixels away.`,
    );
  }
  const video = {
    ...(size && { video_size: `${size.width}x${size.height}` }),
    ...(rate !== undefined && { framerate: String(rate) }),
  };
  if (input === '-') return pipe(pixels === undefined ? { format, settings: {} } : await raw(pixels, video, settings));
  const address = /^[a-z][a-z0-9+.-]+:\/\//i.test(input);
  if (address) {
    refuse({ size, rate }, 'an address');
    const name = input.replace(/\/\/[^/@]*@/, '//');
    const options = { protocol_whitelist: PROTOCOLS, rtsp_transport: 'tcp' };
    return { ...opened(name, input, format, options), isPipe: false, isDevice: false, stop: () => undefined };
  }
  const device = format ?? (isCamera(input) ? CAMERAS[process.platform] : undefined);
  if (device !== undefined) {
    const [url, advice] = isCamera(input) && input.startsWith('camera') ? await cameraAt(input, device) : [input, ''];
    const advised = { ...opened(input, url, device, video), ...(advice !== '' && { advice }) };
    return { ...advised, isPipe: false, isDevice: true, stop: () => undefined };
  }
  if (isCamera(input))
    throw new InputError(`Cameras cannot be read on ${process.platform}; give an address or - for standard input.`);
  refuse({ size, rate }, 'a file');
  return undefined;
}

function refuse(settings: Record<string, unknown>, what: string): void {
  const given = Object.entries(settings).find(([, value]) => value !== undefined);
  if (given) throw new InputError(`--${given[0]} is for cameras and raw frames; ${what} says that itself.`);
}

function isCamera(input: string): boolean {
  const found = statSync(input, { throwIfNoEntry: false });
  return found ? found.isCharacterDevice() : /^camera(:.+)?$/.test(input) || /^\/dev\/video\d+$/.test(input);
}

/** What FFmpeg calls a camera by its number, from 0 on, or its name; and what to say where there is no such. */
async function cameraAt(input: string, device: string): Promise<readonly [url: string, advice: string]> {
  const wanted = input.slice('camera:'.length) || '0';
  const av = await loadFfmpeg();
  const found = await av.Device.list().catch(() => []);
  const cameras = [...found].filter(({ type }) => type === 'video');
  const names = cameras.map(({ name, description }) =>
    description && description !== name ? `${name} (${description})` : name,
  );
  const advice = names.length > 0 ? `there is ${listed(names, 'and')}` : 'no camera was found';
  const number = /^\d+$/.test(wanted) ? Number(wanted) : undefined;
  if (device === 'v4l2') return [number === undefined ? wanted : `/dev/video${number}`, advice];
  if (device === 'avfoundation') return [wanted, advice];
  return [`video=${number === undefined ? wanted : (cameras[number]?.name ?? wanted)}`, advice];
}

/** @throws InputError when FFmpeg does not know the layout, or the frames' size is not said. */
async function raw(pixels: string, video: Record<string, string>, { size, format }: InputSettings) {
  const av = await loadFfmpeg();
  if (format !== undefined) throw new InputError('Raw frames have no format: give either --pixels or --format.');
  if (size === undefined) throw new InputError('Raw frames do not say their size: give it as --size WIDTHxHEIGHT.');
  if (av.avGetPixFmtFromName(pixels) === av.AV_PIX_FMT_NONE) {
    throw new InputError(
      `FFmpeg has no pixels ${pixels}; there are rgb24, bgr24, rgba, gray, yuv420p, nv12 and many more.`,
    );
  }
  return { format: 'rawvideo', settings: { pixel_format: pixels, ...video } };
}

function opened(name: string, url: string, format: string | undefined, settings: Record<string, string>): StreamInput {
  return { name, open: (av, context) => openUrl(av, context, url, format, settings) };
}

/** @throws InputError when this FFmpeg has no such format. */
async function openUrl(
  av: Ffmpeg,
  context: FormatContext,
  url: string,
  format: string | undefined,
  settings: Record<string, string>,
): Promise<number> {
  const named = format === undefined ? null : av.InputFormat.findInputFormat(format);
  if (format !== undefined && !named) throw new InputError(`This FFmpeg cannot read the format ${format}.`);
  const options = av.Dictionary.fromObject(settings);
  const code = await context.openInput(url, named, options);
  options.free();
  return code;
}

function pipe({ format, settings }: { format?: string | undefined; settings: Record<string, string> }): LiveInput {
  if (process.stdin.isTTY) {
    throw new InputError(
      'Standard input is a terminal; pipe a video into it, such as ffmpeg -i … -f mpegts - | i3d watch -.',
    );
  }
  const bytes = new Bytes(process.stdin);
  let io: IOContext | undefined;
  const open = async (av: Ffmpeg, context: FormatContext): Promise<number> => {
    io = new av.IOContext();
    io.allocContextWithCallbacks(READ_SIZE, 0, (size) => bytes.read(size));
    context.setFlags(av.AVFMT_FLAG_CUSTOM_IO);
    context.pb = io;
    return openUrl(av, context, '', format, settings);
  };
  // What calls back keeps the program from ending.
  const free = () => io?.freeContext();
  return { name: 'standard input', isPipe: true, isDevice: false, open, stop: () => bytes.stop(), free };
}

/** What a stream gives, as much of it as is there: the rest may be long in coming. */
class Bytes {
  private wake: () => void = () => undefined;
  private stopped = false;

  constructor(private readonly stream: Readable) {
    for (const event of ['readable', 'end', 'error', 'close']) stream.on(event, () => this.wake());
  }

  /** Null at the end. */
  async read(size: number): Promise<Buffer | null> {
    const { stream } = this;
    for (;;) {
      if (this.stopped) return null;
      const chunk = stream.read() as Buffer | null;
      if (chunk) {
        if (chunk.length > size) stream.unshift(chunk.subarray(size));
        return chunk.subarray(0, size);
      }
      if (stream.readableEnded || stream.destroyed) return null;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** No more is wanted; a pipe that stays open would keep the program from ending. */
  stop(): void {
    this.stopped = true;
    this.wake();
    this.stream.destroy();
  }
}

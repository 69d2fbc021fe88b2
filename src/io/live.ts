/** @file Video as it happens: cameras, addresses and pipes; recordings at the speed at which they were made. */

import { setTimeout as sleep } from 'node:timers/promises';
import { InputError } from '../core/errors.ts';
import type { ClipFrame, ClipOptions, FrameSource } from './clip.ts';
import { DEFAULT_FPS } from './clip.ts';
import { type InputSettings, liveInput } from './live-input.ts';
import { VideoReader } from './reader.ts';
import { sampledFrames } from './sampled_frames.ts';
import { openFrames } from './video.ts';

export interface LiveOptions extends InputSettings, Pick<ClipOptions, 'stream' | 'maxShortSide' | 'signal'> {
  /** Frames per second (Hz) that come out, or `'native'` for every frame as it is; 25 where left out. */
  readonly fps?: number | 'native' | undefined;
}

export interface LiveSource extends FrameSource {
  /** How it is called in messages: without what an address says of users and passwords. */
  readonly name: string;
  /** Whether it says how long it is: it comes to an end, and can be played at its own speed. Everything else goes on for ever. */
  readonly recorded: boolean;
  /** Whether it can be opened again when it has ended. */
  readonly reopens: boolean;
  /** Why there are no more frames. */
  ended(): string;
  /** Ends waiting for frames, so that `frames` ends; only then is it closed. */
  stop(): void;
}

/** A camera or an address that gives no frame for so long (milliseconds) is taken for broken. */
const PATIENCE = 10_000;

/**
 * Opens a camera (`/dev/video0`, `camera`, `camera:1`), an address (`rtsp://`, `http://` …), `-` for standard input, or a file, and waits
 * for its first frame. Always `close` it, when nothing waits for its frames any more.
 * @throws InputError when it cannot be opened or is no video; the reason of `signal`.
 */
export async function openLive(input: string, options: LiveOptions): Promise<LiveSource> {
  const { fps, stream, maxShortSide, signal } = options;
  const live = await liveInput(input, options);
  if (!live) {
    const source = await openFrames(input, { fps, stream, maxShortSide, signal });
    const ended = () => 'it has ended';
    return { ...source, name: input, recorded: true, reopens: false, ended, stop: () => undefined };
  }
  const guard = new Guard(live.isPipe ? Number.POSITIVE_INFINITY : PATIENCE, () => live.stop());
  const stop = (): void => guard.interrupt();
  signal?.addEventListener('abort', stop);
  let reader: VideoReader;
  try {
    reader = await guard.watch(() =>
      VideoReader.openStream(live, { stream, maxShortSide }, (context) => guard.add(() => context.interrupt())),
    );
  } catch (error) {
    signal?.removeEventListener('abort', stop);
    live.stop();
    live.free?.();
    signal?.throwIfAborted();
    if (guard.stalled) throw new InputError(`${live.name} gave no frame within ${PATIENCE / 1000} seconds.`);
    throw error;
  }
  if (reader.still) {
    stop();
    await reader.close();
    live.free?.();
    throw new InputError(`${live.name} is a picture; give the address of a video.`);
  }
  const rate = fps ?? DEFAULT_FPS;
  const guarded = {
    width: reader.width,
    height: reader.height,
    next: () => guard.watch(() => reader.next()),
    convert: (picture: Parameters<VideoReader['convert']>[0]) => reader.convert(picture),
  };
  return {
    kind: 'video',
    name: live.name,
    width: reader.width,
    height: reader.height,
    fps: rate === 'native' ? reader.fps : rate,
    sourceFps: reader.fps,
    expectedFrames: 0,
    recorded: reader.seconds > 0 && !live.isDevice,
    reopens: !live.isPipe,
    frames: () => sampledFrames(guarded, rate),
    warnings: () => reader.warnings(),
    ended: () =>
      guard.stalled ? `it gave no frame for ${PATIENCE / 1000} seconds` : (reader.broken ?? 'it has ended'),
    stop,
    async close() {
      signal?.removeEventListener('abort', stop);
      live.stop();
      await reader.close();
      live.free?.();
    },
  };
}

/** Ends waiting that takes too long. */
class Guard {
  stalled = false;
  private readonly interrupts: (() => void)[];

  constructor(
    /** Milliseconds. */
    private readonly patience: number,
    interrupt: () => void,
  ) {
    this.interrupts = [interrupt];
  }

  add(interrupt: () => void): void {
    this.interrupts.push(interrupt);
  }

  interrupt(): void {
    for (const each of this.interrupts) each();
  }

  async watch<T>(work: () => Promise<T>): Promise<T> {
    const timer =
      this.patience < Number.POSITIVE_INFINITY
        ? setTimeout(() => {
            this.stalled = true;
            this.interrupt();
          }, this.patience)
        : undefined;
    try {
      return await work();
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * The frames of a recording, each when it is its turn by the clock since the first one; a reader that is late is not waited for.
 * @throws The reason of `signal`.
 */
export async function* atOwnSpeed(
  frames: AsyncIterable<ClipFrame>,
  signal?: AbortSignal,
): AsyncGenerator<ClipFrame, void, undefined> {
  let began: number | undefined;
  for await (const frame of frames) {
    began ??= performance.now() - frame.time * 1000;
    const wait = began + frame.time * 1000 - performance.now();
    if (wait > 0) await sleep(wait, undefined, { signal });
    yield frame;
  }
}

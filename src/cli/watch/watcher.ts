/** @file Networks over a source of frames that may go on for days: opened again when it breaks, on another device when that is lost. */

import { setTimeout as sleep } from 'node:timers/promises';
import { InputError } from '../../core/errors.ts';
import { counted } from '../../core/words.ts';
import { Recoverable } from '../../gpu/recover.ts';
import type { ClipFrame } from '../../io/clip.ts';
import { atOwnSpeed, type LiveOptions, type LiveSource, openLive } from '../../io/live.ts';
import type { Stream } from '../../models/definition.ts';
import { OnlineRecogniser } from '../../models/online.ts';
import { Recogniser } from '../../models/recogniser.ts';
import type { FusionMode } from '../../models/scores.ts';
import type { Window } from '../../models/windows.ts';
import { ClipNetworks } from '../../recognition/clip_networks.ts';
import { type FusedScores, fusedScores } from '../../recognition/clip_result.ts';
import { LiveWindows } from '../../recognition/live_windows.ts';
import { OnlineNetworks } from '../../recognition/online_networks.ts';
import type { ChosenNetworks } from '../networks.ts';
import type { DeviceFlags } from '../options.ts';
import type { Session } from '../session.ts';
import { Latencies } from './latencies.ts';

export interface WatchSettings extends DeviceFlags, Omit<LiveOptions, 'signal' | 'maxShortSide'> {
  /** Seconds from one window to the next; a quarter of a window where left out. */
  readonly every?: number | undefined;
  /** Takes recordings and pipes as fast as networks go, and drops no window. */
  readonly fast?: boolean | undefined;
  /** Classes that are named. */
  readonly top: number;
  readonly fusion?: FusionMode | undefined;
  readonly weights?: readonly [rgb: number, flow: number] | undefined;
}

/** What the networks say of the latest frames. */
export interface WatchedWindow extends FusedScores {
  /** Seconds since the source was opened. */
  readonly from: number;
  readonly to: number;
  /** When its last frame came. */
  readonly time: Date;
  /** Seconds from then until the networks had looked at it. */
  readonly latency: number;
  /** Windows that were dropped so far. */
  readonly dropped: number;
}

interface WatchObserver {
  opened(source: LiveSource, every: number): Promise<void>;
  window(window: WatchedWindow): Promise<void>;
  /** @param pause Seconds until it is tried again. */
  broken(reason: string, pause: number): Promise<void>;
}

export interface WatchSummary {
  readonly windows: number;
  readonly dropped: number;
  readonly reconnects: number;
  readonly seconds: number;
  /** Seconds. */
  readonly latency: { readonly median: number; readonly p95: number } | undefined;
}

/** Networks over windows of frames that come by themselves. */
interface LiveNetworks {
  windows(
    frames: AsyncGenerator<ClipFrame>,
    options: { readonly live: LiveWindows<ClipFrame>; readonly signal: AbortSignal },
  ): AsyncIterable<Window & Partial<Record<Stream, readonly { readonly logits: ArrayLike<number> }[]>>>;
  dispose(): void;
}

/** Seconds between two tries to open a source again. */
const FIRST_PAUSE = 0.5;
const LONGEST_PAUSE = 30;

export class Watcher {
  private readonly networks: Recoverable<LiveNetworks>;
  private readonly latencies = new Latencies();
  private dropped = 0;
  private reconnects = 0;
  /** For which size of frames networks are ready. */
  private readonly ready = new WeakMap<LiveNetworks, string>();

  constructor(
    private readonly chosen: ChosenNetworks,
    private readonly labels: readonly string[],
    private readonly settings: WatchSettings,
    private readonly session: Session,
  ) {
    const { rule, specs } = chosen;
    const { accuracy, kernel } = settings;
    this.networks = new Recoverable(session.gpu, async (gpu): Promise<LiveNetworks> => {
      const options = { accuracy, kernel, tuning: await session.tuning() };
      session.progress.say('reading weights');
      // What it kept of a frame is not computed again; flow is, so that such a network is alone.
      if (rule.spec.architecture.online && !specs.has('flow'))
        return new OnlineNetworks(new OnlineRecogniser(gpu, chosen.load('rgb'), options));
      const all = Object.fromEntries(
        [...specs.keys()].map((name): [Stream, Recogniser] => [name, new Recogniser(gpu, chosen.load(name), options)]),
      );
      return new ClipNetworks(gpu, all, rule, session, 'Watcher');
    });
  }

  /**
   * Watches until a recording has ended, or `signal` is aborted.
   * @throws InputError when the source cannot be opened the first time, or a recording is too short; what networks and devices throw.
   */
  async run(input: string, observer: WatchObserver, signal: AbortSignal): Promise<WatchSummary> {
    const began = performance.now();
    let pause = FIRST_PAUSE;
    const wait = async (reason: string): Promise<void> => {
      await observer.broken(reason, pause);
      await sleep(pause * 1000, undefined, { signal }).catch(() => undefined);
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    };
    for (let opened = false; !signal.aborted; ) {
      let source: LiveSource;
      try {
        source = await this.open(input, signal);
      } catch (error) {
        if (signal.aborted) break;
        if (!opened || !(error instanceof InputError)) throw error;
        await wait(error.message.replace(/\.$/, ''));
        continue;
      }
      if (opened) this.reconnects++;
      opened = true;
      const before = this.latencies.count;
      await this.look(source, observer, signal);
      if (signal.aborted || source.recorded || !source.reopens) break;
      if (this.latencies.count > before) pause = FIRST_PAUSE;
      await wait(`${source.name}: ${source.ended()}`);
    }
    const [median, p95] = [this.latencies.quantile(0.5), this.latencies.quantile(0.95)];
    return {
      windows: this.latencies.count,
      dropped: this.dropped,
      reconnects: this.reconnects,
      seconds: (performance.now() - began) / 1000,
      latency: median === undefined || p95 === undefined ? undefined : { median, p95 },
    };
  }

  dispose(): void {
    this.networks.dispose();
  }

  private open(input: string, signal: AbortSignal): Promise<LiveSource> {
    const { spec, framing } = this.chosen.rule;
    const { fps = spec.fps, ...settings } = this.settings;
    const { stream, format, pixels, size, rate } = settings;
    const maxShortSide = framing === 'whole' ? spec.shortSide : undefined;
    return openLive(input, { fps, stream, format, pixels, size, rate, maxShortSide, signal });
  }

  /** Until there are no more frames. */
  private async look(source: LiveSource, observer: WatchObserver, signal: AbortSignal): Promise<void> {
    const { session, settings } = this;
    const { frames: size } = this.chosen.rule.spec;
    const { every, fast = false } = settings;
    const step = Math.max(1, Math.round(every === undefined ? size / 4 : every * source.fps));
    const live = new LiveWindows<ClipFrame>({ size, step, extra: this.extra, lossless: fast });
    const frames = source.recorded && !fast ? atOwnSpeed(source.frames(), signal) : source.frames();
    let failure: unknown;
    const take = async (): Promise<void> => {
      try {
        for await (const frame of frames) if (!(await live.push(frame))) break;
      } catch (error) {
        failure = error;
      } finally {
        live.end();
      }
    };
    let taking: Promise<void> | undefined;
    let dropped = 0;
    const before = this.latencies.count;
    /** Frames that the networks have got on their device; undefined until they are ready for them. */
    let asked: number | undefined;
    async function* given(): AsyncGenerator<ClipFrame, void, undefined> {
      asked = 0;
      for await (const frame of live.frames()) {
        asked++;
        yield frame;
      }
    }
    try {
      // Devices are opened while nothing else goes on.
      await session.gpu();
      await observer.opened(source, step / source.fps);
      // What is live does not wait until networks are ready.
      if (!source.recorded && !fast) taking = take();
      await this.networks.use(async (networks) => {
        asked = undefined;
        await this.prepare(networks, source, signal);
        taking ??= take();
        const scores = { top: settings.top, fusion: settings.fusion, weights: settings.weights };
        for await (const window of networks.windows(given(), { live, signal })) {
          const latency = live.age(window) / 1000;
          this.latencies.add(latency);
          session.progressed();
          const time = new Date(Date.now() - latency * 1000);
          const { start, rgb: [rgb] = [], flow: [flow] = [] } = window;
          const fused = fusedScores({ rgb: rgb?.logits, flow: flow?.logits }, this.labels, scores);
          this.dropped += live.dropped - dropped;
          dropped = live.dropped;
          const [from, to] = [start / source.fps, (start + size) / source.fps];
          await observer.window({ ...fused, from, to, time, latency, dropped: this.dropped });
          if (signal.aborted) return;
        }
      });
    } catch (error) {
      // A stream that breaks at once has no frames, and none may be left when a device is lost.
      const nothing = asked === 0 && error instanceof InputError && (!source.recorded || live.frameCount > 0);
      if (!signal.aborted && !nothing) throw error;
    } finally {
      live.end();
      source.stop();
      await taking;
      await source.close();
    }
    if (signal.aborted || !source.recorded) return;
    if (failure) throw failure;
    for (const text of source.warnings()) session.warn(text);
    if (this.latencies.count === before) {
      const have = counted(live.frameCount, 'frame');
      throw new InputError(`${source.name} has ${have} at ${source.fps} Hz, and a window of the model has ${size}.`);
    }
  }

  /** Flow leads from a window's last frame to the one behind it. */
  private get extra(): number {
    return this.chosen.specs.has('flow') ? 1 : 0;
  }

  /** Compiles what windows will need: the first one is not to be late. */
  private async prepare(networks: LiveNetworks, { width, height }: LiveSource, signal: AbortSignal): Promise<void> {
    const size = `${width}×${height}`;
    if (this.ready.get(networks) === size) return;
    const { frames } = this.chosen.rule.spec;
    this.session.progress.say('compiling');
    const live = new LiveWindows<ClipFrame>({ size: frames, step: frames, extra: this.extra, lossless: true });
    const blank = { data: new Uint8Array(width * height * 3), width, height, time: 0 };
    const push = async (): Promise<void> => {
      for (let i = 0; i < frames + this.extra; i++) await live.push(blank);
      live.end();
    };
    const pushing = push();
    try {
      for await (const _ of networks.windows(live.frames(), { live, signal }));
    } finally {
      live.end();
      await pushing;
    }
    this.session.progress.clear();
    this.ready.set(networks, size);
  }
}

/**
 * @file Windows of frames that come by themselves: which of them a network looks at, so that what it says is never older than a
 * window takes.
 */

import type { Frame } from './frame_parts.ts';
import type { ClipWindow } from './window_stream.ts';

export interface LiveWindowsOptions {
  /** Frames of a window. */
  readonly size: number;
  /** Frames from the beginning of a window to that of the next one. */
  readonly step: number;
  /** Frames behind a window without which it is not complete, as flow needs one; at the end of the frames it is. */
  readonly extra?: number | undefined;
  /** Whether frames wait for the networks, so that every window is looked at; else windows that are overtaken are dropped. */
  readonly lossless?: boolean | undefined;
  /** Milliseconds by any clock. */
  readonly now?: (() => number) | undefined;
}

/** A window that a network is to look at. */
export interface LiveWindow<P> extends ClipWindow<readonly P[]> {
  /**
   * How many of its last frames the window before did not have: all of them where frames are missing in between. A network that keeps
   * what it has seen takes only these, and begins anew where they are all.
   */
  readonly fresh: number;
}

/** A frame on its way. */
interface Numbered<F> {
  readonly frame: F;
  /** Since the first one that was pushed. */
  readonly number: number;
  /** When it came. */
  readonly at: number;
}

interface Released {
  release?(): void;
}

/** A frame that a window may be made of. */
interface HeldPart<P> {
  readonly part: P;
  readonly number: number;
  readonly at: number;
}

/**
 * Between who makes frames and `ClipNetworks`. Window k begins at frame k × `step`. When networks are ready for one, they get the newest that is
 * complete, and those before it are dropped. Frames are held for one window, and in a queue before it for another at most.
 */
export class LiveWindows<F extends Frame> {
  /** Windows that were complete, or would have been, and that no network has looked at. */
  dropped = 0;
  private readonly queue: Numbered<F>[] = [];
  /** What is known of frames that `frames` has given, until a part of them comes back. */
  private given: Omit<Numbered<F>, 'frame'>[] = [];
  /** When the last frame of a window came, by its first one. */
  private readonly arrivals = new Map<number, number>();
  private pushed = 0;
  private ended = false;
  /** The number of the window that was given last. */
  private last: number | undefined;
  private readonly changed = new Signal();
  private readonly taken = new Signal();
  private readonly now: () => number;

  constructor(private readonly options: LiveWindowsOptions) {
    this.now = options.now ?? (() => performance.now());
  }

  /** Frames so far. */
  get frameCount(): number {
    return this.pushed;
  }

  /** Whether every window is looked at. */
  get lossless(): boolean {
    return this.options.lossless ?? false;
  }

  /** Takes a frame, at once unless windows are not to be dropped; then as soon as there is room. False where no more are wanted. */
  async push(frame: F): Promise<boolean> {
    const { queue, capacity } = this;
    while (this.lossless && queue.length >= capacity && !this.ended) await this.taken.wait();
    if (this.ended) return false;
    queue.push({ frame, number: this.pushed++, at: this.now() });
    if (queue.length > capacity) queue.shift();
    this.changed.tell();
    return true;
  }

  /** There will be no more frames, or none are wanted. */
  end(): void {
    this.ended = true;
    this.changed.tell();
    this.taken.tell();
  }

  /** The frames for networks; called again where they are begun anew, from those on that were not given yet. */
  frames(): AsyncGenerator<F, void, undefined> {
    this.given = [];
    return this.giveFrames(this.given);
  }

  /**
   * Joins what has become of the frames to windows; takes them as they come, also while a window is being looked at.
   * @param parts One for each of `frames`, which were asked for before.
   */
  async *cut<P extends Released>(parts: AsyncIterable<P>): AsyncGenerator<LiveWindow<P>, void, undefined> {
    const { given, lossless } = this;
    const ring = new Ring<P>(this.capacity);
    const [changed, room] = [new Signal(), new Signal()];
    let [over, left] = [false, false];
    let failure: { readonly error: unknown } | undefined;
    const due = (): number | undefined => this.due(ring, over);
    const take = async (): Promise<void> => {
      try {
        for await (const part of parts) {
          if (left) {
            part.release?.();
            return;
          }
          const { number, at } = given.shift()!;
          ring.push({ part, number, at });
          changed.tell();
          while (lossless && !left && due() !== undefined) await room.wait();
        }
      } catch (error) {
        failure = { error };
      } finally {
        over = true;
        changed.tell();
      }
    };
    void take();
    try {
      for (;;) {
        const window = due();
        if (window !== undefined) {
          const made = this.give(ring, window);
          room.tell();
          yield made;
          ring.back();
        } else if (failure) throw failure.error;
        else if (over) return;
        else await changed.wait();
      }
    } finally {
      left = true;
      room.tell();
      ring.clear();
    }
  }

  /** Milliseconds since the last frame of a window came; once for each window. */
  age({ start }: Pick<ClipWindow, 'start'>): number {
    const at = this.arrivals.get(start) ?? this.now();
    // Windows come in order: those before were given up.
    for (const known of this.arrivals.keys()) if (known <= start) this.arrivals.delete(known);
    return this.now() - at;
  }

  private async *giveFrames(given: typeof this.given): AsyncGenerator<F, void, undefined> {
    // Who asked before, and does not know yet that he was replaced, takes none away.
    while (this.given === given) {
      const next = this.queue.shift();
      if (next) {
        given.push({ number: next.number, at: next.at });
        this.taken.tell();
        yield next.frame;
      } else if (this.ended) return;
      else await this.changed.wait();
    }
  }

  /** So many frames one behind the other always have a window, and have it until the next one is complete. */
  private get capacity(): number {
    const { size, step, extra = 0 } = this.options;
    return size + extra + step - 1;
  }

  /** The newest window that is complete and was not given yet. */
  private due(ring: Ring<unknown>, over: boolean): number | undefined {
    const { size, step, extra = 0 } = this.options;
    const newest = ring.end - size - (over ? 0 : extra);
    const window = Math.floor(newest / step);
    if (window < 0 || window <= (this.last ?? -1) || window * step < ring.start) return undefined;
    return window;
  }

  private give<P extends Released>(ring: Ring<P>, window: number): LiveWindow<P> {
    const { size, step, extra = 0 } = this.options;
    const start = window * step;
    const { last } = this;
    // Until networks are ready for the first one there is nothing to be dropped.
    if (last !== undefined) this.dropped += window - last - 1;
    this.last = window;
    const held = ring.lend(start, size + extra);
    this.arrivals.set(start, held[size - 1]!.at);
    const fresh = last === undefined || ring.cleared ? size : Math.min(size, (window - last) * step);
    ring.cleared = false;
    return { start, frames: size, clip: held.map(({ part }) => part), fresh };
  }
}

/** Frames one behind the other, as many as a window needs. */
class Ring<P> {
  private held: HeldPart<P & Released>[] = [];
  /** Parts that a window is being made of. */
  private lent: ReadonlySet<P> = new Set();
  private leaving: (P & Released)[] = [];
  /** Whether frames were missing since a window was lent. */
  cleared = false;

  constructor(private readonly capacity: number) {}

  /** The number of the first frame, and of the one behind the last. */
  get start(): number {
    return this.held[0]?.number ?? 0;
  }

  get end(): number {
    return (this.held.at(-1)?.number ?? -1) + 1;
  }

  push(part: HeldPart<P & Released>): void {
    if (this.held.length > 0 && part.number !== this.end) this.drop(this.held.length);
    this.held.push(part);
    this.drop(this.held.length - this.capacity);
  }

  /** Frames from `start` on, up to so many, which are not released until `back` is called. */
  lend(start: number, count: number): readonly HeldPart<P>[] {
    const from = start - this.start;
    const frames = this.held.slice(from, from + count);
    this.lent = new Set(frames.map(({ part }) => part));
    return frames;
  }

  back(): void {
    this.lent = new Set();
    for (const part of this.leaving.splice(0)) part.release?.();
  }

  clear(): void {
    this.back();
    this.drop(this.held.length);
  }

  private drop(count: number): void {
    if (count <= 0) return;
    if (count === this.held.length) this.cleared = true;
    for (const { part } of this.held.splice(0, count)) {
      if (this.lent.has(part)) this.leaving.push(part);
      else part.release?.();
    }
  }
}

/** Wakes whoever waits for a change. */
class Signal {
  private waiting: (() => void)[] = [];

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
    });
  }

  tell(): void {
    for (const wake of this.waiting.splice(0)) wake();
  }
}

/** @file Where the time of a recognition goes. */

/** What recognition does. Most of it at the same time: the next window is decoded while the network looks at one. */
export type Phase = 'decode' | 'prepare' | 'flow' | 'compile' | 'run';

/** Seconds in which a phase was going on, and of the whole by the clock since its beginning. */
export type Spent = Readonly<Record<Phase | 'total', number>>;

export class Stopwatches {
  private readonly began = performance.now();
  private readonly spentBefore: Record<Phase, number> = { decode: 0, prepare: 0, flow: 0, compile: 0, run: 0 };
  /** How often each phase is going on right now, and since when. */
  private readonly running = new Map<Phase, { count: number; readonly since: number }>();

  /** Counts the time of `body`; that of two at once is not counted twice. */
  async time<T>(phase: Phase, body: () => Promise<T>): Promise<T> {
    const other = this.running.get(phase);
    if (other) other.count++;
    else this.running.set(phase, { count: 1, since: performance.now() });
    try {
      return await body();
    } finally {
      const { count, since } = this.running.get(phase)!;
      if (count > 1) this.running.get(phase)!.count--;
      else {
        this.running.delete(phase);
        this.spentBefore[phase] += performance.now() - since;
      }
    }
  }

  get spent(): Spent {
    const now = performance.now();
    const seconds = (phase: Phase) =>
      (this.spentBefore[phase] + (now - (this.running.get(phase)?.since ?? now))) / 1000;
    return {
      decode: seconds('decode'),
      prepare: seconds('prepare'),
      flow: seconds('flow'),
      compile: seconds('compile'),
      run: seconds('run'),
      total: (now - this.began) / 1000,
    };
  }
}

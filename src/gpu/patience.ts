/**
 * @file Waiting without polling. Dawn's Node binding looks for finished work in every turn of the event loop, as fast as it
 * turns: one processor is busy with waiting, and a software adapter on two of them loses a third of its speed. While a wait
 * lasts, turns that did nothing else are made longer. For Node only.
 */

/** A turn that took longer than this had work to do. Milliseconds. */
const IDLE_TURN = 0.2;

/** The share of the time waited so far that one pause may add. */
const SHARE = 0.02;

/** Milliseconds. */
const LONGEST_PAUSE = 5;
const SHORTEST_PAUSE = 0.05;

export class Patience {
  private readonly cell = new Int32Array(new SharedArrayBuffer(4));
  private waits = 0;
  private turning = false;
  private since = 0;
  private turned = 0;

  /** The result of `wait`, during which idle turns of the event loop are slowed down. */
  readonly during = async <T>(wait: Promise<T>): Promise<T> => {
    if (this.waits++ === 0) {
      this.since = this.turned = performance.now();
      // The turns of a wait that has just ended go on for this one: two chains of them would pause twice.
      if (!this.turning) setImmediate(this.turn);
      this.turning = true;
    }
    try {
      return await wait;
    } finally {
      this.waits--;
    }
  };

  private readonly turn = (): void => {
    this.turning = this.waits > 0;
    if (!this.turning) return;
    const now = performance.now();
    const pause = Math.min(LONGEST_PAUSE, SHARE * (now - this.since));
    // Nobody wakes it: a sleep that blocks the thread.
    if (now - this.turned < IDLE_TURN && pause > SHORTEST_PAUSE) Atomics.wait(this.cell, 0, 0, pause);
    this.turned = performance.now();
    setImmediate(this.turn);
  };
}

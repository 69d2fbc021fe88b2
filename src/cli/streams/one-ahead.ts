/** @file Work that goes on while what comes after it is prepared. */

/** Runs pieces of work in order, one of them while its caller prepares the next. */
export class OneAhead {
  private last: Promise<unknown> = Promise.resolve();
  private all: Promise<unknown> = this.last;

  /** Starts `work` and waits until the piece before it is done. Throws what that one threw. */
  async next(work: () => Promise<void>): Promise<void> {
    const before = this.last;
    this.last = work();
    // Also waits for errors that nobody asks for any more, which would end the process otherwise.
    this.all = Promise.allSettled([this.all, this.last]);
    await before;
  }

  /** Waits for the last piece. Throws what it threw. */
  async finish(): Promise<void> {
    await this.last;
  }

  /** Waits until nothing runs any more, whatever came of it. */
  async settle(): Promise<void> {
    await this.all;
  }
}

/** @file Pieces of work one after the other. */

export class Serial {
  private last: Promise<unknown> = Promise.resolve();

  /** Does `work` when all work that was given here before is done, however it ended. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work);
    // A failure is its caller's to handle; the next ones go on.
    this.last = result.catch(() => undefined);
    return result;
  }
}

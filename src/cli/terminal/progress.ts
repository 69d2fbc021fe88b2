/** @file One line on a terminal that says what is going on. Silent where stderr is no terminal. */

/** At most so often, in milliseconds. */
const INTERVAL = 80;

export class Progress {
  private readonly enabled: boolean;
  private shown = '';
  private last = 0;

  constructor(private readonly stream: NodeJS.WriteStream = process.stderr) {
    this.enabled = stream.isTTY === true;
  }

  /** Shows `text` instead of what stood there before. */
  say(text: string): void {
    if (!this.enabled) return;
    this.last = performance.now();
    this.draw(text);
  }

  /** Shows how far something has come; calls that follow each other closely are left out. */
  count(what: string, done: number, total = 0): void {
    if (!this.enabled || performance.now() - this.last < INTERVAL) return;
    this.last = performance.now();
    this.draw(total >= done ? `${what} ${done}/${total}` : `${what} ${done}`);
  }

  /** As `say`, and as seldom as `count`. */
  note(text: string): void {
    if (this.enabled && performance.now() - this.last >= INTERVAL) this.say(text);
  }

  /** Wipes the line, so that results and messages start on a clean one. */
  clear(): void {
    if (this.shown !== '') this.draw('');
  }

  private draw(text: string): void {
    const line = text.slice(0, Math.max(10, (this.stream.columns || 80) - 1));
    this.stream.write(`\r${line}\x1b[K`);
    this.shown = line;
  }
}

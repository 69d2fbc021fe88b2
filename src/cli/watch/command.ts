/** @file A command of the user's that is run when a class is seen. */

import { spawn } from 'node:child_process';

/** What is told to the command, as variables of its environment. */
export interface Sighting {
  readonly label: string;
  /** Probability. */
  readonly score: number;
  /** When the last frame of the window came. */
  readonly time: Date;
  /** Of the window, seconds since the source was opened. */
  readonly from: number;
  readonly to: number;
  /** What is watched. */
  readonly source: string;
}

/** Runs a command beside everything else; a class for which it is still running does not start another one. */
export class SightingCommand {
  started = 0;
  private readonly running = new Set<string>();

  constructor(
    private readonly command: string,
    /** Takes a sentence about what went wrong: that never ends the watch. */
    private readonly warn: (text: string) => void,
  ) {}

  start({ label, score, time, from, to, source }: Sighting): void {
    if (this.running.has(label)) {
      this.warn(`--run: ${this.command} is still running for ${label}, and is not started again.`);
      return;
    }
    this.running.add(label);
    this.started++;
    const environment = {
      I3D_CLASS: label,
      I3D_SCORE: score.toFixed(4),
      I3D_TIME: time.toISOString(),
      I3D_FROM: from.toFixed(2),
      I3D_TO: to.toFixed(2),
      I3D_SOURCE: source,
    };
    // Its output is none of ours: standard output has the windows.
    const child = spawn(this.command, {
      shell: true,
      stdio: ['ignore', 2, 2],
      env: { ...process.env, ...environment },
    });
    // A robot's arm may take longer than what is left of the watch.
    child.unref();
    const over = (problem: string | undefined): void => {
      if (!this.running.delete(label) || problem === undefined) return;
      this.warn(`--run: ${this.command} ${problem} (${label}).`);
    };
    child.on('error', ({ message }) => over(`could not be started: ${message}`));
    child.on('exit', (code, signal) =>
      over(signal ? `was ended by ${signal}` : code === 0 ? undefined : `ended with the code ${code}`),
    );
  }
}

/** @file What a command works with: a device that is opened when first needed, stopwatches, progress, and their end. */

import type { TuningTable } from '../core/tuning.ts';
import type { Gpu } from '../gpu/device.ts';
import { fileTuning } from '../io/tuning_file.ts';
import { openGpu } from '../node.ts';
import type { DeviceFlags } from './options.ts';
import { say } from './output.ts';
import { Progress } from './progress.ts';
import { withQuietLibraries } from './quiet.ts';

/** Where the time of a command goes; seconds. */
export type Phase = 'decode' | 'prepare' | 'flow' | 'compile' | 'run';

export class Session {
  readonly progress = new Progress();
  readonly spent: Record<Phase, number> = { decode: 0, prepare: 0, flow: 0, compile: 0, run: 0 };
  private opened: Promise<Gpu> | undefined;

  constructor(readonly flags: DeviceFlags = {}) {}

  /** The device. Opened late, so that mistakes in the input are reported before anything slow happens. */
  gpu(): Promise<Gpu> {
    this.opened ??= this.time('prepare', () => {
      this.progress.say('opening the adapter');
      const { adapter, experimental = false } = this.flags;
      const dawnFlags = adapter === undefined ? [] : [`adapter=${adapter}`];
      return withQuietLibraries(() => openGpu({ dawnFlags, experimental }));
    });
    return this.opened;
  }

  /** What was measured on this machine before; see `i3d tune`. */
  tuning(): Promise<TuningTable> {
    return fileTuning().load();
  }

  async time<T>(phase: Phase, body: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await body();
    } finally {
      this.spent[phase] += (performance.now() - start) / 1000;
    }
  }

  /** Says a sentence on stderr. */
  warn(text: string): void {
    this.progress.clear();
    say(text);
  }

  /** Frees the device; without this the process would not end. */
  async close(): Promise<void> {
    this.progress.clear();
    const gpu = await this.opened?.catch(() => undefined);
    gpu?.dispose();
  }
}

/** Runs a command's body with a session that is closed whatever happens. */
export async function withSession<T>(flags: DeviceFlags, body: (session: Session) => Promise<T>): Promise<T> {
  const session = new Session(flags);
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}

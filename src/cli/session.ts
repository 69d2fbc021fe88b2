/** @file What a command works with: a device that is opened when first needed, stopwatches, progress, and their end. */

import type { TuningTable } from '../core/tuning.ts';
import type { Gpu } from '../gpu/device.ts';
import { DeviceLostError } from '../gpu/errors.ts';
import { onDevice } from '../gpu/recover.ts';
import { fileTuning } from '../io/tuning_file.ts';
import { openGpu } from '../node.ts';
import { type Spent, Stopwatches } from '../recognition/stopwatches.ts';
import type { DeviceFlags } from './options.ts';
import { say } from './terminal/output.ts';
import { Progress } from './terminal/progress.ts';
import { withQuietLibraries } from './terminal/quiet.ts';

export class Session {
  readonly progress = new Progress();
  private readonly watches = new Stopwatches();
  private current: Promise<Gpu> | undefined;
  private replaced = false;

  constructor(readonly flags: DeviceFlags = {}) {}

  /**
   * The device. Opened late, so that mistakes in the input are reported before anything slow happens; the first time nothing else
   * may be under way (see quiet.ts). A device that was lost is replaced, once unless `progressed` was called.
   * @throws AdapterError when there is none, DeviceLostError when a second one is lost.
   */
  readonly gpu = async (): Promise<Gpu> => {
    this.current ??= withQuietLibraries(() => this.open());
    const current = this.current;
    const gpu = await current;
    try {
      gpu.assertUsable();
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      // Several pieces of work may have been on it.
      if (this.current === current) this.current = this.replace(gpu, error);
      return this.current;
    }
    return gpu;
  };

  /** Does `work` on the device; where that is lost, once more on another one. */
  onDevice<T>(work: (gpu: Gpu) => Promise<T>): Promise<T> {
    return onDevice(this.gpu, work);
  }

  /** Some of the work is done for good: of work that never ends, devices may be lost again and again. */
  progressed(): void {
    this.replaced = false;
  }

  /** What was measured on this machine before; see `i3d tune`. */
  tuning(): Promise<TuningTable> {
    return fileTuning().load();
  }

  /** Seconds so far; phases that overlap count in each. */
  get spent(): Spent {
    return this.watches.spent;
  }

  readonly time: Stopwatches['time'] = (phase, body) => this.watches.time(phase, body);

  /** Says a sentence on stderr. */
  warn(text: string): void {
    this.progress.clear();
    say(text);
  }

  /** Frees the device; without this the process would not end. */
  async close(): Promise<void> {
    this.progress.clear();
    const gpu = await this.current?.catch(() => undefined);
    gpu?.dispose();
  }

  private open(): Promise<Gpu> {
    return this.time('prepare', () => {
      this.progress.say('opening the adapter');
      const { adapter, experimental = false } = this.flags;
      return openGpu({ dawnFlags: adapter === undefined ? [] : [`adapter=${adapter}`], experimental });
    });
  }

  private async replace(lost: Gpu, error: DeviceLostError): Promise<Gpu> {
    lost.dispose();
    const reason = error.message.replace(/\.$/, '');
    if (this.replaced) {
      throw new DeviceLostError(error.reason, `${reason.replace('was lost', 'was lost a second time')}.`);
    }
    this.replaced = true;
    this.warn(`${reason}; it is opened again, and the work goes on.`);
    return this.open();
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

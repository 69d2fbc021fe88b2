/** @file Work that is done again on another device where the first one is lost. */

import type { Gpu } from './device.ts';
import { DeviceLostError } from './errors.ts';

/** The device to work on; asked again when one was lost, it may give another one, or throw where there is none. */
export type DeviceSource = () => Promise<Gpu>;

/**
 * Does `work` on the device that `source` gives; where that one is lost meanwhile and `source` then gives another, again on that.
 * @throws DeviceLostError when there is no other; what `work` throws otherwise.
 */
export async function onDevice<T>(source: DeviceSource, work: (gpu: Gpu) => Promise<T>): Promise<T> {
  for (let gpu = await source(); ; ) {
    try {
      return await work(gpu);
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      const other = await source();
      if (other === gpu) throw error;
      gpu = other;
    }
  }
}

/** Something that lives on a device, and is made anew on another one where that is lost. */
export class Recoverable<T extends { dispose(): void }> {
  private made: { readonly gpu: Gpu; readonly value: Promise<T> } | undefined;

  constructor(
    private readonly source: DeviceSource,
    private readonly make: (gpu: Gpu) => T | Promise<T>,
  ) {}

  /** Does `work` with it, as `onDevice`. Pieces of work that go on at the same time share it. */
  use<R>(work: (value: T) => Promise<R>): Promise<R> {
    return onDevice(this.source, async (gpu) => {
      if (this.made?.gpu !== gpu) {
        this.dispose();
        this.made = { gpu, value: Promise.resolve(gpu).then(this.make) };
      }
      return work(await this.made.value);
    });
  }

  dispose(): void {
    const made = this.made;
    this.made = undefined;
    // What was never made has told its error already.
    made?.value.then((value) => value.dispose()).catch(() => undefined);
  }
}

/** @file The worker's device: opened when it is first wanted, and again when it was lost. */

import { Gpu } from '../../src/gpu/device.ts';
import { DeviceLostError } from '../../src/gpu/errors.ts';

/** Devices that may be lost one after the other without anything being computed in between, before that is an error. */
const PATIENCE = 3;

export class Engine {
  #opened: Promise<Gpu> | undefined;

  /** The device, which may be another one than before. */
  gpu(): Promise<Gpu> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  /**
   * Does `work` on the device, and again on another one where it is lost.
   * @param work Is given the device, and a function to call whenever some of the work is done for good.
   * @param onLost Is told why, before the work begins again.
   */
  async run<T>(work: (gpu: Gpu, progressed: () => void) => Promise<T>, onLost: (reason: string) => void): Promise<T> {
    for (let lost = 0; ; ) {
      try {
        return await work(await this.gpu(), () => {
          lost = 0;
        });
      } catch (error) {
        if (!(error instanceof DeviceLostError) || ++lost > PATIENCE) throw error;
        onLost(error.message);
      }
    }
  }

  async #open(): Promise<Gpu> {
    try {
      const gpu = await Gpu.create(navigator.gpu);
      gpu.lost.catch(() => this.#forget(gpu));
      return gpu;
    } catch (error) {
      this.#opened = undefined;
      throw error;
    }
  }

  #forget(gpu: Gpu): void {
    this.#opened = undefined;
    // Nothing on it can be used, but its buffers are still held.
    gpu.dispose();
  }
}

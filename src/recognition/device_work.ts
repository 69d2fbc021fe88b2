/** @file What recognition needs of whoever does it: a device that may be replaced, and stopwatches. */

import type { Gpu } from '../gpu/device.ts';
import type { DeviceSource } from '../gpu/recover.ts';
import type { Stopwatches } from './stopwatches.ts';

export interface DeviceWork {
  readonly gpu: DeviceSource;
  /** Does `work` on the device; where that is lost and another one given, once more on that. */
  onDevice<T>(work: (gpu: Gpu) => Promise<T>): Promise<T>;
  readonly time: Stopwatches['time'];
}

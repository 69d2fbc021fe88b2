/** @file The first stages: what the device is, and what it can do at best. */

import type { Gpu } from '../../src/gpu/device.ts';
import { measureFurtherPeaks, measurePeaks } from '../peaks.ts';
import type { Facts } from './outcome.ts';
import type { Stage } from './runner.ts';

/** Everything that is asked of a device at once may take so long. Milliseconds. */
const PATIENCE = 60_000;

export const factsStage: Stage<'facts'> = {
  name: 'facts',
  async run({ attempt }) {
    await attempt({ id: 'facts', title: 'what the device is', patience: PATIENCE, work: async (gpu) => factsOf(gpu) });
  },
};

export function factsOf({ adapter, device, profile, instance }: Gpu): Facts {
  const { vendor, architecture, device: name, description } = adapter.info;
  const limits: Record<string, number> = {};
  // They are getters of the prototype.
  for (const limit in adapter.limits) {
    const value: unknown = adapter.limits[limit as keyof GPUSupportedLimits];
    if (typeof value === 'number') limits[limit] = value;
  }
  return {
    info: { vendor, architecture, device: name, description },
    features: [...device.features].sort(),
    language: [...(instance.wgslLanguageFeatures ?? [])].sort(),
    limits,
    profile,
  };
}

export const peaksStage: Stage<'peaks'> = {
  name: 'peaks',
  async run({ attempt, device }) {
    const slower = (await device()).profile.software ? 4 : 1;
    await attempt({
      id: 'peaks',
      title: 'multiply-adds and copies at best',
      patience: slower * PATIENCE,
      work: async (gpu) => ({ ...(await measurePeaks(gpu, 3)), ...(await measureFurtherPeaks(gpu, 3)) }),
    });
  },
};

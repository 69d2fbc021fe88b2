import { expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/device.ts';
import { DeviceLostError } from '../../src/gpu/errors.ts';
import { onDevice, Recoverable } from '../../src/gpu/recover.ts';

const [first, second] = [{}, {}] as [Gpu, Gpu];
const lost = () => new DeviceLostError('unknown', 'The GPU device was lost.');

/** Gives the first device until work on it has failed. */
function devices() {
  let current = first;
  const failing = async <T>(gpu: Gpu, result: T): Promise<T> => {
    if (gpu !== first) return result;
    await Promise.resolve();
    current = second;
    throw lost();
  };
  return { source: async () => current, failing };
}

test('work is done again on another device, and fails where there is none', async () => {
  const { source, failing } = devices();
  expect(await onDevice(source, (gpu) => failing(gpu, 7))).toBe(7);
  const error = lost();
  await expect(onDevice(source, () => Promise.reject(error))).rejects.toBe(error);
  await expect(onDevice(devices().source, () => Promise.reject(new TypeError('other')))).rejects.toThrow('other');
});

test('what lives on a device is made again once for all that use it', async () => {
  const { source, failing } = devices();
  const events: string[] = [];
  const thing = new Recoverable(source, async (gpu) => {
    const name = gpu === first ? 'first' : 'second';
    events.push(`make ${name}`);
    return { gpu, dispose: () => void events.push(`dispose ${name}`) };
  });
  const use = (result: number) => thing.use(({ gpu }) => failing(gpu, result));
  expect(await Promise.all([use(1), use(2), use(3)])).toEqual([1, 2, 3]);
  thing.dispose();
  await Promise.resolve();
  expect(events.toSorted()).toEqual(['dispose first', 'dispose second', 'make first', 'make second']);
});

test('what cannot be made fails for who uses it, and not once more when it is disposed', async () => {
  const thing = new Recoverable(devices().source, (): { dispose(): void } => {
    throw new TypeError('no memory');
  });
  await expect(thing.use(async () => 1)).rejects.toThrow('no memory');
  thing.dispose();
});

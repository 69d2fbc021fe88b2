import { describe, expect, it } from 'vitest';
import { nextTurn, Slices } from '../../src/core/slices.ts';

describe('Slices', () => {
  it('let the event loop turn once a slice of work is done, and not before', async () => {
    let turns = 0;
    const count = (): void => {
      turns++;
      if (turns < 1000) setImmediate(count);
    };
    const slices = new Slices();
    setImmediate(count);
    await slices.pause();
    expect(turns).toBe(0);
    const end = performance.now() + 20;
    while (performance.now() < end);
    await slices.pause();
    expect(turns).toBeGreaterThan(0);
    turns = 1000;
  });

  it('also where there is neither setImmediate nor a scheduler, as in some browsers', async () => {
    const { setImmediate } = globalThis;
    let later = false;
    try {
      Object.assign(globalThis, { setImmediate: undefined });
      const turn = nextTurn().then(() => expect(later).toBe(true));
      await Promise.resolve();
      later = true;
      await turn;
    } finally {
      Object.assign(globalThis, { setImmediate });
    }
  });
});

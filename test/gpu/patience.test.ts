import { describe, expect, it } from 'vitest';
import { Patience } from '../../src/gpu/patience.ts';

/** Turns of the event loop until `wait` settles. */
async function turnsDuring(wait: Promise<unknown>): Promise<number> {
  let turns = 0;
  let over = false;
  const turn = () => {
    if (over) return;
    turns++;
    setImmediate(turn);
  };
  setImmediate(turn);
  await wait;
  over = true;
  return turns;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe('Patience', () => {
  it('slows an idle event loop down, and only while something is waited for', async () => {
    const { during } = new Patience();
    const free = await turnsDuring(sleep(300));
    const waiting = await turnsDuring(during(sleep(300)));
    expect(waiting).toBeLessThan(free / 5);
    const afterwards = await turnsDuring(sleep(300));
    expect(afterwards).toBeGreaterThan(waiting * 3);
  });

  it('pauses once per turn, however many waits follow each other', async () => {
    const { during } = new Patience();
    const first = await turnsDuring(during(sleep(300)));
    for (let i = 0; i < 20; i++) await during(Promise.resolve());
    expect(await turnsDuring(during(sleep(300)))).toBeGreaterThan(first / 3);
  });

  it('passes results and failures on', async () => {
    const { during } = new Patience();
    expect(await during(Promise.resolve(3))).toBe(3);
    await expect(during(Promise.reject(new Error('no')))).rejects.toThrow('no');
  });
});

import { describe, expect, it } from 'vitest';
import { GraphError } from '../../src/core/errors.ts';
import { floatTensor } from '../../src/core/tensor.ts';
import { DeviceState } from '../../src/graph/state.ts';
import { testGpu } from '../harness.ts';

const gpu = testGpu();

describe('DeviceState', () => {
  it('is read after the runs that were asked for before, although they still wait for their turn', async () => {
    const state = new DeviceState(gpu());
    state.set('x', floatTensor([2], [0, 0]));
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const run = gpu().inTurn(async () => {
      await gate;
      state.set('x', floatTensor([2], [3, 4]));
    });
    const values = state.read();
    release();
    await run;
    expect([...(await values).get('x')!.data]).toEqual([3, 4]);
    state.dispose();
  });

  it('names the state that it does not have, and leaves nothing', async () => {
    const before = gpu().allocatedBytes;
    const state = new DeviceState(gpu());
    state.ensure('x', [2]);
    await expect(state.read(['x', 'y'])).rejects.toThrow(GraphError);
    await expect(state.read(['x', 'y'])).rejects.toThrow('There is no state y; there are x.');
    await Promise.all([state.read(), state.read()]);
    state.dispose();
    expect(gpu().allocatedBytes).toBe(before);
  });
});

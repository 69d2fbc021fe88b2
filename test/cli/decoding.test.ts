import { expect, test } from 'vitest';
import { ahead, checkDamage } from '../../src/cli/streams/decoding.ts';

test('items are made ahead of their use', async () => {
  const events: string[] = [];
  async function* make(): AsyncGenerator<number, void, undefined> {
    for (let i = 0; i < 3; i++) {
      events.push(`make ${i}`);
      yield i;
    }
    events.push('end');
  }
  for await (const i of ahead(make())) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    events.push(`use ${i}`);
  }
  expect(events).toEqual(['make 0', 'make 1', 'use 0', 'make 2', 'use 1', 'end', 'use 2']);
});

test('an error of the second item comes before the first is used; leaving early ends the source', async () => {
  let ended = false;
  async function* failing(): AsyncGenerator<number, void, undefined> {
    try {
      yield 0;
      throw new Error('damaged');
    } finally {
      ended = true;
    }
  }
  const used: number[] = [];
  const run = async () => {
    for await (const i of ahead(failing())) used.push(i);
  };
  await expect(run()).rejects.toThrow('damaged');
  expect(used).toEqual([]);
  expect(ended).toBe(true);

  ended = false;
  async function* endless(): AsyncGenerator<number, void, undefined> {
    try {
      for (let i = 0; ; i++) yield i;
    } finally {
      ended = true;
    }
  }
  for await (const _ of ahead(endless())) break;
  expect(ended).toBe(true);
});

test('damage is an error, a clock that jumps is none', () => {
  const announces = 'a.mp4: the file ends after 5 of about 50 frames that it announces.';
  expect(() => checkDamage(['a.mp4: the clock jumped 1 time and was put right.'], true)).not.toThrow();
  expect(() => checkDamage([announces], false)).not.toThrow();
  expect(() => checkDamage([announces], true)).toThrow('announces; use an intact copy, or --keep-going');
  expect(() => checkDamage(['a.mp4: 1 packet could not be decoded.'], false)).toThrow('a.mp4: 1 packet');
});

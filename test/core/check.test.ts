/** @file The checks of the public border: what they let pass and what they say. */

import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  checkChoice,
  checkOptionNames,
  checkShape,
  checkTensor,
  checkWhole,
  describeValue,
  nearestNames,
} from '../../src/core/check.ts';
import { InputError } from '../../src/core/errors.ts';

describe('names', () => {
  it('finds the nearest, swapped letters included', () => {
    expect(nearestNames('lamda', ['tau', 'lambda', 'theta'])).toEqual(['lambda']);
    expect(nearestNames('wraps', ['warps', 'scales'])).toEqual(['warps']);
    expect(nearestNames('zebra', ['warps', 'scales'])).toEqual([]);
    expect(nearestNames('conv.wieght', ['conv.weight', 'conv.bias'], 2, 0.6)[0]).toBe('conv.weight');
  });

  it('refuses an option that is not known, and proposes one', () => {
    expect(() => checkOptionNames('computeFlow', { tau: 1 }, ['tau'])).not.toThrow();
    expect(() => checkOptionNames('computeFlow', { lamda: 3 }, ['tau', 'lambda'])).toThrow(
      new InputError('computeFlow has no option lamda; did you mean lambda?'),
    );
    expect(() => checkOptionNames('computeFlow', { zebra: 3 }, ['tau', 'lambda'])).toThrow(/there are tau, lambda\.$/);
    expect(() => checkOptionNames('computeFlow', 3 as never, ['tau'])).toThrow('not 3');
  });

  it('refuses a choice that is not one', () => {
    expect(() => checkChoice('accuracy', 'fast', ['exact', 'fast'])).not.toThrow();
    expect(() => checkChoice('accuracy', 'turbo', ['exact', 'fast', 'half'])).toThrow(
      'accuracy must be "exact", "fast" or "half", not "turbo".',
    );
  });
});

describe('numbers and shapes', () => {
  it.each([-1, 2.5, Number.NaN, '4', undefined])('refuses %s', (value) => {
    expect(() => checkWhole('width', value, 0)).toThrow(InputError);
    expect(() => checkShape('x', [1, value])).toThrow(InputError);
  });

  it('says what a value is', () => {
    expect(describeValue(new Uint8Array(12))).toBe('Uint8Array of 12');
    expect(describeValue([1, 2])).toBe('a list of 2');
    expect(describeValue(new Map())).toBe('a Map');
    expect(describeValue(undefined)).toBe('nothing');
  });
});

describe('tensors', () => {
  const good = { dtype: 'f32', shape: [2, 3], data: new Float32Array(6) };

  it('takes a tensor, also of another realm', () => {
    expect(() => checkTensor('x', good, ['f32'])).not.toThrow();
    const foreign: unknown = runInNewContext('new Float32Array(6)');
    expect(() => checkTensor('x', { ...good, data: foreign }, ['f32'])).not.toThrow();
    expect(() => checkTensor('x', { dtype: 'u8', shape: [2], data: Buffer.from([1, 2]) }, ['u8'])).not.toThrow();
  });

  it.each([
    [{ ...good, dtype: 'u8' }, /must be of the type "f32", not "u8"/],
    [{ ...good, data: new Uint8Array(6) }, /is said to be f32 and its data is Uint8Array of 6/],
    [{ ...good, data: [1, 2, 3, 4, 5, 6] }, /is said to be f32 and its data is a list of 6/],
    [{ ...good, data: new Float32Array(5) }, /needs 6 values, and its data has 5/],
    [{ ...good, shape: [2, -3] }, /extents are whole numbers/],
    [{ ...good, shape: 6 }, /needs a shape/],
    [new Float32Array(6), /must be a tensor/],
    [undefined, /must be a tensor .* not nothing/],
  ])('refuses %o', (tensor, words) => {
    expect(() => checkTensor('x', tensor, ['f32'])).toThrow(words);
  });
});

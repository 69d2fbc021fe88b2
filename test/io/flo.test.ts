import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import { floatTensor } from '../../src/core/tensor.ts';
import { decodeFlo, encodeFlo } from '../../src/io/flo.ts';
import { describeWithShared } from '../shared.ts';

const flow = floatTensor([2, 3, 2], [1, -2, 0.5, 0, 1e10, 1e10, 3, 4, -5, 6, 7, 8.25]);

describe('.flo files', () => {
  it('come back as they were written', () => {
    const bytes = encodeFlo(flow);
    expect(new TextDecoder().decode(bytes.subarray(0, 4))).toBe('PIEH');
    expect(bytes.length).toBe(12 + 48);
    expect(decodeFlo(bytes, 'a.flo')).toEqual(flow);
  });

  it('may lie at any byte of a larger buffer', () => {
    const moved = new Uint8Array(100);
    moved.set(encodeFlo(flow), 3);
    expect(decodeFlo(moved.subarray(3, 63), 'a.flo')).toEqual(flow);
  });

  it.each<[string, (bytes: Uint8Array) => Uint8Array, RegExp]>([
    ['a wrong magic number', (b) => b.fill(0, 0, 4), /^a\.flo is not a \.flo file: it does not begin with "PIEH"\.$/],
    ['nothing in it', () => new Uint8Array(0), /^a\.flo is not a \.flo file: it has 0 bytes\.$/],
    ['a value missing', (b) => b.subarray(0, 59), /^a\.flo is cut off: 3×2 needs 60 bytes, and it has 59\.$/],
    ['a byte too many', (b) => Uint8Array.from([...b, 0]), /^a\.flo is too long/],
    ['a negative width', (b) => b.fill(255, 4, 8), /^a\.flo is broken: it claims a size of -1×2\.$/],
    ['an enormous height', (b) => b.fill(127, 8, 12), /^a\.flo is broken/],
  ])('with %s are refused in one sentence', (_, damage, message) => {
    const decode = (): unknown => decodeFlo(damage(encodeFlo(flow)), 'a.flo');
    expect(decode).toThrow(InputError);
    expect(decode).toThrow(message);
  });

  it('hold only flow', () => {
    expect(() => encodeFlo(floatTensor([1, 2, 3], [1, 2, 3, 4, 5, 6]))).toThrow(InputError);
  });
});

describeWithShared('.flo files of the Middlebury benchmark', ['data/middlebury/Venus/flow10.flo'], (path) => {
  it('have their size and known values', () => {
    const truth = decodeFlo(readFileSync(path), path);
    expect(truth.shape).toEqual([380, 420, 2]);
    expect(truth.data.filter((value) => Math.abs(value) < 100).length).toBeGreaterThan(300_000);
  });
});

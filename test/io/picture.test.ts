import { describe, expect, it } from 'vitest';
import { limitSize, orientationOf, upright } from '../../src/io/orientation.ts';

/** A display matrix as FFmpeg stores it. */
function matrix(a: number, b: number, c: number, d: number): Uint8Array {
  return new Uint8Array(Int32Array.from([a, b, 0, c, d, 0, 0, 0, 16384], (v, i) => (i === 8 ? v : v * 65536)).buffer);
}

/** The first channel of a picture after turning; the input is 3 wide, 2 high, with pixels 1 2 3 / 4 5 6. */
function turned(a: number, b: number, c: number, d: number): number[] {
  const rgb = Uint8Array.from([1, 2, 3, 4, 5, 6].flatMap((v) => [v, v + 10, v + 20]));
  const out = upright(rgb, 3, 2, orientationOf(matrix(a, b, c, d)));
  for (let i = 0; i < out.length; i += 3) expect([out[i + 1], out[i + 2]]).toEqual([out[i]! + 10, out[i]! + 20]);
  return [...out].filter((_, i) => i % 3 === 0);
}

describe('turning pictures upright', () => {
  it('knows quarter turns and flips', () => {
    expect(turned(1, 0, 0, 1)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(turned(0, 1, -1, 0)).toEqual([4, 1, 5, 2, 6, 3]); // a quarter clockwise
    expect(turned(-1, 0, 0, -1)).toEqual([6, 5, 4, 3, 2, 1]);
    expect(turned(0, -1, 1, 0)).toEqual([3, 6, 2, 5, 1, 4]);
    expect(turned(-1, 0, 0, 1)).toEqual([3, 2, 1, 6, 5, 4]);
    expect(turned(0, 1, 1, 0)).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it('takes a missing or degenerate matrix for upright', () => {
    const upright = { xx: 1, xy: 0, yx: 0, yy: 1 };
    expect(orientationOf(null)).toEqual(upright);
    expect(orientationOf(matrix(0, 0, 0, 0))).toEqual(upright);
    expect(orientationOf(new Uint8Array(7))).toEqual(upright);
  });
});

describe('limitSize', () => {
  it('shrinks the shorter side only', () => {
    expect(limitSize(1920, 1080, 256)).toEqual({ width: 455, height: 256 });
    expect(limitSize(1080, 1920, 256)).toEqual({ width: 256, height: 455 });
    expect(limitSize(100, 50, 256)).toEqual({ width: 100, height: 50 });
    expect(limitSize(5000, 1, 1)).toEqual({ width: 5000, height: 1 });
  });
});

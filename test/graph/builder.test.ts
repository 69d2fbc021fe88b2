import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';

describe('GraphBuilder', () => {
  it('infers shapes', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', [2, 16, 224, 224, 3]);
    const stem = builder.conv3d('stem', x, builder.parameter('w', [7, 7, 7, 3, 64]), { stride: [2, 2, 2] });
    expect(builder.shapeOf(stem)).toEqual([2, 8, 112, 112, 64]);
    const pool = builder.maxPool3d('pool', stem, { kernel: [1, 3, 3], stride: [1, 2, 2] });
    expect(builder.shapeOf(pool)).toEqual([2, 8, 56, 56, 64]);
    expect(builder.shapeOf(builder.concat('both', [pool, pool]))).toEqual([2, 8, 56, 56, 128]);
    expect(builder.shapeOf(builder.mean('mean', pool))).toEqual([2, 64]);
  });

  it("pads as TensorFlow's SAME does, by the size of the input", () => {
    const builder = new GraphBuilder();
    const w = builder.parameter('w', [7, 7, 7, 3, 8]);
    const frames = (count: number) => {
      const x = builder.input(`x${count}`, [1, count, 8, 8, 3]);
      return builder.shapeOf(builder.conv3d(`stem${count}`, x, w, { stride: [2, 2, 2] }))[1];
    };
    // Ports that always pad kernel − stride = 5 give 39 for 79 frames.
    expect([16, 79, 9].map(frames)).toEqual([8, 40, 5]);
  });

  it.each([
    ['channels', [1, 4, 8, 8, 5], [3, 3, 3, 4, 8], {}, /conv \(conv3d\): its weights 3×3×3×4×8 take 4 input channels/],
    [
      'rank',
      [4, 8, 8, 4],
      [3, 3, 3, 4, 8],
      {},
      /conv \(conv3d\): its input must be a float32 tensor N×T×H×W×C, not f32 4×8×8×4/,
    ],
    ['groups', [1, 4, 8, 8, 6], [3, 3, 3, 2, 8], { groups: 3 }, /8 output channels cannot be split into 3 groups/],
    [
      'window',
      [1, 2, 8, 8, 4],
      [3, 3, 3, 4, 8],
      { padding: 'valid' as const },
      /window of 3 frames does not fit into 2/,
    ],
  ])('names the node when %s do not fit', (_, input, weights, options, message) => {
    const builder = new GraphBuilder();
    const x = builder.input('x', input);
    expect(() => builder.conv3d('conv', x, builder.parameter('w', weights), options)).toThrow(message);
  });

  it('refuses two values of one name', () => {
    const builder = new GraphBuilder();
    const x = builder.name('x', builder.input('x', [1, 4]));
    expect(() => builder.name('x', x)).toThrow('Two values are called x.');
    expect(() => builder.input('x', [1, 4])).toThrow('Two inputs are called x.');
  });
});

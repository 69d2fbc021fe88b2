import { describe, expect, it } from 'vitest';
import { GraphError } from '../../src/core/errors.ts';
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

  it('gives one parameter for one name, and refuses another shape', () => {
    const builder = new GraphBuilder();
    const w = builder.parameter('w', [3, 4]);
    expect(builder.parameter('w', [3, 4])).toBe(w);
    expect(() => builder.parameter('w', [4, 3])).toThrow(
      new GraphError('Parameter w was asked for with the shape 3×4 before, and now with 4×3.'),
    );
    builder.state('s', [2]);
    expect(() => builder.state('s', [3])).toThrow('State s was asked for with the shape 2 before, and now with 3.');
  });

  it.each([-1, 2.5, Number.NaN, 0, '4' as never])('refuses an extent of %s', (extent) => {
    const builder = new GraphBuilder();
    expect(() => builder.input('x', [1, extent, 4])).toThrow(/^Input x has the shape .*extents are whole numbers/);
    expect(() => builder.parameter('w', [extent])).toThrow(GraphError);
    expect(() => builder.reshape('r', builder.input('y', [1, 4]), [extent, 4])).toThrow(GraphError);
  });

  it.each([
    [{ stride: [0, 1, 1] }, /conv \(conv3d\): its stride must be three whole numbers of at least 1 .*not \[0,1,1\]/],
    [{ stride: 2 }, /its stride must be three whole numbers/],
    [{ stride: [1, 1] }, /its stride must be three whole numbers/],
    [{ padding: 'SAME' }, /its padding must be "same", "valid" or three pairs .*not "SAME"/],
    [{ padding: [1, 1, 1] }, /its padding must be/],
    [
      {
        padding: [
          [0, -1],
          [0, 0],
          [0, 0],
        ],
      },
      /its padding must be/,
    ],
    [{ groups: 0 }, /its number of groups must be a whole number of at least 1/],
    [{ strides: [1, 1, 1] }, /conv has no option strides; did you mean stride\?/],
    [{ bias: 99 }, /Input 2 of conv \(conv3d\) is no value of this graph: 99/],
  ])('refuses a convolution with %o', (options, message) => {
    const builder = new GraphBuilder();
    const x = builder.input('x', [1, 4, 8, 8, 4]);
    const attempt = () => builder.conv3d('conv', x, builder.parameter('w', [3, 3, 3, 4, 8]), options as never);
    expect(attempt).toThrow(GraphError);
    expect(attempt).toThrow(message);
  });

  it.each([
    [{ kernel: [0, 1, 1] }, /its kernel must be three whole numbers/],
    [{}, /its kernel must be three whole numbers of at least 1 \(T, H, W\), not nothing/],
    [{ kernel: [1, 2, 2], stride: [1, Number.NaN, 1] }, /its stride must be/],
    [{ kernel: [1, 2, 2], pads: 0 }, /pool has no option pads/],
  ])('refuses a pool with %o', (options, message) => {
    const builder = new GraphBuilder();
    const x = builder.input('x', [1, 4, 8, 8, 4]);
    expect(() => builder.maxPool3d('pool', x, options as never)).toThrow(message);
  });

  it('refuses values, names and types that mean nothing', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', [1, 4, 8, 8, 4]);
    const frames = builder.input('frames', [1, 4, 8, 8, 3], 'u8');
    expect(() => builder.relu('r', 7)).toThrow('Input 0 of r (unary) is no value of this graph: 7.');
    expect(() => builder.unary('u', 'swosh' as never, x)).toThrow('u (unary): its function must be "relu", ');
    expect(() => builder.reduce('m', 'max', x, 3 as never)).toThrow('m (reduce): its axes are a list, not 3.');
    expect(() => builder.reduce('m', 'max', x, [1, 1])).toThrow(
      'm (reduce): its axes [1,1] must be some of the 5 of 1×4×8×8×4, each once.',
    );
    expect(() => builder.relu('', x)).toThrow('A node needs a name');
    expect(() => builder.relu('r', frames)).toThrow(
      'its input 0 must be float32; preprocess turns uint8 frames into it.',
    );
    expect(() => builder.name('y', undefined as never)).toThrow(
      'The value called y is no value of this graph: nothing.',
    );
    expect(() => builder.input('z', [1], 'i32' as never)).toThrow('must be "f32" or "u8", not "i32".');
    expect(() => builder.add('relu' as never, 'r', {} as never, [x])).toThrow(
      'add(…, r) takes an operator, what defineOperator returns, not "relu".',
    );
    expect(() => builder.mean('m', builder.input('flat', [1, 4]))).toThrow(
      'm (mean): its input must be N×T×H×W×C, not 1×4.',
    );
    expect(() => builder.dropout('d', x, 1)).toThrow('its rate 1 must be at least 0 and below 1');
  });

  it('refuses two values of one name', () => {
    const builder = new GraphBuilder();
    const x = builder.name('x', builder.input('x', [1, 4]));
    expect(() => builder.name('x', x)).toThrow('Two values are called x.');
    expect(() => builder.input('x', [1, 4])).toThrow('Two inputs are called x.');
  });
});

import { describe, expect, it } from 'vitest';
import type { DeviceProfile } from '../../src/core/kernel.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import type { ValueId } from '../../src/graph/graph.ts';
import { inferencePasses } from '../../src/graph/passes/index.ts';
import type { ChannelShift } from '../../src/kernels/conv3d/problem.ts';
import { operators } from '../../src/ops/index.ts';
import { f32 } from '../../src/ops/operator.ts';
import { oneOfEachFamily, operand, parameter, runCandidate } from '../candidates.ts';
import { fill } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';
import { MADE_UP_GPU } from '../made_up_device.ts';

const gpu = testGpu();
const WINDOW = { stride: [1, 1, 1], padding: 'valid', groups: 1, activation: 'relu' } as const;
const SHIFTS: readonly ChannelShift[] = [
  { first: 1, second: 2, frames: [1, -1] },
  // Of the past alone.
  { first: 3, second: 3, frames: [-1, 0] },
];

/** By the definition: channels of a frame from where they come from, then a matrix product, a bias and a ReLU. */
function expectedOf(
  x: { readonly shape: readonly number[]; readonly data: Float32Array },
  weights: Float32Array,
  bias: Float32Array,
  { first, second, frames }: ChannelShift,
): number[] {
  const [n, t, h, w, cin] = x.shape as [number, number, number, number, number];
  const [area, cout] = [h * w, bias.length];
  const y: number[] = [];
  for (let pixel = 0; pixel < n * t * area; pixel++) {
    const frame = Math.floor(pixel / area) % t;
    const values = Array.from({ length: cin }, (_, c) => {
      const by = c < 4 * first ? frames[0] : c < 4 * second ? frames[1] : 0;
      const from = frame + by;
      return from < 0 || from >= t ? 0 : x.data[(pixel + by * area) * cin + c]!;
    });
    for (let o = 0; o < cout; o++) {
      const sum = values.reduce((total, value, c) => total + value * weights[c * cout + o]!, bias[o]!);
      y.push(Math.max(0, sum));
    }
  }
  return y;
}

describe.each(SHIFTS)('a convolution of channels from $frames frames on', (shift) => {
  it.each([
    { what: 'whole', limit: undefined, sliced: false, shape: [2, 4, 3, 5, 18] },
    { what: 'one frame', limit: undefined, sliced: true, shape: [2, 1, 3, 5, 18] },
    { what: 'in parts', limit: 60_000, sliced: true, shape: [2, 7, 13, 9, 18] },
  ])('is computed by every candidate as by the definition, $what', async ({ limit, sliced, shape }) => {
    const cout = 13;
    const x = {
      shape,
      data: fill(
        'x',
        shape.reduce((a, b) => a * b, 1),
      ),
    };
    const [weights, bias] = [fill('w', 18 * cout), fill('b', cout)];
    const io = {
      inputs: [operand(shape, sliced), parameter([1, 1, 1, 18, cout]), parameter([cout])],
      outputs: [operand([...shape.slice(0, 4), cout], sliced)],
    };
    const { maxStorageBinding } = gpu().profile;
    const profile: DeviceProfile = { ...gpu().profile, maxStorageBinding: limit ?? maxStorageBinding };
    const candidates = await operators.shiftedConv3d.candidates({ ...WINDOW, channels: [cout], shift }, io, profile);
    expect(candidates.some(({ name }) => name.startsWith('tiled'))).toBe(true);
    expect(candidates.map(({ name }) => name)).toContain('direct');
    // None of those that know nothing of shifts.
    expect(
      candidates.filter(({ name }) => /winograd|split-k|narrow|register|packed|matrix|few rows/.test(name)),
    ).toEqual([]);
    const expected = expectedOf(x, weights, bias, shift);
    for (const candidate of oneOfEachFamily(candidates)) {
      const [y] = await runCandidate(gpu(), candidate, io, [x.data, weights, bias], limit);
      expectClose(y!, expected, candidate.accuracy === 'half' ? 1e-3 : 1e-5);
    }
  });
});

describe('the pass', () => {
  const parts = (b: GraphBuilder, x: ValueId, sizes: readonly number[], moves: readonly number[]): ValueId =>
    b.concat(
      'joined',
      sizes.map((size, i) => {
        const offset = sizes.slice(0, i).reduce((a, c) => a + c, 0);
        const part = b.slice(`part ${i}`, x, { axis: -1, offset, size });
        return moves[i] === 0 ? part : b.shift(`moved ${i}`, part, { axis: 1, by: moves[i]! });
      }),
    );

  async function operatorsOf(
    sizes: readonly number[],
    moves: readonly number[],
    kernel = [1, 1, 1] as const,
  ): Promise<string[]> {
    const b = new GraphBuilder();
    const x = b.input('x', [1, 4, 3, 3, 32]);
    const weights = b.parameter('w', [...kernel, 32, 8]);
    b.name('y', b.conv3d('conv', parts(b, x, sizes, moves), weights));
    return (await inferencePasses(b.build())).nodes.map(({ operator }) => operator.type);
  }

  it('reads shifted channels where they lie', async () => {
    expect(await operatorsOf([4, 4, 24], [-1, 1, 0])).toEqual(['shiftedConv3d']);
    expect(await operatorsOf([8, 24], [1, 0])).toEqual(['shiftedConv3d']);
  });

  it('leaves alone what no address can say', async () => {
    for (const [sizes, moves] of [
      [
        [3, 5, 24],
        [-1, 1, 0],
      ],
      [
        [4, 4, 24],
        [-2, 1, 0],
      ],
      [
        [4, 4, 24],
        [-1, 1, 1],
      ],
      [
        [4, 4, 8, 16],
        [-1, 1, 0, 0],
      ],
    ] as const) {
      expect(await operatorsOf(sizes, moves)).toContain('conv3d');
    }
  });
});

it('says what it cannot take', () => {
  const infer = (shift: ChannelShift, kernel: readonly number[] = [1, 1, 1]) =>
    operators.shiftedConv3d.infer({ ...WINDOW, channels: [8], shift }, [
      f32([1, 4, 3, 3, 16]),
      f32([...kernel, 16, 8]),
    ]);
  expect(() => infer({ first: 1, second: 2, frames: [2, -1] })).toThrow('it takes those beside its own');
  expect(() => infer({ first: 1, second: 5, frames: [1, -1] })).toThrow('its channels to 4 and to 20 of 16');
  expect(() => infer(SHIFTS[0]!, [3, 1, 1])).toThrow('only a convolution of 1×1×1');
});

it('takes tiles on GPUs', async () => {
  const io = {
    inputs: [operand([1, 8, 56, 56, 256]), parameter([1, 1, 1, 256, 64])],
    outputs: [operand([1, 8, 56, 56, 64])],
  };
  const of = await operators.shiftedConv3d.candidates(
    { ...WINDOW, channels: [64], shift: SHIFTS[0]! },
    io,
    MADE_UP_GPU,
  );
  expect(of.map(({ name }) => name)).toContain('tiled 64×64×16 8×8');
});

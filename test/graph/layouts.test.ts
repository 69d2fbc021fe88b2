import { describe, expect, it } from 'vitest';
import { type FloatTensor, floatTensor, type Shape, sizeOf } from '../../src/core/tensor.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { compile } from '../../src/graph/compile.ts';
import { gradients } from '../../src/graph/gradients.ts';
import type { ValueId } from '../../src/graph/graph.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { pixelsOf } from '../../src/kernels/shared/view.ts';
import { kernel, storage, struct } from '../../src/kernels/shared/wgsl.ts';
import {
  defineOperator,
  fromOutput,
  type NoAttributes,
  pointwiseCost,
  singleDispatch,
} from '../../src/ops/operator.ts';
import { testGpu } from '../harness.ts';

const gpu = testGpu();

/** A step of a chain: how the graph takes it, the shape that it leaves, and where an element comes from (nowhere: zero). */
interface Step {
  readonly label: string;
  readonly add: (builder: GraphBuilder, name: string, x: ValueId) => ValueId;
  readonly shape: Shape;
  readonly source: (index: readonly number[]) => readonly number[] | undefined;
}

const numberOf = (index: readonly number[], shape: Shape): number =>
  index.reduce((number, i, axis) => number * shape[axis]! + i, 0);

function indexOf(number: number, shape: Shape): number[] {
  let rest = number;
  return [...shape]
    .reverse()
    .map((size) => {
      const i = rest % size;
      rest = (rest - i) / size;
      return i;
    })
    .reverse();
}

const replace = (list: readonly number[], at: number, value: number): number[] =>
  list.map((old, i) => (i === at ? value : old));

const steps = {
  transpose: (x: Shape, order: readonly number[]): Step => ({
    label: `transpose ${order}`,
    add: (b, name, v) => b.transpose(name, v, order),
    shape: order.map((axis) => x[axis]!),
    source: (index) => x.map((_, axis) => index[order.indexOf(axis)]!),
  }),
  reshape: (x: Shape, shape: Shape): Step => ({
    label: `reshape ${shape.join('×')}`,
    add: (b, name, v) => b.reshape(name, v, shape),
    shape,
    source: (index) => indexOf(numberOf(index, shape), x),
  }),
  slice: (x: Shape, axis: number, offset: number, size: number): Step => ({
    label: `slice ${axis} from ${offset}, ${size}`,
    add: (b, name, v) => b.slice(name, v, { axis, offset, size }),
    shape: replace(x, axis, size),
    source: (index) => replace(index, axis, index[axis]! + offset),
  }),
  pad: (x: Shape, axis: number, before: number, after: number): Step => ({
    label: `pad ${axis} by ${before} and ${after}`,
    add: (b, name, v) => b.pad(name, v, { axis, before, after }),
    shape: replace(x, axis, before + x[axis]! + after),
    source: (index) => inside(replace(index, axis, index[axis]! - before), x),
  }),
  shift: (x: Shape, axis: number, by: number): Step => ({
    label: `shift ${axis} by ${by}`,
    add: (b, name, v) => b.shift(name, v, { axis, by }),
    shape: x,
    source: (index) => inside(replace(index, axis, index[axis]! - by), x),
  }),
  broadcast: (x: Shape, shape: Shape): Step => ({
    label: `broadcast ${shape.join('×')}`,
    add: (b, name, v) => b.broadcast(name, v, shape),
    shape,
    source: (index) => index.slice(shape.length - x.length).map((i, axis) => (x[axis] === 1 ? 0 : i)),
  }),
};

const inside = (index: number[], shape: Shape): number[] | undefined =>
  index.every((i, axis) => i >= 0 && i < shape[axis]!) ? index : undefined;

function expected(x: FloatTensor, chain: readonly Step[]): FloatTensor {
  return chain.reduce((tensor, { shape, source }) => {
    const values = Array.from({ length: sizeOf(shape) }, (_, number) => {
      const from = source(indexOf(number, shape));
      return from ? tensor.data[numberOf(from, tensor.shape)]! : 0;
    });
    return floatTensor(shape, values);
  }, x);
}

const numbers = (shape: Shape): FloatTensor =>
  floatTensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => i + 1),
  );

/** The chain's end, asked for as it is, read by a kernel of vec4, and of a parameter. */
async function run(x: FloatTensor, chain: readonly Step[]) {
  const builder = new GraphBuilder();
  const walk = (start: ValueId, name: string): ValueId =>
    chain.reduce((value, step, i) => step.add(builder, `${name} ${i} ${step.label}`, value), start);
  const end = walk(builder.input('x', x.shape), 'x');
  builder.name('end', end);
  builder.name('relu', builder.relu('relu', walk(builder.relu('first', builder.input('again', x.shape)), 'relu')));
  const known = walk(builder.parameter('p', x.shape), 'p');
  builder.name('parameter', builder.sum('twice', known, end));
  const parameters = new DeviceParameters(gpu(), new Map([['p', x]]));
  try {
    const plan = await compile(builder.build(), parameters);
    try {
      return await plan.run({ x, again: x });
    } finally {
      plan.dispose();
    }
  } finally {
    parameters.dispose();
  }
}

/** A random number generator of its own (mulberry32), so that failures repeat. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below) | 0;
  };
}

function randomChain(seed: number): { x: FloatTensor; chain: Step[] } {
  const random = randomOf(seed);
  const start = Array.from({ length: 1 + random(6) }, () => 1 + random(5));
  let shape: Shape = start;
  const chain = Array.from({ length: 1 + random(4) }, (): Step => {
    const axis = random(shape.length);
    const size = shape[axis]!;
    const choice = random(6);
    const order = shape.map((_, i) => i).sort(() => random(3) - 1);
    const offset = random(size);
    const step = [
      () => steps.transpose(shape, order),
      () => steps.reshape(shape, regrouped(shape, random)),
      () => steps.slice(shape, axis, offset, 1 + random(size - offset)),
      () => steps.pad(shape, axis, random(3), random(3)),
      () => steps.shift(shape, axis, random(5) - 2),
      () => steps.broadcast(shape, [...(shape.length < 6 ? [1 + random(3)] : []), ...shape]),
    ][choice]!();
    shape = step.shape;
    return step;
  });
  return { x: numbers(start), chain };
}

/** Some factors of the size, in any order. */
function regrouped(shape: Shape, random: (below: number) => number): number[] {
  let rest = sizeOf(shape);
  const factors: number[] = [];
  while (rest > 1 && factors.length < 4) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((n) => rest % n === 0);
    const factor = divisors[random(divisors.length)]!;
    factors.push(factor);
    rest /= factor;
  }
  return [...factors, rest];
}

describe('values of any rank and layout', () => {
  it.each(Array.from({ length: 40 }, (_, seed) => seed))('are what they should be (chain %i)', async (seed) => {
    const { x, chain } = randomChain(seed);
    const wanted = expected(x, chain);
    const { end, relu, parameter } = await run(x, chain);
    const what = `${x.shape.join('×')}: ${chain.map(({ label }) => label).join(', ')}`;
    expect(end, what).toEqual(wanted);
    expect(relu, what).toEqual(wanted);
    expect(parameter!.data, what).toEqual(wanted.data.map((value) => 2 * value));
  });

  it.each(Array.from({ length: 20 }, (_, i) => 100 + i))(
    'have the gradient of what they are (chain %i)',
    async (seed) => {
      const { x, chain } = randomChain(seed);
      const { shape } = expected(x, chain);
      const size = sizeOf(shape);
      const weights = numbers([size, 1]);
      const builder = new GraphBuilder();
      const start = builder.input('x', x.shape);
      const end = chain.reduce((value, step, i) => step.add(builder, `${i} ${step.label}`, value), start);
      const loss = builder.linear('loss', builder.reshape('flat', end, [1, size]), builder.parameter('w', [size, 1]));
      const [dx] = gradients(builder, loss, builder.input('seed', [1, 1]), [start]);
      builder.name('dx', dx!);
      const parameters = new DeviceParameters(gpu(), new Map([['w', weights]]));
      const plan = await compile(builder.build(), parameters);
      const found = await plan.run({ seed: floatTensor([1, 1], [1]) }).finally(() => {
        plan.dispose();
        parameters.dispose();
      });
      const wanted = new Float32Array(sizeOf(x.shape));
      for (let number = 0; number < size; number++) {
        let index: readonly number[] | undefined = indexOf(number, shape);
        for (const step of [...chain].reverse()) index = index && step.source(index);
        if (index) wanted[numberOf(index, x.shape)]! += number + 1;
      }
      expect(found.dx, chain.map(({ label }) => label).join(', ')).toEqual(floatTensor(x.shape, wanted));
    },
  );

  it('cost nothing where strides can say them', async () => {
    const builder = new GraphBuilder();
    const x = builder.relu('x', builder.input('in', [2, 6, 4, 4, 8]));
    const frames = builder.slice('frames', x, { axis: 1, offset: 1, size: 4 });
    const heads = builder.reshape(
      'heads',
      builder.slice('channels', x, { axis: -1, offset: 4, size: 4 }),
      [2, 6, 16, 4],
    );
    builder.name('a', builder.relu('a', frames));
    builder.name('b', builder.relu('b', heads));
    const parameters = new DeviceParameters(gpu(), new Map());
    const plan = await compile(builder.build(), parameters);
    // Frames of two samples are no run of pixels.
    expect(plan.rows.map(({ node }) => node)).toEqual(['x', 'frames', 'a', 'b']);
    plan.dispose();
    parameters.dispose();
  });

  it('lose no extent of six', async () => {
    const builder = new GraphBuilder();
    const x = numbers([2, 2, 2, 2, 2, 3]);
    builder.name('y', builder.relu('y', builder.input('x', x.shape)));
    const parameters = new DeviceParameters(gpu(), new Map());
    const plan = await compile(builder.build(), parameters);
    expect((await plan.run({ x })).y).toEqual(x);
    plan.dispose();
    parameters.dispose();
  });
});

describe('padding lanes', () => {
  const Params = struct('Half', { count: 'u32' });
  /** Writes a half everywhere, in the padding lanes too. */
  const halves = defineOperator<NoAttributes>({
    type: 'halves',
    infer: (_, [x]) => [x!],
    cost: (_, inputs, outputs) => pointwiseCost(1, inputs, outputs),
    candidates: (_, { outputs }) => {
      const { view } = outputs[0]!;
      const count = pixelsOf(view) * view.stride;
      const make = () =>
        kernel({
          name: 'halves',
          params: Params,
          values: { count },
          storage: [storage('y')],
          workgroups: [Math.ceil(count / 64), 1, 1],
          body: `@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < p.count) { y[id.x] = vec4f(0.5); }
}`,
        });
      return [singleDispatch('halves', make, [fromOutput(0)])];
    },
  });

  it('are zero whatever an operator leaves in them', async () => {
    const builder = new GraphBuilder();
    const [half] = builder.add(halves, 'half', {}, [builder.input('x', [1, 1, 2, 2, 3])]);
    // A sum over channels and padding lanes alike, had they not been cleared.
    builder.name('y', builder.linear('y', half!, builder.parameter('w', [3, 1])));
    const parameters = new DeviceParameters(gpu(), new Map([['w', floatTensor([3, 1], [1, 1, 1])]]));
    const plan = await compile(builder.build(), parameters);
    expect([...(await plan.run({ x: numbers([1, 1, 2, 2, 3]) })).y!.data]).toEqual([1.5, 1.5, 1.5, 1.5]);
    expect(plan.rows.find(({ node }) => node === 'half')!.dispatches).toBe(2);
    plan.dispose();
    parameters.dispose();
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import { floatTensor, type Shape, sizeOf } from '../../src/core/tensor.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { DeviceState } from '../../src/graph/state.ts';
import { operators } from '../../src/ops/index.ts';
import { fill } from '../formula.ts';
import { testGpu } from '../harness.ts';

const gpu = testGpu();
const SHAPES: readonly Shape[] = [[5], [3, 7], [1, 1, 1, 200, 190], [33], [1]];
const DECAYS = [0.01, 0, 0.01, 0.5, 0];
const states: DeviceState[] = [];
afterEach(() => {
  for (const state of states.splice(0)) state.dispose();
});

const tensor = (name: string, shape: Shape) => floatTensor(shape, fill(name, sizeOf(shape)));
const inputs = Object.fromEntries(SHAPES.map((shape, i) => [`x${i}`, tensor(`x${i}`, shape)]));

/** A step from gradients that nodes compute, so that they lie in the arena: all parameters in one node, or a node for each. */
function stepGraph(together: boolean) {
  const builder = new GraphBuilder();
  const parameters = SHAPES.map((shape, i) => builder.state(`p${i}`, shape));
  const velocities = SHAPES.map((shape, i) => builder.state(`v${i}`, shape));
  const gradients = SHAPES.map((shape, i) => {
    const doubled = [builder.input(`x${i}`, shape), parameters[i]!];
    return builder.add(operators.binary, `g${i}`, { fn: 'mul', activation: 'none' }, doubled)[0]!;
  });
  const schedule = builder.input('schedule', [4]);
  const norm = builder.name('norm', builder.add(operators.gradientNorm, 'norm', { clip: 3 }, gradients)[0]!);
  const update = (name: string, list: readonly number[]): void => {
    const of = (values: readonly number[]) => list.map((i) => values[i]!);
    const all = [...of(parameters), ...of(velocities), ...of(gradients), norm, schedule];
    builder.add(operators.sgdUpdate, name, { momentum: 0.9, weightDecay: of(DECAYS) }, all);
  };
  if (together)
    update(
      'update',
      SHAPES.map((_, i) => i),
    );
  else for (const i of SHAPES.keys()) update(`update ${i}`, [i]);
  return builder.build();
}

function deviceState(reserved: boolean): DeviceState {
  const state = new DeviceState(gpu());
  states.push(state);
  if (reserved) for (const kind of ['p', 'v']) state.reserve(SHAPES.map((shape, i) => [`${kind}${i}`, shape]));
  for (const [i, shape] of SHAPES.entries()) {
    state.set(`p${i}`, tensor(`p${i}`, shape));
    state.ensure(`v${i}`, shape);
  }
  return state;
}

async function train(together: boolean, reserved: boolean) {
  const state = deviceState(reserved);
  const constants = new DeviceParameters(gpu(), new Map());
  try {
    const plan = await compile(stepGraph(together), constants, { state });
    const schedule = floatTensor([4], [0.1, 0, 0, 0]);
    const norms: number[] = [];
    for (let step = 0; step < 3; step++) norms.push((await plan.run({ ...inputs, schedule })).norm!.data[0]!);
    const dispatches = plan.rows.map(({ node, dispatches: count }) => [node, count]);
    plan.dispose();
    return { norms, dispatches, values: await state.read() };
  } finally {
    constants.dispose();
  }
}

describe('tensors that lie one behind the other', () => {
  it('are updated in one dispatch, to the same bits as one after the other', async () => {
    const [single, all] = [await train(false, false), await train(true, true)];
    expect(all.norms).toEqual(single.norms);
    expect(all.norms[0]).toBeGreaterThan(3);
    for (const [name, { data }] of single.values) expect(all.values.get(name)!.data, name).toEqual(data);
    const counts = new Map(all.dispatches as [string, number][]);
    expect(counts.get('update')).toBe(1);
    expect(counts.get('norm')).toBe(2);
    // Nothing asks for those gradients but the norm, which has them in one run.
    expect(new Map(single.dispatches as [string, number][]).get('update 1')).toBe(1);
  });

  it('have to be reserved together', async () => {
    await expect(train(true, false)).rejects.toThrow(
      'States p0 and p1 are changed by one operator and have to lie together: reserve both before they are set',
    );
    const state = deviceState(true);
    expect(() => state.reserve([['p0', [5]]])).toThrow(
      'State p0 exists; reserve states before they are set, each once.',
    );
  });
});

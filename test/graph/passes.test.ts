import { describe, expect, it } from 'vitest';
import type { Shape } from '../../src/core/tensor.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { compile } from '../../src/graph/compile.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { concatInPlace } from '../../src/graph/passes/concat_in_place.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold_batch_norm.ts';
import { fuseActivation } from '../../src/graph/passes/fuse_activation.ts';
import { inferencePasses } from '../../src/graph/passes/index.ts';
import { mergeSiblings } from '../../src/graph/passes/merge_siblings.ts';
import { prune } from '../../src/graph/rewrite.ts';
import { assignStorage } from '../../src/graph/storage.ts';
import { i3dGraph } from '../../src/i3d/i3d.ts';
import { viewOf } from '../../src/kernels/shared/layout.ts';
import { squeezeExcitation } from '../../src/models/units.ts';
import { whenFull } from '../full.ts';
import { expectClose, testGpu } from '../harness.ts';
import { formulaParameters, formulaTensor, moduleGraph } from './graphs.ts';

const gpu = testGpu();
const ops = (graph: Graph) => graph.nodes.map((node) => node.operator.type);
const count = (graph: Graph, op: string) => ops(graph).filter((other) => other === op).length;

/** x → conv → batch norm → ReLU, with a second reader of the convolution if asked for. */
function unitGraph(readTwice: boolean): Graph {
  const builder = new GraphBuilder();
  const x = builder.input('x', [1, 2, 4, 4, 4]);
  const vector = (name: string) => builder.parameter(name, [8]);
  const conv = builder.conv3d('conv', x, builder.parameter('w', [1, 1, 1, 4, 8]));
  if (readTwice) builder.name('conv', conv);
  const statistics = { gamma: vector('g'), beta: vector('b'), mean: vector('m'), variance: vector('v') };
  builder.name('y', builder.relu('relu', builder.batchNorm('bn', conv, statistics, 1e-3)));
  return builder.build();
}

describe('foldBatchNorm', () => {
  it('leaves one convolution with folded parameters', () => {
    expect(ops(foldBatchNorm(unitGraph(false)))).toEqual(['foldedWeights', 'foldedBias', 'conv3d', 'unary']);
  });
  it('keeps the batch norm where somebody else reads the convolution', () => {
    expect(ops(foldBatchNorm(unitGraph(true)))).toEqual(['conv3d', 'batchNorm', 'unary']);
  });
});

describe('fuseActivation', () => {
  it('moves into the epilogue', () => {
    const graph = fuseActivation(foldBatchNorm(unitGraph(false)));
    expect(ops(graph)).toEqual(['foldedWeights', 'foldedBias', 'conv3d']);
    expect(graph.nodes.at(-1)!.attributes).toMatchObject({ activation: 'relu' });
  });

  it('leaves in training what has a gradient by its argument alone', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', [1, 2, 4, 4, 4]);
    const conv = builder.conv3d('conv', x, builder.parameter('w', [1, 1, 1, 4, 8]));
    builder.name('y', builder.sigmoid('y', builder.sum('sum', builder.swish('swish', conv), conv)));
    builder.name('z', builder.swish('z', builder.sum('other', x, x)));
    const graph = builder.build();
    const attributes = (training: boolean) => fuseActivation(graph, training).nodes.map((node) => node.attributes);
    expect(attributes(false)).toMatchObject([{}, { fn: 'swish' }, { activation: 'sigmoid' }, { activation: 'swish' }]);
    expect(attributes(true)).toMatchObject([
      {},
      {},
      { activation: 'sigmoid' },
      { activation: 'none' },
      { fn: 'swish' },
    ]);
  });
});

describe('mergeSiblings', () => {
  const merged = prune(mergeSiblings(fuseActivation(foldBatchNorm(moduleGraph()))));
  it('makes one convolution of the three 1×1×1 branches, with three outputs', () => {
    const node = merged.nodes.find((n) => n.operator.type === 'conv3d' && n.outputs.length === 3)!;
    expect(node.attributes).toMatchObject({ channels: [8, 12, 4], activation: 'relu' });
    expect(count(moduleGraph(), 'conv3d')).toBe(7);
    expect(count(merged, 'conv3d')).toBe(5);
  });
  it('keeps nodes in an order in which they can run', () => {
    const known = new Set(merged.values.flatMap(({ source }, id) => (source.kind === 'node' ? [] : [id])));
    for (const node of merged.nodes) {
      for (const value of node.inputs) expect(known).toContain(value);
      for (const value of node.outputs) known.add(value);
    }
  });
});

describe('concatInPlace', () => {
  it('gives all branches slices of one buffer', () => {
    const graph = inferencePasses(moduleGraph(), { outputs: ['module'] });
    const concat = graph.nodes.find((node) => node.operator.type === 'concat')!;
    expect(concat.attributes).toEqual({ inPlace: true });
    const { placements } = assignStorage(graph);
    const slices = concat.inputs.map((value) => placements[value]!);
    expect(new Set(slices.map(({ storage }) => storage)).size).toBe(1);
    expect(slices.map(({ layout }) => viewOf(layout)?.base)).toEqual([0, 2, 7, 9]);
    expect(slices.every(({ layout }) => viewOf(layout)?.stride === 12)).toBe(true);
  });

  it.each([
    ['a graph input', (b: GraphBuilder, x: number, y: number) => [y, b.concat('c', [x, y])]],
    ['one value twice', (b: GraphBuilder, _: number, y: number) => [y, b.concat('c', [y, y])]],
    [
      'a slice that is made from another',
      (b: GraphBuilder, _: number, y: number) => [y, b.concat('c', [y, b.relu('r', y)])],
    ],
  ])('copies where it must: %s', (_, build) => {
    const builder = new GraphBuilder();
    const x = builder.input('x', [1, 1, 2, 2, 4]);
    builder.name('c', build(builder, x, builder.relu('y', x))[1]!);
    const concat = concatInPlace(builder.build()).nodes.find((node) => node.operator.type === 'concat')!;
    expect(concat.attributes).toEqual({ inPlace: false });
  });

  it('copies where a branch is not a whole number of vec4', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', [1, 1, 2, 2, 5]);
    builder.name('c', builder.concat('c', [builder.relu('a', x), builder.relu('b', x)]));
    expect(concatInPlace(builder.build()).nodes.at(-1)!.attributes).toEqual({ inPlace: false });
  });
});

describe('joinBranches', () => {
  const graph = inferencePasses(moduleGraph(), { outputs: ['module'], joinBranches: true });

  it('makes one node of both 3×3×3 branches, and one of all 1×1×1 once the pool has run', () => {
    const onDevice = graph.nodes.filter(({ operator }) => !operator.host);
    expect(onDevice.map(({ operator }) => operator.type)).toEqual([
      'pool3d',
      'conv3dBranches',
      'conv3dBranches',
      'concat',
    ]);
    expect(onDevice[1]!.attributes).toMatchObject({ channels: [[8, 12, 4], [12]] });
    expect(count(inferencePasses(moduleGraph(), { outputs: ['module'] }), 'conv3dBranches')).toBe(0);
  });

  it('is the same numbers', async () => {
    const parameters = new DeviceParameters(gpu(), formulaParameters(moduleGraph()));
    const x = formulaTensor('x', [1, 3, 9, 8, 7]);
    const run = async (joinBranches: boolean) => {
      const plan = await compile(moduleGraph(), parameters, { outputs: ['module'], joinBranches, kernel: 'tiled' });
      expect(plan.rows.some(({ op }) => op === 'conv3dBranches')).toBe(joinBranches);
      const { module } = await plan.run({ x });
      plan.dispose();
      return module!.data;
    };
    expect(await run(true)).toEqual(await run(false));
  });

  it('leaves alone what depends on each other, and windows that differ', () => {
    const builder = new GraphBuilder();
    const conv = (name: string, x: number, kernel: Shape) =>
      builder.conv3d(name, x, builder.parameter(`${name}/w`, [...kernel, 4, 4]));
    const x = builder.input('x', [1, 2, 4, 4, 4]);
    const first = conv('first', x, [1, 1, 1]);
    builder.name(
      'y',
      builder.concat('y', [
        first,
        conv('wide', x, [3, 3, 3]),
        conv('second', conv('between', first, [1, 3, 3]), [1, 1, 1]),
      ]),
    );
    const { nodes } = inferencePasses(builder.build(), { joinBranches: true });
    expect(nodes.map(({ name }) => name)).toEqual(['first', 'wide', 'between', 'second', 'y']);
  });
});

describe('fuseDenseOfMeans', () => {
  const gated = (fill: (builder: GraphBuilder, x: number) => number): Graph => {
    const builder = new GraphBuilder();
    const x = builder.input('x', [2, 3, 4, 4, 12]);
    builder.name('y', fill(builder, x));
    return builder.build();
  };
  const gate = (builder: GraphBuilder, x: number, mean: number): number => {
    const dense = builder.linear('dense', mean, builder.parameter('w', [12, 12]), builder.parameter('b', [12]));
    return builder.mul('y', x, builder.reshape('volume', builder.sigmoid('sigmoid', dense), [2, 1, 1, 1, 12]));
  };

  it.each([
    ['squeeze-and-excitation', (builder: GraphBuilder, x: number) => squeezeExcitation(builder, 'gate', x, 5)],
    ['a gate', (builder: GraphBuilder, x: number) => gate(builder, x, builder.mean('mean', x))],
    [
      'a gate over a reduction',
      (builder: GraphBuilder, x: number) => gate(builder, x, builder.reduce('mean', 'mean', x, [1, 2, 3])),
    ],
  ])('leaves a node and a product of %s, the same numbers', async (_, fill) => {
    const graph = gated(fill);
    expect(ops(inferencePasses(graph, { denseOfMeans: 288 }))).toEqual(['denseOfMeans', 'binary']);
    expect(ops(inferencePasses(graph))).not.toContain('denseOfMeans');
    const parameters = new DeviceParameters(gpu(), formulaParameters(graph));
    const run = async (denseOfMeans: number) => {
      const plan = await compile(graph, parameters, { denseOfMeans });
      expect(plan.rows.some(({ op }) => op === 'denseOfMeans')).toBe(denseOfMeans > 0);
      const { y } = await plan.run({ x: formulaTensor('x', [2, 3, 4, 4, 12]) });
      plan.dispose();
      return y!.data;
    };
    expectClose(await run(288), await run(0), 1e-6);
  });

  it.each([
    [
      'the mean is asked for',
      (builder: GraphBuilder, x: number) => gate(builder, x, builder.name('mean', builder.mean('mean', x))),
    ],
    [
      'the mean is of all clips',
      (builder: GraphBuilder, x: number) =>
        builder.linear(
          'y',
          builder.reduce('mean', 'mean', x, [0, 1, 2, 3], { keep: true }),
          builder.parameter('w', [12, 4]),
        ),
    ],
    ['it is a sum', (builder: GraphBuilder, x: number) => gate(builder, x, builder.reduce('sum', 'sum', x, [1, 2, 3]))],
    [
      'frames are left',
      (builder: GraphBuilder, x: number) =>
        builder.linear('y', builder.reduce('mean', 'mean', x, [2, 3]), builder.parameter('w', [12, 4])),
    ],
    [
      'the pool looks beyond',
      (builder: GraphBuilder, x: number) => {
        const padding = [
          [1, 0],
          [0, 0],
          [0, 0],
        ] as const;
        const pool = builder.averagePool3d('pool', x, { kernel: [3, 4, 4], stride: [3, 4, 4], padding });
        return builder.conv3d('y', pool, builder.parameter('w', [1, 1, 1, 12, 4]));
      },
    ],
    [
      'weights are in training',
      (builder: GraphBuilder, x: number) => builder.linear('y', builder.mean('mean', x), builder.state('w', [12, 4])),
    ],
    [
      'weights are many',
      (builder: GraphBuilder, x: number) =>
        builder.linear('y', builder.mean('mean', x), builder.parameter('w', [12, 834])),
    ],
  ])('leaves all as it is where %s', (_, fill) => {
    expect(ops(inferencePasses(gated(fill), { denseOfMeans: 10_000 }))).not.toContain('denseOfMeans');
  });
});

describe('addInPlace', () => {
  const build = (
    fill: (builder: GraphBuilder, x: number, conv: (name: string, from: number) => number) => void,
    shape: Shape = [2, 3, 5, 4, 12],
  ): Graph => {
    const channels = shape.at(-1)!;
    const builder = new GraphBuilder();
    const conv = (name: string, from: number): number => {
      const [weights, bias] = [
        builder.parameter(`${name}/w`, [1, 1, 1, channels, channels]),
        builder.parameter(`${name}/b`, [channels]),
      ];
      return builder.conv3d(name, from, weights, { bias });
    };
    fill(builder, builder.input('x', shape), conv);
    return builder.build();
  };
  const residual = (shape?: Shape) =>
    build((builder, x, conv) => {
      const first = builder.relu('first/relu', conv('first', x));
      const second = builder.relu(
        'second/relu',
        builder.sum('second', conv('c', builder.relu('a/relu', conv('a', first))), first),
      );
      // Neither operand is read by anybody else: the later convolution is added to the other.
      builder.name('y', builder.sum('sum', conv('left', second), conv('right', second)));
    }, shape);

  it('leaves no sum of its own', () => {
    const { nodes } = inferencePasses(residual(), { addInPlace: true });
    expect(nodes.map(({ name, operator }) => `${name} ${operator.type}`)).toEqual([
      'first conv3d',
      'a conv3d',
      'c conv3dOnto',
      'left + right/1 joinedParameters',
      'left + right/2 joinedParameters',
      'left + right conv3d',
      'sum binary',
    ]);
  });

  it.each([
    ['direct', [2, 3, 5, 4, 13]],
    ['split-k', [1, 1, 2, 3, 256]],
    ['few rows', [1, 1, 2, 3, 256]],
    ['narrow', [2, 3, 5, 4, 12]],
    ['subgroup', [2, 3, 5, 4, 12]],
    // Compiled for a minute by a software driver.
    ...whenFull([['tiled 32', [2, 3, 5, 4, 12]] as const]),
  ] as const)('is the same numbers by %s', async (kernel, shape) => {
    const graph = residual(shape);
    const parameters = new DeviceParameters(gpu(), formulaParameters(graph));
    const run = async (addInPlace: boolean) => {
      const plan = await compile(graph, parameters, { addInPlace, kernel });
      expect(plan.rows.some(({ op }) => op === 'conv3dOnto')).toBe(addInPlace);
      const runs = [];
      for (let i = 0; i < 2; i++) runs.push((await plan.run({ x: formulaTensor('x', shape) })).y!.data);
      plan.dispose();
      expect(runs[1]).toEqual(runs[0]);
      return runs[0]!;
    };
    expectClose(await run(true), await run(false), 1e-6);
  });

  it.each([
    [
      'somebody reads the other operand later',
      build((builder, x, conv) => {
        const first = conv('first', x);
        const sum = builder.sum('sum', conv('c', builder.relu('r', first)), first);
        builder.name('y', builder.mul('y', sum, first));
      }),
    ],
    [
      'it is asked for',
      build((builder, x, conv) => {
        const first = builder.name('first', conv('first', x));
        builder.name('y', builder.sum('sum', conv('c', builder.relu('r', first)), first));
      }),
    ],
    [
      'it is what the caller gave',
      build((builder, x, conv) => {
        builder.name('y', builder.sum('sum', conv('c', x), x));
      }),
    ],
    [
      'the convolution reads it itself',
      build((builder, x, conv) => {
        const first = builder.relu('first', x);
        builder.name('y', builder.sum('sum', conv('c', first), first));
      }),
    ],
    [
      'it is repeated',
      build((builder, x, conv) => {
        const mean = builder.relu('r', builder.reduce('mean', 'mean', x, [1, 2, 3], { keep: true }));
        builder.name('y', builder.sum('sum', conv('c', x), mean));
      }),
    ],
    [
      'a view of it is read',
      build((builder, x, conv) => {
        const first = builder.relu('first', x);
        const part = builder.slice('part', first, { axis: 1, offset: 0, size: 3 });
        builder.name('y', builder.sum('sum', conv('c', builder.relu('r', part)), first));
      }),
    ],
  ])('leaves the sum where %s', (_, graph) => {
    expect(ops(inferencePasses(graph, { addInPlace: true }))).not.toContain('conv3dOnto');
  });

  it('has one type for what lies in one memory', () => {
    const graph = inferencePasses(residual(), { addInPlace: true, activations: 'f16' });
    const node = graph.nodes.find(({ operator }) => operator.type === 'conv3dOnto')!;
    const [value, y] = [node.inputs.at(-1)!, node.outputs[0]!].map((id) => graph.values[id]!.type.dtype);
    expect(value).toBe('f16');
    expect(y).toBe(value);
  });
});

describe('inferencePasses', () => {
  it('drops what the asked-for outputs do not need', () => {
    const graph = i3dGraph({ frames: 16, height: 224, width: 224, channels: 3, classes: 400 });
    const stem = inferencePasses(graph, { outputs: ['Conv3d_1a_7x7'] });
    expect(ops(stem)).toEqual(['foldedWeights', 'foldedBias', 'conv3d']);
    const logits = inferencePasses(graph, { outputs: ['logits'] });
    // 57 units and the logits layer; of each of the nine modules three become one.
    expect(count(graph, 'conv3d')).toBe(58);
    expect(count(logits, 'conv3d')).toBe(58 - 18);
    expect(count(logits, 'batchNorm') + count(logits, 'unary')).toBe(0);
    expect(
      logits.nodes
        .filter((n) => n.operator.type === 'concat')
        .every((n) => JSON.stringify(n.attributes) === '{"inPlace":true}'),
    ).toBe(true);
  });
  it('lists the known outputs when one is unknown', () => {
    expect(() => inferencePasses(moduleGraph(), { outputs: ['z'] })).toThrow(
      'There is no output z; there are module, y.',
    );
  });
});

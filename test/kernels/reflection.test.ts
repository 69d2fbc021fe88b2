import { describe, expect, it } from 'vitest';
import { ResourceType, WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import type { BindingKind, DeviceProfile, Kernel } from '../../src/core/kernel.ts';
import { type PresetName, presets, resolveOptions } from '../../src/flow/options.ts';
import { planFlow } from '../../src/flow/plan.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { nodesToRun } from '../../src/graph/choose.ts';
import { assignStorage } from '../../src/graph/storage.ts';
import { augmentClip } from '../../src/kernels/clip/augment_clip.ts';
import { preprocess } from '../../src/kernels/clip/preprocess.ts';
import { conv3dDirect } from '../../src/kernels/conv3d/direct.ts';
import { conv3dTurn } from '../../src/kernels/conv3d/flip_weights.ts';
import { conv3dMatrix } from '../../src/kernels/conv3d/matrix.ts';
import { conv3dPack } from '../../src/kernels/conv3d/pack_weights.ts';
import type { Conv3dProblem } from '../../src/kernels/conv3d/problem.ts';
import { conv3dInputGradient } from '../../src/kernels/conv3d_backward/input_gradient.ts';
import { softmax } from '../../src/kernels/loss/softmax.ts';
import { affine } from '../../src/kernels/norm/affine.ts';
import { copyChannels } from '../../src/kernels/pointwise/copy_channels.ts';
import { pool3d } from '../../src/kernels/pool/pool3d.ts';
import { pool3dSweep } from '../../src/kernels/pool/sweep.ts';
import { probeCopy } from '../../src/kernels/probe/copy.ts';
import { denseView } from '../../src/kernels/shared/view.ts';
import { flowGrey } from '../../src/kernels/tvl1/grey.ts';
import { operators } from '../../src/ops/index.ts';
import { emulatedMatrices } from '../emulated_matrix.ts';
import { MADE_UP_GPU } from '../made_up_device.ts';

const x = denseView([1, 2, 7, 7, 8]);
const y = denseView([1, 2, 7, 7, 8]);
const half = { ...x, half: true };
const window = { kernel: [3, 3, 3], stride: [1, 1, 1], padding: [1, 1, 1] } as const;
const problem: Conv3dProblem = { x, outputs: [y], ...window, groups: 1, activation: 'relu' };
const three: Conv3dProblem = { ...problem, outputs: [y, y, y] };

/** Adapters with and without narrow subgroups; made up, since no device is needed. */
const PROFILES = [8, 32].map(
  (lanes): DeviceProfile => ({
    ...MADE_UP_GPU,
    software: lanes === 8,
    subgroupMinSize: lanes,
    subgroupMaxSize: lanes,
    shaderF16: true,
  }),
);

/** Every kernel of every candidate of some convolutions. */
function convolutionKernels(): Kernel[] {
  const nodes = [
    { kernel: [3, 3, 3], stride: 1, cin: 8 },
    { kernel: [7, 7, 7], stride: 2, cin: 3 },
    { kernel: [1, 1, 1], stride: 1, cin: 512 },
  ] as const;
  return PROFILES.flatMap((profile) =>
    nodes.flatMap(({ kernel: [t, h, w], stride, cin }) => {
      const builder = new GraphBuilder();
      const input = builder.input('x', [1, 4, 14, 14, cin]);
      const weights = builder.parameter('w', [t, h, w, cin, 32]);
      builder.name('y', builder.conv3d('conv', input, weights, { stride: [stride, stride, stride] }));
      const graph = builder.build();
      return [...nodesToRun(graph, assignStorage(graph), profile)]
        .flatMap(({ candidates }) => candidates)
        .flatMap((candidate) => candidate.lower())
        .map(({ kernel }) => kernel);
    }),
  );
}

/** Every kernel of every candidate of the gradients of some convolutions. */
function gradientKernels(): Kernel[] {
  const nodes = [
    { kernel: [3, 3, 3], stride: 1, groups: 1 },
    { kernel: [3, 3, 3], stride: 2, groups: 2 },
  ] as const;
  return PROFILES.flatMap((profile) =>
    nodes.flatMap(({ kernel, stride: s, groups }) => {
      const builder = new GraphBuilder();
      const input = builder.input('x', [2, 4, 14, 14, 8]);
      const size = 14 / s;
      const dy = builder.input('dy', [2, 4 / s, size, size, 12]);
      const weights = builder.parameter('w', [...kernel, 8 / groups, 12]);
      const geometry = { stride: [s, s, s], padding: 'same', groups } as const;
      const [dw] = builder.add(operators.conv3dWeightGradient, 'dw', { ...geometry, kernel }, [input, dy]);
      const [dx] = builder.add(operators.conv3dInputGradient, 'dx', { ...geometry, size: [4, 14, 14] }, [dy, weights]);
      builder.name('dw', dw!);
      builder.name('dx', dx!);
      const graph = builder.build();
      return [...nodesToRun(graph, assignStorage(graph), profile)]
        .flatMap(({ candidates }) => candidates)
        .flatMap((candidate) => candidate.lower())
        .map(({ kernel }) => kernel);
    }),
  );
}

/** Every kernel of every candidate of the operators of training that are not convolutions. */
function trainingKernels(): Kernel[] {
  return PROFILES.flatMap((profile) => {
    const builder = new GraphBuilder();
    const [volume, down] = [builder.input('x', [2, 4, 6, 6, 9]), builder.input('down', [2, 4, 3, 3, 9])];
    const [mean, variance, gamma, beta] = ['mean', 'variance', 'gamma', 'beta'].map((name) => builder.input(name, [9]));
    const vectors = [mean!, variance!, gamma!, beta!];
    const [logits, targets, random] = [builder.input('l', [3, 9]), builder.input('t', [3, 9]), builder.input('r', [4])];
    const scalar = builder.input('scalar', [1]);
    const pool = { kernel: [1, 3, 3], stride: [1, 2, 2], padding: 'same' } as const;
    builder.add(operators.channelSum, 'sum', {}, [volume]);
    builder.add(operators.batchStatistics, 'statistics', {}, [volume]);
    builder.add(operators.updateStatistics, 'running', { momentum: 0.1, count: 9 }, vectors);
    for (const activation of ['none', 'relu'] as const) {
      const attributes = { epsilon: 1e-3, activation, batch: true };
      builder.add(operators.normalize, 'normalize', attributes, [volume, ...vectors]);
      builder.add(operators.normalizeGradient, 'normalize gradient', attributes, [volume, ...vectors, volume]);
    }
    builder.add(operators.maxPool3dGradient, 'pool', pool, [volume, down]);
    builder.add(operators.maxPool3dGradient, 'pool', { ...pool, kernel: [3, 3, 3], stride: [1, 1, 1] }, [
      volume,
      volume,
    ]);
    builder.add(operators.averagePool3dGradient, 'average', { ...pool, size: [4, 6, 6] }, [down]);
    builder.add(operators.crossEntropy, 'loss', {}, [logits, targets]);
    builder.add(operators.crossEntropyGradient, 'loss gradient', {}, [logits, targets, scalar]);
    builder.add(operators.dropout, 'dropout', { rate: 0.5, salt: 1 }, [logits, random]);
    const norm = builder.add(operators.gradientNorm, 'norm', { clip: 5 }, [mean!, variance!])[0]!;
    builder.add(operators.sgdUpdate, 'sgd', { momentum: 0.9, weightDecay: 0 }, [
      mean!,
      variance!,
      gamma!,
      norm,
      random,
    ]);
    builder.add(operators.accumulate, 'accumulate', { factor: 1 }, [mean!, gamma!]);
    builder.add(operators.zero, 'zero', {}, [mean!]);
    const graph = builder.build();
    return [...nodesToRun(graph, assignStorage(graph), profile)]
      .flatMap(({ candidates }) => candidates)
      .flatMap((candidate) => candidate.lower())
      .map(({ kernel }) => kernel);
  });
}

function flowKernels(): Kernel[] {
  const extents = [
    { width: 64, height: 48 },
    { width: 51, height: 38 },
  ];
  return (['sweep', 'tile'] as const).flatMap((kind) =>
    (Object.keys(presets) as PresetName[])
      .flatMap((preset) => planFlow(PROFILES[0]!, extents, 2, resolveOptions({ preset }), kind).steps)
      .map(({ kernel }) => kernel),
  );
}

/** With the types that stand for subgroup matrices in tests: the parser does not know those of Dawn. */
function matrixKernels(): Kernel[] {
  const tile = { bm: 32, bn: 32, bk: 16, rows: 2, columns: 2, M: 8, N: 8, K: 8 };
  const device = { lanes: 8, dialect: emulatedMatrices(8) };
  return [conv3dMatrix(problem, tile, device), conv3dMatrix(three, { ...tile, half: true }, device)];
}

const KERNELS: readonly Kernel[] = [
  ...convolutionKernels(),
  ...gradientKernels(),
  ...trainingKernels(),
  ...flowKernels(),
  ...matrixKernels(),
  flowGrey({ width: 7, height: 5 }, 2),
  probeCopy(1 << 16, { workgroupSize: 64, perThread: 4 }),
  conv3dDirect(three),
  conv3dDirect({ ...problem, groups: 2 }),
  conv3dDirect({ ...problem, x: half, outputs: [half, y], groups: 2 }),
  conv3dPack({ groups: 27, rows: 3, cout: 8 }),
  conv3dTurn({ taps: 27, cin: 8, cout: 8, rows: 8 }),
  conv3dInputGradient({ dy: y, dx: x, ...window, groups: 1 }),
  pool3d({ x, y, ...window, mode: 'max' }),
  pool3d({ x, y, ...window, mode: 'average' }),
  pool3d({ x: half, y, ...window, mode: 'average' }),
  pool3dSweep({ x, y, ...window, mode: 'max' }, { columns: 2, span: 4, workgroupSize: 64, loop: 'uniform' }),
  affine({ x, y, activation: 'none' }),
  softmax({ x, y }),
  copyChannels({ x, y, offset: 0 }),
  preprocess({
    frames: { height: 9, width: 9 },
    y: denseView([1, 2, 7, 7, 3]),
    resized: { height: 8, width: 8 },
    crop: { top: 0, left: 1 },
    scale: 1,
    shift: 0,
  }),
  ...[{ kind: 'rgb', height: 9, width: 9, firstByte: 0 } as const, { kind: 'flow', view: x } as const].map((clip) =>
    augmentClip({ clip, y: denseView([1, 2, 7, 7, 3]), firstFrame: 0, framesPerSample: 1, scale: 1, shift: 0 }),
  ),
];

const ACCESS: Record<BindingKind, string> = {
  uniform: 'uniform',
  constant: 'read',
  storage: 'read_write',
  texels: 'read',
};

/** One of each shader. */
const DISTINCT = [...new Map(KERNELS.map((kernel) => [kernel.wgsl, kernel])).values()];

describe.each(DISTINCT)('$name', (kernel) => {
  // The parser takes `workgroup` for a keyword, which WGSL does not: outside of `var<workgroup>` it is a name like any other.
  const reflected = new WgslReflect(kernel.wgsl.replaceAll(/\bworkgroup\b(?!>)/g, 'this_workgroup'));
  const [bindings = []] = reflected.getBindGroups();

  it('declares in WGSL the bindings that the host binds', () => {
    expect(
      bindings.map(({ name, type, resourceType, access }) => ({
        name,
        // It writes runtime-sized arrays with a length of 0.
        type: type.getTypeName().replace(', 0>', '>'),
        access: resourceType === ResourceType.Uniform ? 'uniform' : access,
      })),
    ).toEqual(
      kernel.bindings.map(({ name, type, kind }) => ({
        name,
        // It takes the access out of a texture's type.
        type: type.replace('rgba32float, read>', 'rgba32float>'),
        access: ACCESS[kind],
      })),
    );
  });

  it('lays its uniforms out as the host packs them: scalars one after the other', () => {
    const { members, size } = reflected.structs.find(({ name }) => name === bindings[0]!.type.name)!;
    expect(members.map(({ offset }) => offset)).toEqual(members.map((_, i) => 4 * i));
    expect(members.every(({ type }) => ['u32', 'i32', 'f32'].includes(type.name))).toBe(true);
    expect(kernel.uniforms.byteLength).toBe(Math.ceil(size / 16) * 16);
  });

  it('has one entry point, main, and a grid within the limits', () => {
    expect(reflected.entry.compute.map(({ name }) => name)).toEqual(['main']);
    for (const count of kernel.workgroups) {
      expect(count).toBeGreaterThanOrEqual(1);
      expect(count).toBeLessThanOrEqual(65_535);
    }
  });
});

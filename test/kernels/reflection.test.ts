/** @file What kernels say of themselves in WGSL and what they tell the host: of all there are, which nobody has to list. */

import { describe, expect, it } from 'vitest';
import { ResourceType, WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import type { BindingKind, DeviceProfile, Kernel } from '../../src/core/kernel.ts';
import { type PresetName, presets, resolveOptions } from '../../src/flow/options.ts';
import { planFlow } from '../../src/flow/plan.ts';
import { antialias } from '../../src/kernels/clip/antialias.ts';
import { packFloats, packRgb } from '../../src/kernels/clip/pack_rgb.ts';
import { conv3dMatrix } from '../../src/kernels/conv3d/matrix.ts';
import type { Conv3dProblem } from '../../src/kernels/conv3d/problem.ts';
import { conv3dSplitKMatrix } from '../../src/kernels/conv3d/split_k_matrix.ts';
import { probeCopy } from '../../src/kernels/probe/copy.ts';
import { probeFma } from '../../src/kernels/probe/fma.ts';
import { probeMatrix } from '../../src/kernels/probe/matrix.ts';
import { denseView } from '../../src/kernels/shared/view.ts';
import { flowGrey } from '../../src/kernels/tvl1/grey.ts';
import { flowStream } from '../../src/kernels/tvl1/stream.ts';
import { operators } from '../../src/ops/index.ts';
import { emulatedMatrices } from '../emulated_matrix.ts';
import { MADE_UP_GPU } from '../made_up_device.ts';
import { SAMPLES, sampleKernels } from '../ops/samples.ts';
import { callsOf, kernelFunctions } from './enumerate.ts';

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

function flowKernels(): Kernel[] {
  const extents = [
    { width: 64, height: 48 },
    { width: 51, height: 38 },
  ];
  const options = [
    ...(Object.keys(presets) as PresetName[]).map((preset) => resolveOptions({ preset })),
    resolveOptions({ scaleSmoothing: 0.8, weightedMedian: 13, visibilityWeight: true, edgeWeight: 2.5 }),
  ];
  const steps = (['sweep', 'tile'] as const).flatMap((kind) =>
    options.flatMap((option) => planFlow(PROFILES[0]!, extents, 2, option, kind).steps),
  );
  const crop = { top: 0, left: 0, height: 7, width: 7 };
  const stream = { flow: { height: 9, width: 9 }, resized: { height: 8, width: 8 }, crop };
  return [
    ...steps.map(({ kernel }) => kernel),
    flowGrey({ width: 7, height: 5 }, 2),
    flowStream({ ...stream, y: denseView([1, 2, 7, 7, 2]), bound: 20, quantise: true, rescale: true }),
  ];
}

/** With the types that stand for subgroup matrices in tests: the parser does not know those of Dawn. */
function matrixKernels(): Kernel[] {
  const x = denseView([1, 2, 7, 7, 8]);
  const window = { kernel: [3, 3, 3], stride: [1, 1, 1], padding: [1, 1, 1] } as const;
  const problem: Conv3dProblem = { x, outputs: [x], ...window, groups: 1, activation: 'relu' };
  const tile = { bm: 32, bn: 32, bk: 16, rows: 2, columns: 2, M: 8, N: 8, K: 8 };
  const device = { lanes: 8, exact: true, pin: false, dialect: emulatedMatrices(8) };
  return [
    conv3dMatrix(problem, tile, device),
    conv3dSplitKMatrix(problem, 3, tile, device),
    conv3dMatrix({ ...problem, outputs: [x, x, x] }, { ...tile, half: true }, device),
  ];
}

/** Of benchmarks. */
function probeKernels(): Kernel[] {
  const problem = { workgroups: [4, 1, 1], iterations: 8 } as const;
  const matrix = { M: 8, N: 8, K: 8, component: 'f32', subgroups: 2, accumulators: 2, unroll: 2 } as const;
  return [
    probeCopy(1 << 16, { workgroupSize: 64, perThread: 4 }),
    probeFma(problem, { workgroupSize: 64, accumulators: 4, unroll: 2 }),
    probeFma(problem, { workgroupSize: 64, accumulators: 4, unroll: 2, half: true }),
    probeMatrix(problem, matrix, { lanes: 8, dialect: emulatedMatrices(8) }),
  ];
}

/** Of pictures on their way to frames. */
function pictureKernels(): Kernel[] {
  const size = { height: 5, width: 7 };
  return [
    packRgb({ frames: 2, ...size }),
    packFloats({ frames: 2, ...size, scale: 127.5, shift: 1 }),
    antialias({ picture: size, resized: { height: 3, width: 4 } }),
  ];
}

const { result: KERNELS, called } = await callsOf(async () => [
  ...(await Promise.all(PROFILES.map(sampleKernels))).flat(),
  ...flowKernels(),
  ...matrixKernels(),
  ...probeKernels(),
  ...pictureKernels(),
]);

describe('the kernels that are looked at', () => {
  it('are all that src/kernels/ exports', () => {
    const forgotten = kernelFunctions().filter((name) => !called.has(name));
    expect(forgotten, 'not called by any candidate of test/ops/samples.ts, nor by this file').toEqual([]);
  });

  it('are those of all operators', () => {
    const sampled = new Set(SAMPLES.flatMap(({ nodes }) => nodes.map(({ operator }) => operator.type)));
    const forgotten = Object.keys(operators).filter((name) => !sampled.has(name));
    expect(forgotten, 'without a node in test/ops/samples.ts').toEqual([]);
  });
});

const ACCESS: Record<BindingKind, string> = {
  uniform: 'uniform',
  constant: 'read',
  storage: 'read_write',
  texels: 'read',
  writtenTexels: 'write',
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
        type: type.replace(/rgba32float, (read|write)>/, 'rgba32float>'),
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

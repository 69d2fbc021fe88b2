/** @file Compiling that is ended early: it rejects with the reason, leaves nothing behind, and the device goes on working. */

import { describe, expect, test } from 'vitest';
import { flowToStream } from '../../src/flow/index.ts';
import { type CompileProgress, compile, compileKernels } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { INCEPTION_4 } from '../../src/i3d/inception4.ts';
import { initialParameters } from '../../src/models/parameters.ts';
import { Recogniser } from '../../src/models/recogniser.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { testGpu } from '../harness.ts';
import { formulaParameters, formulaTensor, moduleGraph } from './graphs.ts';

const gpu = testGpu();
const reason = new Error('enough');

/** A signal that is aborted at a stage. */
function at(stage: CompileProgress['stage']) {
  const controller = new AbortController();
  const seen: CompileProgress[] = [];
  const onProgress = (progress: CompileProgress) => {
    seen.push(progress);
    if (progress.stage === stage) controller.abort(reason);
  };
  return { seen, options: { signal: controller.signal, onProgress } };
}

describe('an aborted signal ends', () => {
  test('the compilation of kernels, and of a plan while its weights are brought to the device', async () => {
    const before = gpu().allocatedBytes;
    const graph = moduleGraph();
    const parameters = new DeviceParameters(gpu(), formulaParameters(graph));
    await expect(compileKernels(graph, gpu(), at('kernels').options)).rejects.toBe(reason);
    // What the driver had begun comes to its end.
    await compileKernels(graph, gpu());
    await gpu().idle();
    await expect(compile(graph, parameters, at('weights').options)).rejects.toBe(reason);
    await expect(compile(graph, parameters, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await gpu().idle();
    expect(gpu().allocatedBytes).toBe(before);

    const seen: CompileProgress[] = [];
    const plan = await compile(graph, parameters, { onProgress: (progress) => seen.push(progress) });
    const last = seen.at(-1)!;
    expect(last).toEqual({ stage: 'weights', done: last.total, total: last.total });
    const results = await plan.run({ x: formulaTensor('x', [1, 3, 9, 8, 7]) });
    expect(results.y!.data.every(Number.isFinite)).toBe(true);
    plan.dispose();
    parameters.dispose();
  });

  test('a plan of a recogniser, and a run of it', async () => {
    const spec = modelSpec({ architecture: INCEPTION_4, stream: 'rgb', classes: 3, width: 0.06, frames: 4, size: 32 });
    const recogniser = new Recogniser(gpu(), { spec, parameters: initialParameters(spec, 1) });
    const clip = { dtype: 'u8' as const, shape: [4, 32, 32, 3], data: new Uint8Array(4 * 32 * 32 * 3).fill(90) };
    await expect(recogniser.plan(clip, at('weights').options)).rejects.toBe(reason);
    const controller = new AbortController();
    const run = recogniser.run(clip, undefined, { signal: controller.signal });
    controller.abort(reason);
    await expect(run).rejects.toBe(reason);
    expect((await recogniser.run(clip)).logits).toHaveLength(3);
    recogniser.dispose();
  });

  test('the way of flow to its stream', async () => {
    const controller = new AbortController();
    const flow = { dtype: 'f32' as const, shape: [40, 400, 400, 2], data: new Float32Array(40 * 400 * 400 * 2) };
    const calls: number[] = [];
    const onProgress = (done: number) => {
      calls.push(done);
      controller.abort(reason);
    };
    await expect(flowToStream(gpu(), flow, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    expect(calls).toHaveLength(1);
  });
});

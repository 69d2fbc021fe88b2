/** @file What the browser test runs in the page, on the browser's own adapter; it returns what Node compares. */

import { compile, DeviceParameters, type FloatTensor, floatTensor, Gpu, GraphBuilder } from '../../src/index.ts';
import { formulaParameters, formulaTensor, moduleGraph } from '../graph/graphs.ts';

async function run(gpu: Gpu): Promise<Record<string, { shape: readonly number[]; data: number[] }>> {
  const small = new GraphBuilder();
  const x = small.input('x', [1, 4]);
  small.name('p', small.softmax('softmax', small.relu('relu', x)));
  const results: Record<string, FloatTensor> = {};
  for (const { graph, input } of [
    { graph: small.build(), input: floatTensor([1, 4], [1, -2, 3, 0.5]) },
    { graph: moduleGraph(), input: formulaTensor('x', [1, 3, 9, 8, 7]) },
  ]) {
    const parameters = new DeviceParameters(gpu, formulaParameters(graph));
    const plan = await compile(graph, parameters);
    Object.assign(results, await plan.run({ x: input }));
    plan.dispose();
    parameters.dispose();
  }
  return Object.fromEntries(
    Object.entries(results).map(([name, { shape, data }]) => [name, { shape, data: Array.from(data) }]),
  );
}

Object.assign(globalThis, {
  runEngine: async () => {
    const gpu = await Gpu.create(navigator.gpu);
    const results = await run(gpu);
    gpu.dispose();
    return { adapter: gpu.profile.description, left: gpu.allocatedBytes, results };
  },
});

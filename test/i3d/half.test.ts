/** @file How far kernels of 16 bits move the logits of a whole network; docs/kernels.md says what was measured. */

import { expect, it } from 'vitest';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { formulaCheckpoint } from '../../src/i3d/formula.ts';
import { i3dGraph } from '../../src/i3d/model.ts';
import { expectClose, testGpu } from '../harness.ts';
import { formulaClip } from './end_points.ts';

const gpu = testGpu();

it('logits from f16 weights and tiles are those from f32 within 1e-3, and so are those from f16 activations', async ({
  skip,
}) => {
  skip(!gpu().profile.shaderF16, 'this adapter has no f16');
  // The smallest clip that I3D takes.
  const [frames, size] = [9, 193];
  const parameters = new DeviceParameters(gpu(), formulaCheckpoint('rgb').parameters);
  const graph = i3dGraph({ frames, height: size, width: size, channels: 3, classes: 400 });
  const clip = formulaClip(frames, 3, size);
  const run = async (kernel: string, activations: 'f32' | 'f16' = 'f32'): Promise<Float32Array> => {
    const plan = await compile(graph, parameters, { kernel, accuracy: 'exact', activations, outputs: ['logits'] });
    try {
      const convolutions = plan.rows.filter(({ op }) => op === 'conv3d');
      expect(convolutions.every((row) => row.kernel.startsWith(kernel))).toBe(true);
      return (await plan.run({ clip })).logits!.data;
    } finally {
      plan.dispose();
    }
  };
  try {
    const [exact, half] = [await run('register'), await run('half tiled')];
    expectClose(half, exact, 1e-3);
    expect(half).not.toEqual(exact);
    const all = await run('half tiled', 'f16');
    expectClose(all, exact, 1e-3);
    expect(all).not.toEqual(half);
  } finally {
    parameters.dispose();
  }
});

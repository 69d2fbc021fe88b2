/**
 * @file How far kernels of 16 bits move the logits of a whole network: a small one, and I3D in the full run. docs/kernels.md says
 * what was measured.
 */

import { expect, it } from 'vitest';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { formulaCheckpoint } from '../../src/i3d/formula.ts';
import { i3dGraph } from '../../src/i3d/i3d.ts';
import { INCEPTION_4 } from '../../src/i3d/inception4.ts';
import { modelGraph } from '../../src/models/graph.ts';
import { initialParameters } from '../../src/models/parameters.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { FULL } from '../full.ts';
import { expectClose, testGpu } from '../harness.ts';
import { formulaClip } from './end_points.ts';

const gpu = testGpu();

it('logits from f16 weights and tiles are those from f32 within 1e-3, and so are those from f16 activations', async ({
  skip,
}) => {
  skip(!gpu().profile.shaderF16, 'this adapter has no f16');
  // The smallest clip that each takes; a software adapter needs a minute for the tiles of I3D.
  const [frames, size] = FULL ? [9, 193] : [4, 24];
  const spec = modelSpec({ architecture: INCEPTION_4, stream: 'rgb', classes: 20, width: 0.25, frames, size });
  const parameters = new DeviceParameters(
    gpu(),
    FULL ? formulaCheckpoint('rgb').parameters : initialParameters(spec, 1),
  );
  const graph = FULL ? i3dGraph({ frames, height: size, width: size, channels: 3, classes: 400 }) : modelGraph(spec);
  const tiles = FULL ? 'half tiled' : 'half tiled 32×32×32';
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
    const [exact, half] = [await run('register'), await run(tiles)];
    expectClose(half, exact, 1e-3);
    expect(half).not.toEqual(exact);
    const all = await run(tiles, 'f16');
    expectClose(all, exact, 1e-3);
    expect(all).not.toEqual(half);
  } finally {
    parameters.dispose();
  }
});

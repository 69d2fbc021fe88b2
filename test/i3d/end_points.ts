/** @file Reference results of PyTorch: every end point's samples, in its layout, against a run of ours. */

import { expect } from 'vitest';
import { type FloatTensor, floatTensor, type HostTensor } from '../../src/core/tensor.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { checkpointShapes } from '../../src/i3d/checkpoint.ts';
import { I3D_OUTPUTS, i3dGraph } from '../../src/i3d/i3d.ts';
import type { ModelWeights } from '../../src/models/weights.ts';
import { formulaTensors } from '../formula.ts';

export interface EndPoint {
  /** N C T H W. */
  readonly shape: readonly number[];
  readonly std?: number;
  /** Flat row-major index in N C T H W of each value. Without it: all values, or one for each channel, the mean over time. */
  readonly index?: readonly number[];
  readonly value: readonly number[] | readonly (readonly number[])[];
}

/** Parameters of the formula networks by PyTorch's names, from no file. */
export const formulaStateDict = (channels: number, classes = 400): Map<string, FloatTensor> =>
  formulaTensors(checkpointShapes('pytorch', channels, classes));

/** x[0, t, h, w, c] = sin(.05 (w + 2 t) + c) · cos(.07 h − .3 t). */
export function formulaClip(frames: number, channels: number, size = 224): FloatTensor {
  const data = new Float32Array(frames * size * size * channels);
  let i = 0;
  for (let t = 0; t < frames; t++) {
    for (let h = 0; h < size; h++) {
      for (let w = 0; w < size; w++) {
        for (let c = 0; c < channels; c++) data[i++] = Math.sin(0.05 * (w + 2 * t) + c) * Math.cos(0.07 * h - 0.3 * t);
      }
    }
  }
  return floatTensor([1, frames, size, size, channels], data);
}

/** Runs a network on a clip N T H W C and returns every end point. */
export async function runEndPoints(
  gpu: Gpu,
  checkpoint: ModelWeights,
  clip: HostTensor<'f32'>,
): Promise<Record<string, FloatTensor>> {
  const [batch, frames, height, width, channels] = clip.shape as [number, number, number, number, number];
  const graph = i3dGraph({ batch, frames, height, width, channels, classes: checkpoint.classes });
  const parameters = new DeviceParameters(gpu, checkpoint.parameters);
  const plan = await compile(graph, parameters);
  try {
    return await plan.run({ clip });
  } finally {
    plan.dispose();
    parameters.dispose();
  }
}

/** Every sample within 1e-3 of its end point's standard deviation, the logits within 1e-3 of the largest. */
export function expectEndPoints(
  actual: Record<string, FloatTensor>,
  expected: Readonly<Record<string, EndPoint>>,
): void {
  for (const [name, { shape, std, index, value }] of Object.entries(expected)) {
    const tensor = actual[name]!;
    const [n, c, t, h = 1, w = 1] = shape as [number, number, number, number?, number?];
    expect(tensor.shape, name).toEqual([n, t, h, w, c]);
    const values = value.flat();
    const scale = std ?? Math.max(...values.map(Math.abs));
    const worst = values.reduce((largest: number, reference, i) => {
      const flat = index?.[i] ?? i;
      const channel = Math.floor(flat / (t * h * w)) % c;
      const mean = index === undefined && values.length < tensor.data.length;
      const ours = mean ? actual.features!.data[i]! : tensor.data[(flat % (t * h * w)) * c + channel]!;
      return Math.max(largest, Math.abs(ours - reference));
    }, 0);
    expect(worst / scale, `${name}: largest difference`).toBeLessThan(1e-3);
  }
  expect(Object.keys(actual)).toContain(I3D_OUTPUTS.probabilities);
}

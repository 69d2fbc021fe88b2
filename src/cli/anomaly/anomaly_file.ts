/** @file Files of anomaly models: safetensors whose metadata say which features the scores are of. */

import { InputError } from '../../core/errors.ts';
import type { FloatTensor } from '../../core/tensor.ts';
import { formatShape, sameShape } from '../../core/tensor.ts';
import { writeFileAtomic } from '../../io/atomic.ts';
import { encodeSafetensors } from '../../io/safetensors.ts';
import { loadWeightsFile } from '../../io/weights.ts';
import { type AnomalySpec, anomalyParameters } from '../../train/anomaly/network.ts';

const KEY = 'i3d-anomaly';

interface AnomalyModel {
  readonly spec: AnomalySpec;
  readonly parameters: ReadonlyMap<string, FloatTensor>;
  /** How the features were made that it was trained on. */
  readonly choices: string;
}

export async function writeAnomalyModel(path: string, { spec, parameters, choices }: AnomalyModel): Promise<void> {
  await writeFileAtomic(path, encodeSafetensors(new Map(parameters), { [KEY]: JSON.stringify({ ...spec, choices }) }));
}

/** @throws InputError when it cannot be read or is another file. */
export async function readAnomalyModel(path: string): Promise<AnomalyModel> {
  const { tensors, metadata } = await loadWeightsFile(path);
  const text = metadata[KEY];
  if (text === undefined)
    throw new InputError(`${path} is no anomaly model; give a file that i3d anomaly train wrote.`);
  const { choices, ...spec } = JSON.parse(text) as AnomalySpec & { readonly choices: string };
  const parameters = new Map<string, FloatTensor>();
  for (const [name, shape] of anomalyParameters(spec)) {
    const tensor = tensors.get(name);
    if (tensor?.dtype !== 'f32' || !sameShape(tensor.shape, shape)) {
      throw new InputError(
        `${path} should have ${name} of ${formatShape(shape)}; it is damaged, or of another version.`,
      );
    }
    parameters.set(name, tensor as FloatTensor);
  }
  return { spec, parameters, choices };
}

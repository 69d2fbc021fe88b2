/**
 * @file Inflation (Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017, section 3.1): a network for images
 * becomes one for clips. Each kernel is repeated N times along time and divided by N, so that on a clip of one image repeated
 * every layer gives what the 2D network gives on the image, away from the clip's ends.
 */

import { checkTensor } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { type FloatTensor, floatTensor, formatShape } from '../core/tensor.ts';
import type { ModelSpec } from './definition.ts';
import type { Model } from './model_file.ts';
import { modelParameters } from './parameters.ts';
import { checkSpec, modelSpec } from './spec.ts';

/**
 * The kernel of any 2D convolution for clips.
 * @param weights kh×kw×Cin×Cout
 * @param frames N, the extent along time.
 * @returns N×kh×kw×Cin×Cout: N times the weights / N.
 * @throws InputError for another rank, or a number of frames that is none.
 */
export function inflateKernel(weights: FloatTensor, frames: number): FloatTensor {
  checkTensor('The kernel', weights, ['f32']);
  const { shape, data } = weights;
  if (shape.length !== 4) {
    throw new InputError(`A 2D kernel has four axes, kh×kw×Cin×Cout; ${formatShape(shape)} has ${shape.length}.`);
  }
  if (!Number.isSafeInteger(frames) || frames < 1) {
    throw new InputError(`A kernel is inflated to a whole number of frames of at least 1, not ${frames}.`);
  }
  const inflated = new Float32Array(frames * data.length);
  // From float64, rounded once: N such values sum up to the weight as closely as float32 allows.
  for (let i = 0; i < data.length; i++) inflated[i] = data[i]! / frames;
  for (let n = 1; n < frames; n++) inflated.copyWithin(n * data.length, 0, data.length);
  return floatTensor([frames, ...shape], inflated);
}

/** The 3D model that a 2D one is inflated to, which takes clips of the architecture's usual length. */
function inflatedSpec(spec: ModelSpec): ModelSpec {
  const { frames: _, dimensions: __, ...same } = spec;
  return modelSpec({ ...same, dimensions: 3 });
}

/**
 * A model for clips from one for images: kernels are inflated, vectors (batch norms, biases) stay.
 * @throws InputError when the model is no 2D one.
 */
export function inflateModel({ spec, classes, parameters, notes = {} }: Model): Model {
  if (checkSpec(spec, 'The model').dimensions !== 2) {
    throw new InputError('Only a 2D model can be inflated; this one is 3D.');
  }
  const inflated = inflatedSpec(spec);
  const volumes = [...modelParameters(inflated)].map(([name, shape]) => {
    const flat = parameters.get(name)!;
    if (shape.length === 1) return [name, flat] as const;
    return [name, inflateKernel(floatTensor(flat.shape.slice(1), flat.data), shape[0]!)] as const;
  });
  return { spec: inflated, classes, parameters: new Map(volumes), notes };
}

/** @file A model's parameters: their names and shapes, and values to begin with. */

import { GraphError } from '../core/errors.ts';
import { Random } from '../core/random.ts';
import { type FloatTensor, floatTensor, type Shape, sizeOf } from '../core/tensor.ts';
import type { ModelSpec } from './definition.ts';
import { modelGraph } from './graph.ts';

/**
 * Names and shapes, in the order of the layers; without those of the head for 0 classes.
 * @throws GraphError where the definition names a first or last layer that it does not build.
 */
export function modelParameters(spec: ModelSpec): Map<string, Shape> {
  const { architecture, classes } = spec;
  const { values } = modelGraph(spec);
  const parameters = new Map(
    values.flatMap(({ source, type }) => (source.kind === 'parameter' ? [[source.name, type.shape] as const] : [])),
  );
  for (const end of classes === 0 ? (['stem'] as const) : (['stem', 'head'] as const)) {
    const name = `${architecture[end]}/weights`;
    if (parameters.has(name)) continue;
    throw new GraphError(`${architecture.name} has no parameter ${name}, though its ${end} is ${architecture[end]}.`);
  }
  return parameters;
}

/** Zeros for all of them, for measurements: time does not depend on the values. */
export function zeroParameters(spec: ModelSpec): Map<string, FloatTensor> {
  const zeros = (shape: Shape) => floatTensor(shape, new Float32Array(sizeOf(shape)));
  return new Map([...modelParameters(spec)].map(([name, shape]) => [name, zeros(shape)]));
}

/** Whether a parameter is the head's: what a new set of classes needs anew. */
export const isHeadParameter = ({ architecture }: ModelSpec, name: string): boolean =>
  name.startsWith(`${architecture.head}/`);

/** Standard deviation of the head's first weights: all classes about equally likely, whatever the features. */
export const HEAD_DEVIATION = 0.01;

/**
 * Parameters to begin training with: weights of He et al. ("Delving deep into rectifiers", 2015), normal with variance
 * 2 / fan-in; batch norms that change nothing; small logits. Each parameter has random numbers of its own, by its name.
 */
export function initialParameters(spec: ModelSpec, seed: number): Map<string, FloatTensor> {
  const parameters = new Map<string, FloatTensor>();
  for (const [name, shape] of modelParameters(spec)) {
    const data = new Float32Array(sizeOf(shape));
    if (name.endsWith('/weights')) {
      const random = new Random(seed, name);
      const deviation = isHeadParameter(spec, name) ? HEAD_DEVIATION : Math.sqrt(2 / sizeOf(shape.slice(0, -1)));
      for (let i = 0; i < data.length; i++) data[i] = random.normal() * deviation;
    } else if (/\/(gamma|variance)$/.test(name)) data.fill(1);
    parameters.set(name, floatTensor(shape, data));
  }
  return parameters;
}

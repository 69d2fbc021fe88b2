/** @file A model by the formula, small enough that a window takes a software adapter milliseconds. */

import { INCEPTION_4 } from '../../src/i3d/inception4.ts';
import type { Stream } from '../../src/models/definition.ts';
import { modelParameters } from '../../src/models/parameters.ts';
import type { Network } from '../../src/models/recogniser.ts';
import { type ModelSpecOptions, modelSpec } from '../../src/models/spec.ts';
import { uniform } from '../formula.ts';
import { formulaTensor } from '../graph/graphs.ts';

/** @param more What of its spec shall be different. */
export function formulaNetwork(stream: Stream, more: Partial<ModelSpecOptions> = {}): Network {
  const spec = modelSpec({
    architecture: INCEPTION_4,
    stream,
    classes: 3,
    width: 0.06,
    frames: 8,
    size: 32,
    shortSide: 40,
    ...more,
  });
  const parameters = new Map(
    [...modelParameters(spec)].map(([name, shape]) => {
      const { data } = formulaTensor(`${stream} ${name}`, shape);
      const scale = Math.sqrt(6 / (data.length / shape.at(-1)!));
      const values = /variance|gamma/.test(name)
        ? data.map((_, i) => 0.5 + uniform(name, i))
        : data.map((v) => v * scale);
      return [name, { dtype: 'f32' as const, shape, data: values }];
    }),
  );
  return { spec, parameters };
}

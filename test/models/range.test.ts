/** @file Floats that were never brought to a network's range. */

import { expect, it } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import { floatTensor } from '../../src/core/tensor.ts';
import type { Stream } from '../../src/models/definition.ts';
import { checkRange } from '../../src/models/frames.ts';
import { modelSpec } from '../../src/models/spec.ts';

const check = (id: string, stream: Stream, value: number) => () => {
  const spec = modelSpec({ architecture: MODELS.get(id), stream, classes: 4 });
  const shape = [2, 8, 8, spec.channels];
  const data = new Float32Array(128 * spec.channels).fill(value);
  checkRange(spec, floatTensor(shape, data));
};

it('refuses what is far beyond it, and says what to do', () => {
  expect(check('i3d', 'rgb', 200)).toThrow(
    'The clip holds 200, and I3D takes about -1 … 1: give frames as bytes, which are brought there.',
  );
  expect(check('tsm-r50', 'rgb', 255)).toThrow(/^The clip holds 255, and TSM-ResNet-50 takes about -2\.12 … 2\.64:/);
  expect(check('i3d', 'flow', -20)).toThrow(
    'The clip holds -20, and I3D takes about -1 … 1: flowToStream brings flow there.',
  );
});

it('takes what a network may be given', () => {
  expect(check('i3d', 'rgb', 5)).not.toThrow();
  expect(check('c3d', 'rgb', 255)).not.toThrow();
  expect(check('i3d', 'rgb', Number.NaN)).not.toThrow();
});

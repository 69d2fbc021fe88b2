/** @file Inception-4: a stem and four of I3D's modules, small enough to be trained from little data. */

import { defineModel } from '../models/definition.ts';
import { addTable, LOGITS_LAYER, STEM } from './graph.ts';
import { type Layer, type LayerTable, maxPool, mixed5, reductionOf, scaleTable, unit } from './layers.ts';

/** Four modules with the channels of GoogLeNet's 3a, 3b, 4a and 4b, its 5×5 branch included, and no pool between them. */
const LAYERS: readonly Layer[] = [
  unit('Conv3d_1a_7x7', 7, 2, 64),
  maxPool('MaxPool3d_2a_3x3', [1, 3, 3], [1, 2, 2]),
  mixed5('Mixed_3b', 64, [96, 128], [16, 32], 32),
  mixed5('Mixed_3c', 128, [128, 192], [32, 96], 64),
  mixed5('Mixed_4b', 192, [96, 208], [16, 48], 64),
  mixed5('Mixed_4c', 160, [112, 224], [24, 64], 64),
];

/** No pool of its own: the head's covers all that is left. */
export const INCEPTION_4_TABLE: LayerTable = { layers: LAYERS };

export const INCEPTION_4 = defineModel({
  id: 'inception-4',
  name: 'Inception-4',
  // 16 frames at 12.5 Hz are long enough for a wave or a step.
  defaults: { frames: 16, size: 56, shortSide: 64, flowBound: 8, flowPreset: 'fast', fps: 12.5 },
  build: (builder, spec, clip, options) =>
    addTable(builder, scaleTable(INCEPTION_4_TABLE, spec), clip, { ...options, classes: spec.classes }),
  stem: STEM,
  head: LOGITS_LAYER,
  reduction: (form) => reductionOf(scaleTable(INCEPTION_4_TABLE, form)),
  scalable: true,
  inflatable: { name: '2D Inception-4' },
});

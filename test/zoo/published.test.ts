/** @file Parameters and multiply-adds of the models of others, beside what their publications say. */

import { expect, it } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import { modelSize, publishedSpec } from '../../src/models/size.ts';

it.each([
  // Of torchvision's documentation.
  ['r3d-18', 400, 33.37, 40.7],
  ['mc3-18', 400, 11.7, 43.34],
  ['r2plus1d-18', 400, 31.51, 40.52],
  // 17.98 of 16 frames.
  ['s3d-torchvision', 400, 8.32, 4 * 17.98],
  // Of pytorchvideo's model zoo, which counts frames of 256×256: 37.53.
  ['i3d-r50', 400, 28.04, 37.53 * (224 / 256) ** 2],
  // Of the paper, table 1: 24.3 million and 33.
  ['tsm-r50', 400, 24.3, 33],
  // Of pytorchvideo's model zoo, 3.79 million, and of the paper, table 4, whose 3.76 and 6.08 million are those without batch norms.
  ['x3d-xs', 400, 3.79, 0.6],
  ['x3d-s', 400, 3.79, 1.96],
  ['x3d-m', 400, 3.79, 4.73],
  ['x3d-l', 400, 6.15, 18.37],
  ['c3d', 487, 79.99, 38.5],
] as const)(
  '%s with %i classes: %d million parameters, %d thousand million multiply-adds',
  (id, classes, millions, billions) => {
    const spec = publishedSpec(MODELS.get(id));
    expect(spec.classes).toBe(classes);
    const size = modelSize(spec);
    expect(Math.abs(size.parameters / 1e6 / millions - 1)).toBeLessThan(0.002);
    expect(Math.abs(size.multiplyAdds / 1e9 / billions - 1)).toBeLessThan(0.02);
  },
);

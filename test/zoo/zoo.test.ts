/** @file The models of others: their names and shapes, every end point and the logits, against PyTorch. */

import { expect, it } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import { I3D_TABLE } from '../../src/i3d/i3d.ts';
import { readWeights } from '../../src/models/weights.ts';
import { formulaTensors } from '../formula.ts';
import { whenFull } from '../full.ts';
import { testGpu } from '../harness.ts';
import { describeWithShared } from '../shared.ts';
import { endPointDifference, logitsDifference, readGolden, runGolden } from './golden.ts';

const gpu = testGpu();

/** Of a numbered module, the layer of I3D in its place. */
const layerOf = (sequence: string, module: string): string | undefined => {
  const [first, index] = module.split('.');
  return first === sequence && index !== undefined ? I3D_TABLE.layers[Number(index)]?.name : undefined;
};

/** Of S3D-G's, where `gating` is the end of the layer before it. */
const gatedLayerOf = (module: string): string | undefined => {
  const short = (name: string) =>
    name
      .toLowerCase()
      .replace('3d', '')
      .replace(/_\dx\d$/, '');
  const layer = module === 'conv_2c' ? undefined : module === 'gating' ? 'conv_2c' : module;
  return I3D_TABLE.layers.find(({ name }) => short(name) === layer)?.name;
};

/** pytorchvideo's blocks of X3D: the first layer, and the stages. */
const x3dPart = (module: string): string | undefined =>
  module === 'blocks.0' ? 'stem' : module === 'blocks.5' ? undefined : module.replace('blocks.', 'stage');

const sameName = (name: string): string => name;

/** For each file, the model's id, and what of its modules are end points of ours. */
const NETWORKS: readonly (readonly [file: string, id: string, endPoint: (module: string) => string | undefined])[] = [
  ['c3d', 'c3d', sameName],
  ['s3d', 's3d', (module) => layerOf('base', module)],
  ['s3d_torchvision', 's3d-torchvision', (module) => layerOf('features', module)],
  ['s3dg', 's3d-g', gatedLayerOf],
  ['r3d_18', 'r3d-18', sameName],
  ['mc3_18', 'mc3-18', sameName],
  ['r2plus1d_18', 'r2plus1d-18', sameName],
  [
    'i3d_r50',
    'i3d-r50',
    (module) => ({ 0: 'stem', 1: 'stage1', 3: 'stage2', 4: 'stage3', 5: 'stage4' })[module.split('.')[1]!],
  ],
  [
    'i3d_nln_r50',
    'i3d-nln-r50',
    (module) => {
      if (module === 's1.pathway0_stem') return 'stem';
      const [, stage, kind, block] = /^s(\d)\.pathway0_(res|nonlocal)(\d)$/.exec(module) ?? [];
      if (stage === '2' || stage === '5') return block === '2' ? `stage${Number(stage) - 1}` : undefined;
      return stage && `stage${Number(stage) - 1}.${block}${kind === 'nonlocal' ? '/nonlocal' : ''}`;
    },
  ],
  ['tsm_r50', 'tsm-r50', (module) => module.replace('base_model.maxpool', 'stem').replace('base_model.layer', 'stage')],
  ['x3d_xs', 'x3d-xs', x3dPart],
  ['x3d_s', 'x3d-s', x3dPart],
  ['x3d_m', 'x3d-m', x3dPart],
];

for (const [file, id, endPoint] of NETWORKS) {
  describeWithShared(`${id} with parameters by a formula`, [`golden/zoo/${file}.json`], (path) => {
    it.each([['fast', 1e-3] as const, ...whenFull([['exact', 1e-4] as const])])(
      '%s: logits and end points are PyTorch’s',
      async (accuracy, bound) => {
        const golden = readGolden(path);
        const weights = readWeights(formulaTensors(Object.entries(golden.parameters), golden.gain), file, MODELS);
        expect(weights.spec.architecture.id).toBe(id);
        expect(weights.warnings).toEqual([]);
        const outputs = await runGolden(gpu(), weights, golden, { accuracy });
        let compared = 0;
        for (const [module, expected] of Object.entries(golden.end_points)) {
          const actual = outputs[endPoint(module) ?? ''];
          if (!actual) continue;
          compared++;
          expect(endPointDifference(actual, expected), module).toBeLessThan(bound);
        }
        expect(compared).toBeGreaterThan(4);
        expect(logitsDifference(outputs, golden)).toBeLessThan(bound);
      },
    );
  });
}

/**
 * @file From other people's weights to a model of one's own, on the command line: a checkpoint as PyTorch writes it, a few steps on clips
 * of other classes, and what recognises them. The weights are those of whole networks, by the formula; clips are as small as they take.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import type { ModelSpec } from '../../src/models/definition.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { weightShapes } from '../../src/models/weights.ts';
import { checkpointOf } from '../cli/checkpoint.ts';
import { i3d } from '../cli/command.ts';
import { testFolder } from '../folder.ts';
import { formulaTensors } from '../formula.ts';
import { whenFull } from '../full.ts';
import { writeClips } from './clips.ts';

const folder = testFolder('i3d-from-');
const at = (...names: string[]): string => join(folder, ...names);
const data = writeClips(at('clips'), 3, 17);

type Sizes = Partial<Pick<ModelSpec, 'frames' | 'size' | 'shortSide'>>;

const SMALL: Sizes = { frames: 8, size: 48, shortSide: 56 };
/** As small as the pool before the classes allows. */
const pooled = (frames: number, size: number): Sizes => ({ frames, size, shortSide: size });

const FILES: readonly (readonly [id: string, naming: string, sizes: Sizes])[] = [
  ['x3d-xs', 'pytorchvideo', { size: 48, shortSide: 56 }],
  ...whenFull([
    ['s3d-g', 'howto100m', SMALL],
    ['x3d-s', 'pytorchvideo', { size: 48, shortSide: 56 }],
    ['x3d-m', 'pytorchvideo', { size: 48, shortSide: 56 }],
    ['x3d-l', 'pytorchvideo', { size: 48, shortSide: 56 }],
    ['c3d', 'davidea', {}],
    ['s3d', 'kylemin', pooled(13, 209)],
    ['s3d-torchvision', 'torchvision', pooled(13, 209)],
    ['r3d-18', 'torchvision', SMALL],
    ['mc3-18', 'torchvision', SMALL],
    ['r2plus1d-18', 'torchvision', SMALL],
    ['i3d-r50', 'pytorchvideo', pooled(8, 193)],
    ['i3d-nln-r50', 'slowfast', pooled(8, 193)],
    ['tsm-r50', 'tsm', { size: 48, shortSide: 56 }],
    ['tsm-r50-online', 'tsm', { size: 48, shortSide: 56 }],
    ['i3d', 'pytorch', pooled(9, 193)],
  ] as const),
];

/** A checkpoint with classes of its own, in its authors' names. */
function write(id: string, naming: string): string {
  const architecture = MODELS.get(id);
  const shapes = weightShapes(architecture, naming, modelSpec({ architecture, stream: 'rgb', classes: 7 }));
  const path = at(`${id}.pt`);
  writeFileSync(path, checkpointOf(Object.fromEntries(formulaTensors(shapes, 0.7)), 'state_dict'));
  return path;
}

async function json(...args: string[]) {
  const { code, stdout, stderr } = await i3d(args);
  expect(code, stderr).toBe(0);
  return { ...JSON.parse(stdout), stderr };
}

test.each(FILES)('%s: trained on, and recognising', async (id, naming, sizes) => {
  const from = write(id, naming);
  const out = at(id);
  const stages = [
    { name: 'head', trains: 'head', steps: 1, learningRate: 0.01 },
    { name: 'all', trains: 'all', steps: 1, learningRate: 1e-4, warmup: 0 },
  ];
  const config = {
    data,
    out,
    from,
    streams: ['rgb'],
    batch: 2,
    stages,
    model: sizes,
    cache: at('cache'),
    evaluate: { windows: 1 },
  };
  writeFileSync(at(`${id}.json`), JSON.stringify(config));
  const trained = await json('train', at(`${id}.json`), '--model-type', id, '--json');
  const published = modelSpec({ architecture: MODELS.get(id), stream: 'rgb', classes: 2, ...sizes });
  expect(trained.classes).toEqual(['across', 'down']);
  expect(trained.streams[0].spec).toEqual(JSON.parse(JSON.stringify(published)));
  expect(trained.streams[0].from).toBe(from);

  // A clip of one window: classify and eval see the same of it, brought to the network in the same way.
  const { frames } = published;
  const one = writeClips(at(`${id}-clips`), 1, frames);
  mkdirSync(at('lists'), { recursive: true });
  writeFileSync(at('lists', `${id}.csv`), `path,label,split\n${join(one, 'down', '0.npy')},down,test\n`);
  const { loss } = await json('eval', at('lists', `${id}.csv`), '--model', out, '--cache', at('cache'), '--json');
  const found = await json('classify', join(one, 'down', '0.npy'), '--model', out, '--json');
  expect(found.models.rgb.model).toBe(id);
  expect(found.frames).toBe(frames);
  const top = found.top as { label: string; probability: number }[];
  expect(top.map(({ label }) => label).sort()).toEqual(['across', 'down']);
  const down = top.find(({ label }) => label === 'down')!.probability;
  expect(-Math.log(down)).toBeCloseTo(loss, 3);
});

test('of models with the same tensors --model-type says which; weights of frames are not for flow', async () => {
  const from = write('x3d-xs', 'pytorchvideo');
  const wrong = await i3d(['train', data, '--from', from, '--model-type', 'c3d', '--stream', 'rgb', '--out', at('x')]);
  expect(wrong.stderr).toMatch(/x3d-xs\.pt does not hold C3D weights/);
  const flow = await i3d(['train', data, '--from', from, '--out', at('y')]);
  expect(flow.stderr).toMatch(/the flow stream cannot start from it: train the rgb stream alone\.\n$/);
  expect([wrong.code, flow.code]).toEqual([1, 1]);
});

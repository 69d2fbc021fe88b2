import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { floatTensor, sizeOf } from '../../src/core/tensor.ts';
import { I3D } from '../../src/i3d/i3d.ts';
import { encodePng } from '../../src/io/encode.ts';
import { loadWeights, saveSafetensors } from '../../src/io/weights.ts';
import { imageWeightShapes } from '../../src/models/weights.ts';
import { readModelFile, saveModelFile } from '../../src/train/run/model_files.ts';
import { testFolder } from '../folder.ts';
import { fill, uniform } from '../formula.ts';
import { i3d } from './command.ts';

const folder = testFolder('i3d-inflate-');
const at = (name: string): string => join(folder, name);

test('a 2D checkpoint is inflated, verified, and found out where a kernel is wrong', async () => {
  const tensors = new Map(
    [...imageWeightShapes(I3D, 'torchvision', 3, 11)].map(([name, shape]) => {
      const size = sizeOf(shape);
      const positive = /bn\.weight|running_var/.test(name);
      const data = positive
        ? Float32Array.from({ length: size }, (_, i) => 0.5 + uniform(name, i))
        : fill(name, size, shape.length > 1 ? Math.sqrt(6 / sizeOf(shape.slice(1))) : 0.1);
      return [name, floatTensor(shape, data)];
    }),
  );
  await saveSafetensors(at('googlenet.safetensors'), tensors);
  const made = await i3d(['inflate', at('googlenet.safetensors'), at('i3d.safetensors')]);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(made.stdout).toContain('i3d, rgb, 11 classes, for clips of 64 frames of 224×224\n');
  const model = await readModelFile(at('i3d.safetensors'));
  expect(model.notes).toEqual({ command: 'i3d inflate googlenet.safetensors i3d.safetensors' });
  expect(model.parameters.get('Conv3d_1a_7x7/weights')!.shape).toEqual([7, 7, 7, 3, 64]);

  const verified = await i3d(['verify', at('googlenet.safetensors'), at('i3d.safetensors'), '--size', '33']);
  expect(verified.stderr).toBe('');
  expect(verified.stdout).toMatch(/^An image of 33×33, and a clip of it repeated 112 times\n/);
  expect(verified.stdout).toMatch(/\nMixed_5c\/Branch_2\/Conv3d_0b_3x3 +2 of 14 +\d\.\de-\d\n/);
  expect(verified.stdout).toMatch(
    /\nAll \d+ layers agree: the largest difference is \d\.\de-\d of a layer's largest value\.\n$/,
  );
  expect(verified.code).toBe(0);

  const name = 'Mixed_4d/Branch_2/Conv3d_0b_3x3/weights';
  const { shape, data } = model.parameters.get(name)!;
  const parameters = new Map(model.parameters).set(
    name,
    floatTensor(
      shape,
      data.map((value) => value * 1.01),
    ),
  );
  await saveModelFile(at('wrong.safetensors'), { ...model, parameters });
  // Finite, and beyond float32 once they are multiplied.
  const loud = new Map(model.parameters).set(
    name,
    floatTensor(
      shape,
      data.map((value) => Math.sign(value) * 3e38),
    ),
  );
  await saveModelFile(at('loud.safetensors'), { ...model, parameters: loud });
  const picture = Uint8Array.from({ length: 40 * 50 * 3 }, (_, i) => 255 * uniform('picture', i));
  writeFileSync(at('picture.png'), await encodePng(picture, 50, 40));
  const args = ['--clip', at('picture.png'), '--size', '33', '--json'];
  const failed = await i3d(['verify', at('googlenet.safetensors'), at('wrong.safetensors'), ...args]);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(
    /^i3d: .*wrong\.safetensors is not .*googlenet\.safetensors inflated: they differ first in Mixed_4d\/Branch_2\/Conv3d_0b_3x3, by .* where 1e-4 is allowed\.\n$/,
  );
  const lost = await i3d(['verify', at('googlenet.safetensors'), at('loud.safetensors'), ...args]);
  expect(lost).toMatchObject({ code: 1, stdout: '' });
  expect(lost.stderr).toMatch(
    /^i3d: .*loud\.safetensors and .*googlenet\.safetensors cannot be compared: values of Mixed_4d\/Branch_2\/Conv3d_0b_3x3 are no finite numbers in one of them\.\n$/,
  );
  const report = JSON.parse(failed.stdout);
  expect(report).toMatchObject({ agrees: false, first: 'Mixed_4d/Branch_2/Conv3d_0b_3x3', frames: 112, size: 33 });
});

test('bad input is one sentence', async () => {
  await saveSafetensors(at('other.safetensors'), new Map([['w', floatTensor([2], [1, 2])]]));
  const cases: [string[], RegExp][] = [
    [['inflate', at('other.safetensors'), at('x.pt')], /x\.pt must end in \.safetensors/],
    [['inflate', at('none.pt'), at('x.safetensors')], /none\.pt does not exist/],
    [
      ['inflate', at('other.safetensors'), at('x.safetensors')],
      /does not hold 2D Inception-v1 weights: its only tensor \(w\) has no name such as/,
    ],
    [['verify', at('other.safetensors'), at('other.safetensors')], /does not hold 2D Inception-v1 weights/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await i3d(args);
    expect(stderr).toMatch(/^i3d: [^\n]+\n$/);
    expect(stderr.trim()).toMatch(message);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  }
  await expect(loadWeights(at('x.safetensors'))).rejects.toThrow('does not exist');
});

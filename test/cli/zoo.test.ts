/** @file Which models there are, on the command line, and which one a checkpoint is said to be of. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import { writeVideo } from '../../src/io/encode.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { weightShapes } from '../../src/models/weights.ts';
import { testFolder } from '../folder.ts';
import { zeroCheckpoint } from './checkpoint.ts';
import { i3d } from './command.ts';

const folder = testFolder('i3d-models-');
const at = (name: string): string => join(folder, name);

function x3d(name: string): string {
  const architecture = MODELS.get('x3d-s');
  const shapes = weightShapes(architecture, 'pytorchvideo', modelSpec({ architecture, stream: 'rgb', classes: 5 }));
  writeFileSync(at(name), zeroCheckpoint(Object.fromEntries(shapes), { wrapper: 'model_state' }));
  return at(name);
}

test('models lists all of them, and finds weights by what is in them', async () => {
  const path = x3d('X3D_S.pyth');
  writeFileSync(at('notes.pt'), 'no weights');
  const { stdout, stderr, code } = await i3d(['models', folder, '--json']);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  const { models } = JSON.parse(stdout);
  expect(models.map(({ id }: { id: string }) => id)).toEqual(MODELS.ids);
  expect(models.filter(({ found }: { found: string[] }) => found.length > 0)).toEqual([
    expect.objectContaining({
      id: 'x3d-s',
      found: [path],
      input: { frames: 13, size: 160, shortSide: 182, fps: 5, segments: false },
    }),
  ]);
  for (const { published, parameters, multiplyAdds } of models) {
    expect(Math.min(parameters, multiplyAdds)).toBeGreaterThan(1e5);
    if (published) expect(published.accuracy.source).toMatch(/\w/);
  }
  const text = (await i3d(['models', folder])).stdout;
  expect(text).toContain('top-1, Kinetics-400, 3 × 10 views (pytorchvideo, model zoo)');
  expect(text).toMatch(new RegExp(`Found in .*:\n {2}x3d-s +${path}\n$`));
  const none = await i3d(['models', at('none')]);
  expect(none).toMatchObject({ code: 1, stdout: '' });
  expect(none.stderr).toMatch(/^i3d: \S+none does not exist; give a folder with weights\.\n$/);
});

test('of models with the same tensors, --model-type says which, else the clip', async () => {
  const path = x3d('last.pt');
  const inspect = async (...more: string[]) => JSON.parse((await i3d(['inspect', path, '--json', ...more])).stdout);
  const told = await inspect('--model-type', 'x3d-xs');
  expect([told.weights.model, told.warnings]).toEqual(['x3d-xs', []]);
  const open = await inspect();
  expect(open.warnings).toEqual([
    expect.stringMatching(/last\.pt may hold X3D-M or X3D-S or X3D-XS, whose tensors are the same; X3D-M is taken\.$/),
  ]);
  const wrong = await i3d(['inspect', path, '--model-type', 'x3d']);
  expect(wrong.stderr).toMatch(/^i3d: .*--model-type.*x3d-xs.*\n$/);

  const shape = [4, 160, 160, 3];
  writeFileSync(at('frames.npy'), encodeNpy({ dtype: 'u8', shape, data: new Uint8Array(4 * 160 * 160 * 3) }));
  const classified = await i3d(['classify', at('frames.npy'), '--rgb', path, '--frames', '4']);
  expect(classified.stdout.split('\n')[1]).toBe('X3D-XS, names of pytorchvideo');
  expect(classified).toMatchObject({ code: 0, stderr: '' });
});

test('TSM sees one window of frames spread over the whole clip, unless a rate is asked for', async () => {
  const architecture = MODELS.get('tsm-r50');
  const shapes = weightShapes(architecture, 'tsm', modelSpec({ architecture, stream: 'rgb', classes: 3 }));
  writeFileSync(at('tsm.pth'), zeroCheckpoint(Object.fromEntries(shapes), { wrapper: 'state_dict' }));
  const frames = Array.from({ length: 90 }, () => new Uint8Array(64 * 64 * 3));
  await writeVideo(at('clip.mp4'), frames, { width: 64, height: 64, fps: 30 });
  const classified = async (...more: string[]) => {
    const { stdout, stderr, code } = await i3d(['classify', at('clip.mp4'), '--rgb', at('tsm.pth'), '--json', ...more]);
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    const { fps, windows, models } = JSON.parse(stdout);
    return { fps: Number(fps.toFixed(4)), windows, id: models.rgb.model };
  };
  const seen = (fps: number, frames: number, id = 'tsm-r50') => ({ fps, windows: [{ start: 0, frames }], id });
  expect(await classified('--frames', '3')).toEqual(seen(1, 3));
  const dense = await classified('--fps', '3.75', '--frames', '2', '--model-type', 'tsm-r50-online');
  expect(dense).toEqual(seen(3.75, 2, 'tsm-r50-online'));
});

/** @file Weights as people have them, on the command line: what is taken, what is said, what is refused. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkpointShapes, type NamingId } from '../../src/i3d/checkpoint.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/safetensors.ts';
import { testFolder } from '../folder.ts';
import { type CheckpointOptions, zeroCheckpoint } from './checkpoint.ts';
import { i3d } from './command.ts';

const folder = testFolder('i3d-weights-');
const at = (name: string): string => join(folder, name);

type Shapes = Record<string, readonly number[]>;

/** A checkpoint of I3D by somebody's names. */
function checkpoint(
  name: string,
  naming: NamingId,
  {
    prefix = '',
    more = {},
    classes = 5,
    ...options
  }: { prefix?: string; more?: Shapes; classes?: number } & CheckpointOptions = {},
): string {
  const shapes: Shapes = {};
  for (const [key, shape] of checkpointShapes(naming, 3, classes)) shapes[`${prefix}${key}`] = shape;
  writeFileSync(at(name), zeroCheckpoint({ ...shapes, ...more }, options));
  return at(name);
}
const written = () => decodeSafetensors(readFileSync(at('out.safetensors')), 'out.safetensors');
const convert = (input: string) => i3d(['convert', input, at('out.safetensors')]);

beforeAll(() => {
  const data = new Uint8Array(9 * 224 * 224 * 3);
  writeFileSync(at('clip.npy'), encodeNpy({ dtype: 'u8', shape: [9, 224, 224, 3], data }));
});

describe('convert', () => {
  test('opens the state dict beside which a score lies, and keeps all of it', async () => {
    const shapes = { 'conv.weight': [2, 3], 'conv.bias': [2] };
    writeFileSync(at('tiny.pt'), zeroCheckpoint(shapes, { wrapper: 'state_dict', values: { 'conv.bias': 1 } }));
    const { code, stdout, stderr } = await convert(at('tiny.pt'));
    expect(stdout).toContain('out.safetensors: of no known model, 2 tensors, 8 values\n');
    expect(stderr).toMatch(/^i3d: \S+tiny\.pt does not hold I3D, [^\n]* It was written as it is\.\n$/);
    expect(code).toBe(0);
    const { tensors } = written();
    expect([...tensors].map(([name, { shape }]) => [name, shape])).toEqual(Object.entries(shapes));
    expect([...(tensors.get('conv.bias')!.data as Float32Array)]).toEqual([1, 1]);
  });

  test('takes names of hassony2 under a prefix and beside a head, and names what it leaves out', async () => {
    const more = { 'head.weight': [4, 1024] };
    const path = checkpoint('other.pt', 'hassony2', { prefix: 'backbone.', more, wrapper: 'model_dict' });
    const { code, stdout, stderr } = await convert(path);
    expect(stdout).toContain('out.safetensors: I3D, rgb, 5 classes, 287 tensors, ');
    expect(stderr).toBe(`i3d: ${path} has a tensor that I3D has no place for (head.weight); it is left out.\n`);
    expect(code).toBe(0);
    expect(written().tensors.get('Mixed_3b/Branch_1/Conv3d_0b_3x3/weights')!.shape).toEqual([3, 3, 3, 96, 128]);
  });

  test('keeps features without a logits layer', async () => {
    const path = checkpoint('features.pt', 'pytorch', { classes: 0 });
    const { code, stdout, stderr } = await convert(path);
    expect(stdout).toContain('I3D, rgb, features only, no logits layer, 285 tensors');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(written().metadata.classes).toBe('0');
    const inspected = await i3d(['inspect', at('out.safetensors')]);
    expect(inspected.stdout).toContain('I3D, rgb, features only, no logits layer, names of this project\n');
  });

  test('of a file without weights is an error, and nothing is written', async () => {
    rmSync(at('out.safetensors'), { force: true });
    writeFileSync(at('none.safetensors'), encodeSafetensors(new Map()));
    writeFileSync(at('score.pt'), zeroCheckpoint({ best_acc1: [] }));
    writeFileSync(at('empty.pt'), zeroCheckpoint({}));
    for (const [name, message] of [
      ['none.safetensors', /holds no weights: there is no tensor in it\.$/],
      ['score.pt', /holds no weights: there are only single numbers \(best_acc1\) in it\.$/],
      ['empty.pt', /holds no state dict: it has an empty dict, .*\.$/],
    ] as const) {
      const { code, stdout, stderr } = await convert(at(name));
      expect(stderr).toMatch(/^i3d: [^\n]+\n$/);
      expect(stderr.trim()).toMatch(message);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    }
    expect(() => written()).toThrow(/ENOENT/);
  });
});

const NAN = 'Mixed_5c.b0.bn.running_var';
const bad = () => checkpoint('nan.pt', 'pytorch', { values: { [NAN]: Number.NaN } });
const FAULT =
  /^\S+nan\.pt: Mixed_5c\.b0\.bn\.running_var holds a value that is no finite number: NaN at 0 and 383 more/;

test('values that are no numbers: inspect shows them, convert and classify refuse the file', async () => {
  const path = bad();
  const inspected = await i3d(['inspect', path]);
  expect(inspected.stdout.split('\n')[0]).toContain('I3D, rgb, 5 classes, names of piergiaj/pytorch-i3d');
  expect(inspected.stdout.split('\n')[1]).toMatch(FAULT);
  const { warnings } = JSON.parse((await i3d(['inspect', path, '--json'])).stdout);
  expect(warnings).toEqual([expect.stringMatching(FAULT)]);
  for (const args of [
    ['convert', path, at('out.safetensors')],
    ['classify', at('clip.npy'), '--rgb', path],
  ]) {
    const { code, stdout, stderr } = await i3d(args);
    expect(stderr).toMatch(/^i3d: [^\n]+\n$/);
    expect(stderr.slice('i3d: '.length)).toMatch(FAULT);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  }
});

test('classify says that weights have no logits layer', async () => {
  const path = checkpoint('headless.pt', 'hassony2', { classes: 0 });
  const { code, stderr } = await i3d(['classify', at('clip.npy'), '--rgb', path]);
  expect(stderr).toBe(
    `i3d: ${path} has no logits layer (conv3d_0c_1x1.conv3d.weight): it gives features, and no classes; give weights that have one.\n`,
  );
  expect(code).toBe(1);
});

import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import type { StateDict } from '../../src/core/tensor.ts';
import { writeFileAtomic } from '../../src/io/atomic.ts';
import { loadWeights, saveSafetensors } from '../../src/io/weights.ts';
import { testFolder } from '../folder.ts';
import { encodeTensorFlowCheckpoint } from './tensorflow_writer.ts';

const tensors: StateDict = new Map([['w', { dtype: 'f32', shape: [3], data: Float32Array.of(1, 2, 3) }]]);
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

const folder = testFolder('i3d-io-');
const at = (name: string) => join(folder, name);
const put = async (name: string, contents: Uint8Array | string) => {
  await writeFile(at(name), contents);
  return at(name);
};
describe('loadWeights', () => {
  it('reads safetensors, whatever the extension', async () => {
    await saveSafetensors(at('weights.bin'), tensors, { a: 'b' });
    expect(await loadWeights(at('weights.bin'))).toEqual(tensors);
  });

  it.each(['zip.pt', 'legacy.pt', 'legacy_protocol4.pt'])('reads %s', async (name) => {
    expect((await loadWeights(fixture(name))).size).toBe(20);
  });

  it('reads a TensorFlow checkpoint by its index, its data file, its prefix, or a renamed index', async () => {
    const { index, data } = encodeTensorFlowCheckpoint(tensors);
    await put('model.ckpt.index', index);
    await put('model.ckpt.data-00000-of-00001', data);
    for (const name of ['model.ckpt.index', 'model.ckpt', 'model.ckpt.data-00000-of-00001']) {
      expect(await loadWeights(at(name)), name).toEqual(tensors);
    }
    await put('renamed', index);
    await put('renamed.data-00000-of-00001', data);
    expect(await loadWeights(at('renamed'))).toEqual(tensors);
    await rm(at('model.ckpt.data-00000-of-00001'));
    await expect(loadWeights(at('model.ckpt'))).rejects.toThrow(
      `${at('model.ckpt.index')} only lists the tensors: their data file ${at('model.ckpt.data-00000-of-00001')} must lie beside it.`,
    );
  });

  it.each<[string, Uint8Array | string, RegExp]>([
    ['an empty file', '', /is empty; weights are a PyTorch \.pt, a \.safetensors file or a TensorFlow checkpoint/],
    ['a text file', 'hello\nworld\n', /is a text file; weights are/],
    [
      'the list of a model in several files',
      '{"metadata": {"total_size": 8}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}',
      /only lists the files of a model that was cut into several; join them into one file; weights are/,
    ],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', /run git lfs pull/],
    ['a web page', '\n<!DOCTYPE html><html>', /is a web page/],
    ['a pickle', Uint8Array.of(0x80, 2, 0x4e, 0x2e), /is a pickle, but torch\.save did not write it/],
    ['a gzip file', Uint8Array.of(0x1f, 0x8b, 8, 0), /is packed with gzip; unpack it first; weights are/],
    [
      'a tar archive',
      new Uint8Array(512).map((_, i) => 'ustar'.charCodeAt(i - 257) || 0),
      /is a tar archive; unpack it/,
    ],
    ['an array', Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0), /is one array of NumPy/],
    ['a picture', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0, 0, 0), /has a content that is not known/],
  ])('refuses %s', async (name, contents, message) => {
    const path = await put(name.replaceAll(' ', '_'), contents);
    const error = await loadWeights(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message.startsWith(path)).toBe(true);
  });

  it('refuses a missing path and a folder', async () => {
    await expect(loadWeights(at('nothing.pt'))).rejects.toThrow(`${at('nothing.pt')} does not exist; give the path of`);
    await expect(loadWeights(join(fixture('zip.pt'), 'x'))).rejects.toThrow(/does not exist/);
    await expect(loadWeights(folder)).rejects.toThrow(`${folder} is a folder; give the path of a file in it`);
  });
});

describe('writeFileAtomic', () => {
  it('replaces a file and leaves nothing else behind', async () => {
    await mkdir(at('out'));
    await writeFileAtomic(at('out/a.json'), 'old');
    await writeFileAtomic(at('out/a.json'), 'new');
    expect(await readFile(at('out/a.json'), 'utf8')).toBe('new');
    expect(await readdir(at('out'))).toEqual(['a.json']);
  });

  it('keeps a link and the mode of what it points to', async () => {
    await writeFile(at('real'), 'old', { mode: 0o640 });
    await symlink(at('real'), at('link'));
    await writeFileAtomic(at('link'), Uint8Array.of(110, 101, 119));
    expect(await readFile(at('real'), 'utf8')).toBe('new');
    expect((await stat(at('real'))).mode & 0o777).toBe(0o640);
  });

  it('writes to devices directly', async () => {
    await writeFileAtomic('/dev/null', 'x');
    expect((await stat('/dev/null')).isFile()).toBe(false);
  });

  it('names a missing folder, a folder in place of the file, and a file in place of a folder', async () => {
    const missing = at('no/such/file.json');
    await expect(writeFileAtomic(missing, 'x')).rejects.toThrow(
      `Cannot write ${missing}: the folder ${at('no/such')} does not exist; create it first.`,
    );
    await expect(writeFileAtomic(folder, 'x')).rejects.toThrow(`Cannot write ${folder}: it is a folder; give the name`);
    await put('plain', 'x');
    await expect(writeFileAtomic(at('plain/file'), 'x')).rejects.toThrow(`${at('plain')} is not a folder.`);
  });

  it('says when the disk is full', async () => {
    await expect(writeFileAtomic('/dev/full', 'x')).rejects.toThrow(/the disk is full/);
  });
});

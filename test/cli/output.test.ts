/** @file What commands do where they cannot write, and when they are ended. */

import type { ChildProcess, StdioOptions } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkWritable, explainWriteError, makeFolder } from '../../src/io/atomic.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { testFolder } from '../folder.ts';
import { i3d, startI3d } from './command.ts';

const folder = testFolder('i3d-output-');
const at = (...names: string[]): string => join(folder, ...names);

function clip(name: string, frames: number, side: number): string {
  const data = new Uint8Array(frames * side * side * 3).map((_, i) => (i * 31) % 251);
  writeFileSync(at(name), encodeNpy({ dtype: 'u8', shape: [frames, side, side, 3], data }));
  return at(name);
}

/** The exit code and the signal that ended it. */
const ended = (child: ChildProcess): Promise<[code: number | null, signal: NodeJS.Signals | null]> =>
  new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve([code, signal]));
  });

/** Runs a command with files for its standard streams. */
async function withFiles(args: string[], stdout: string, stderr: string) {
  const files = [openSync(stdout, 'a'), openSync(stderr, 'a')];
  const stdio: StdioOptions = ['ignore', ...files];
  const [code] = await ended(startI3d(args, stdio));
  for (const file of files) closeSync(file);
  return code;
}

describe.runIf(process.platform === 'linux')('a full disk', () => {
  test.each([
    ['a result', ['inspect', tiny()]],
    ['help', ['--help']],
  ])('for %s on standard output gives one sentence', async (name, args) => {
    expect(await withFiles(args, '/dev/full', at(`${name}.txt`))).toBe(1);
    expect(readFileSync(at(`${name}.txt`), 'utf8')).toBe(
      'i3d: Cannot write to standard output: the disk is full; free some space and try again.\n',
    );
  });

  test('for messages does not keep a result from being printed', async () => {
    expect(await withFiles(['inspect', tiny()], at('result.txt'), '/dev/full')).toBe(0);
    expect(readFileSync(at('result.txt'), 'utf8')).toContain('1 tensor');
  });
});

/** A checkpoint. */
function tiny(): string {
  const header = JSON.stringify({ w: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } });
  const bytes = Buffer.alloc(8 + header.length + 4);
  bytes.writeBigUInt64LE(BigInt(header.length));
  bytes.write(header, 8);
  writeFileSync(at('tiny.safetensors'), bytes);
  return at('tiny.safetensors');
}

test('a reader that has seen enough is no error', async () => {
  const child = startI3d(['--help'], ['ignore', 'pipe', 'pipe']);
  let stderr = '';
  child.stderr!.on('data', (text) => {
    stderr += text;
  });
  child.stdout!.destroy();
  expect(await ended(child)).toEqual([0, null]);
  expect(stderr).toBe('');
});

test.each(['SIGINT', 'SIGHUP'] as const)('%s leaves no half-written file', async (signal) => {
  const out = at(signal);
  mkdirSync(out);
  const child = startI3d(['flow', clip(`${signal}.npy`, 40, 96), '--out', join(out, 'flow.npy')], 'ignore');
  const end = ended(child);
  const watch = setInterval(() => {
    if (readdirSync(out).some((name) => name.endsWith('.part'))) child.kill(signal);
  }, 10);
  expect(await end).toEqual([null, signal]);
  clearInterval(watch);
  expect(readdirSync(out)).toEqual([]);
});

test('where nothing can be written, that is said before anything is computed', async () => {
  mkdirSync(at('folder.npy'));
  writeFileSync(at('plain'), '');
  const source = clip('source.npy', 3, 16);
  const cases = [
    [['flow', source, '--out', at('folder.npy')], `${at('folder.npy')}: it is a folder; give the name of a file.`],
    [['flow', source, '--out', at('plain')], `${at('plain')}: a file is where a folder is to be;`],
  ] as const;
  const results = await Promise.all(cases.map(([args]) => i3d(args)));
  for (const [i, { code, stdout, stderr }] of results.entries()) {
    expect(stderr).toMatch(/^i3d: Cannot write [^\n]+\n$/);
    expect(stderr).toContain(cases[i]![1]);
    expect([code, stdout]).toEqual([1, '']);
  }
  await expect(checkWritable(at('none', 'x.mp4'))).rejects.toThrow(`the folder ${at('none')} does not exist; create`);
  await expect(checkWritable(at('plain', 'x.png'))).rejects.toThrow(`${at('plain')} is not a folder.`);
  await expect(makeFolder(at('plain', 'demo'))).rejects.toThrow('a file is where a folder is to be');
  await expect(checkWritable('')).rejects.toThrow('without a name');
  const before = readdirSync(folder);
  await checkWritable(at('new.html'));
  expect(readdirSync(folder)).toEqual(before);
});

test('what the operating system refuses is said in words', () => {
  const words = (code: string) =>
    (explainWriteError(Object.assign(new Error(`${code}: raw`), { code }), '/a/b.npy') as Error).message;
  expect(words('EROFS')).toBe('Cannot write /a/b.npy: the disk with /a can only be read; choose another folder.');
  expect(words('EACCES')).toContain('writing to /a is not allowed');
  for (const code of ['ENOSPC', 'EDQUOT', 'EISDIR', 'EFBIG', 'EIO', 'EPIPE', 'EMFILE', 'ENAMETOOLONG']) {
    expect(words(code)).toMatch(/^Cannot write \/a\/b\.npy: [^:]+\.$/);
    expect(words(code)).not.toContain('raw');
  }
  const own = new TypeError('a mistake');
  expect(explainWriteError(own, '/a/b.npy')).toBe(own);
});

import { expect, it } from 'vitest';
import { type ClipManifest, clipChanges } from '../../src/train/data/clip_manifest.ts';

const manifest = (digest: string, files: ClipManifest['files']): ClipManifest => ({ digest, files });
const a = ['train', 'wave', 3, 'aa'] as const;
const b = ['test', 'jump', 4, 'bb'] as const;

it('says what has changed about clips', () => {
  const before = manifest('1', { 'x/a': a, 'x/b': b });
  expect(clipChanges(before, manifest('1', {}))).toBeUndefined();
  expect(clipChanges(before, manifest('2', { 'x/b': b, 'x/a': a }))).toBe('the same ones in another order');
  expect(clipChanges(before, manifest('2', { 'x/a': ['test', 'wave', 3, 'aa'], 'x/b': b }))).toBe(
    '1 of another class or part (x/a)',
  );
  expect(clipChanges(before, manifest('2', { 'x/a': [...a.slice(0, 3), 'zz'] as never, c: b, d: b, e: b, f: b }))).toBe(
    '4 new (c, d, e and 1 more), 1 gone (x/b), 1 other in what they show (x/a)',
  );
});

/** @file Errors as programs see them: a class and a code of its own for each, listed for whoever embeds the package. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import * as api from '../../src/node.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(join(root, 'src', name), 'utf8') }));

/** Name and code of every class of errors. */
const classes = sources.flatMap(({ text }) =>
  [...text.matchAll(/class (\w+) extends (\w*Error) \{([\s\S]*?)\n\}/g)].map(([, name, parent, body]) => ({
    name: name!,
    parent: parent!,
    code: /readonly code = '([a-z-]+)'/.exec(body!)?.[1],
  })),
);
const listed = [...readFileSync(join(root, 'src/core/errors.ts'), 'utf8').matchAll(/^ {2}\| '([a-z-]+)'/gm)].map(
  ([, code]) => code!,
);

test('every class of errors has a code of its own', () => {
  expect(classes.length).toBeGreaterThan(10);
  expect(classes.filter(({ name, parent }) => name !== 'I3dError' && parent !== 'I3dError')).toEqual([]);
  const codes = classes.flatMap(({ code }) => code ?? []);
  expect(codes).toHaveLength(classes.length - 1);
  expect([...codes].sort()).toEqual([...listed].sort());
});

test('the page for whoever embeds the package lists them', () => {
  const page = readFileSync(join(root, 'docs/embedding.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z-]+)` +\| `(\w+)`/gm)].map(([, code, name]) => `${code} ${name}`);
  expect(rows.sort()).toEqual(classes.flatMap(({ name, code }) => (code ? [`${code} ${name}`] : [])).sort());
});

test('nothing throws an error that says nothing to programs', () => {
  const bare = sources.flatMap(({ name, text }) => (/throw new (Type)?Error\(/.test(text) ? [name] : []));
  expect(bare).toEqual([]);
});

test('a code comes with what is thrown', async () => {
  const error: unknown = await api.computeFlow({} as never, {} as never).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(api.I3dError);
  expect(error).toMatchObject({ code: 'invalid-input', name: 'InputError' });
  expect(new api.DeviceLostError('destroyed', 'gone')).toMatchObject({ code: 'device-lost', reason: 'destroyed' });
});

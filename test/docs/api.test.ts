import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Api, apiText, publicApi } from './api.ts';

let api: Api;
beforeAll(() => {
  api = publicApi();
});

describe('the public API', () => {
  it('is what docs/api.txt lists', () => {
    const listed = readFileSync(new URL('../../docs/api.txt', import.meta.url), 'utf8');
    const advice =
      'The public API has changed: if it was meant to, write the list anew with `npm run docs` and say so in CHANGELOG.md';
    expect(apiText(api), advice).toBe(listed);
  });

  it('of i3d-webgpu is also to be had from i3d-webgpu/node', () => {
    expect(api.missing, 'missing in src/node.ts, or something else there').toEqual([]);
  });

  it('names no type that users cannot import', () => {
    expect(Object.fromEntries(api.unnamed), 'types by an export that names them').toEqual({});
  });
});

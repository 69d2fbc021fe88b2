import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readStructure } from '../../src/io/isobmff.ts';
import { testFolder } from '../folder.ts';

const folder = testFolder('boxes-');

const box = (type: string, ...parts: Uint8Array[]): Buffer => {
  const contents = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + contents.length);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, contents]);
};
const words = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4);
  return bytes;
};
const text = (value: string): Buffer => Buffer.from(value, 'latin1');

const track = (id: number, handler: string, ...more: Buffer[]): Buffer =>
  box(
    'trak',
    box('tkhd', words(0, 0, 0, id, 0)),
    ...more,
    box('mdia', box('hdlr', words(0, 0), text(handler), words(0, 0, 0))),
  );

const item = (id: number, type: string): Buffer =>
  box('infe', Buffer.from([2, 0, 0, 0, id >> 8, id & 255, 0, 0]), text(type), Buffer.alloc(1));

async function structure(...boxes: Buffer[]): Promise<ReturnType<typeof readStructure>> {
  const path = join(folder, 'file.mp4');
  await writeFile(path, Buffer.concat(boxes));
  return readStructure(path);
}

describe('readStructure', () => {
  it('tells the tracks that accompany others by handler and reference', async () => {
    const movie = box(
      'moov',
      box('mvhd', words(0)),
      track(1, 'vide'),
      track(2, 'auxv'),
      track(3, 'vide', box('tref', box('auxl', words(1)))),
      track(4, 'pict', box('tref', box('thmb', words(1)))),
      track(5, 'vide', box('tref', box('chap', words(1)))),
      track(6, 'soun'),
    );
    const found = await structure(box('ftyp', text('isom')), movie);
    expect([...found.auxiliaryTracks]).toEqual([2, 3, 4]);
    expect([...found.pictureTracks]).toEqual([1, 2, 3, 4, 5]);
    expect(found.primary).toBeUndefined();
  });

  it('tells the main picture and how it is made', async () => {
    const count = Buffer.from([0, 0, 0, 0, 0, 2]);
    const pitm = box('pitm', Buffer.from([0, 0, 0, 0, 1, 2]));
    const meta = box('meta', words(0), pitm, box('iinf', count, item(7, 'av01'), item(258, 'grid')));
    expect((await structure(meta)).primary).toEqual({ id: 258, type: 'grid' });
  });

  it('tells what it can of damaged files', async () => {
    const movie = box('moov', track(1, 'vide'), track(2, 'auxv'));
    for (let length = 0; length < movie.length; length += 5) await structure(movie.subarray(0, length));
    const endless = box('moov', track(1, 'vide'));
    endless.writeUInt32BE(0, 0);
    expect([...(await structure(endless)).pictureTracks]).toEqual([1]);
    const tiny = Buffer.concat([words(3), text('moov'), movie]);
    expect([...(await structure(tiny)).pictureTracks]).toEqual([]);
  });
});

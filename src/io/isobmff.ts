/**
 * @file What an MP4, QuickTime, HEIF or AVIF file says of how its tracks and pictures belong together, which FFmpeg's list of
 * streams leaves out: which are alpha or depth planes or thumbnails of others, and which picture is the main one.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** A picture of a HEIF or AVIF file. */
interface PictureItem {
  readonly id: number;
  /** How it is coded, such as `av01` or `hvc1`; `grid`, `iovl` and `iden` are put together from others. */
  readonly type: string;
}

interface FileStructure {
  /** Identifiers of the tracks that only accompany others: alpha and depth planes, thumbnails. */
  readonly auxiliaryTracks: ReadonlySet<number>;
  /** Identifiers of all tracks with pictures. */
  readonly pictureTracks: ReadonlySet<number>;
  /** The main picture outside of any track, where there is one. */
  readonly primary: PictureItem | undefined;
}

/** More than this (bytes) is not read for one box, whatever it says. */
const MAX_BOX = 2 ** 24;

/** Handlers of tracks that hold pictures. */
const PICTURES = new Set(['vide', 'pict', 'auxv']);

/** References from a track to the one that it accompanies. */
const ACCOMPANIES = new Set(['auxl', 'thmb']);

interface Box {
  readonly type: string;
  /** Where its contents begin and end (bytes). */
  readonly begin: number;
  readonly end: number;
}

/** The structure of a file; of a damaged one as far as it can be told. */
export function readStructure(path: string): FileStructure {
  const file = openSync(path, 'r');
  try {
    return new StructureReader(file, fstatSync(file).size).read();
  } finally {
    closeSync(file);
  }
}

class StructureReader {
  readonly #file: number;
  readonly #size: number;
  readonly #auxiliary = new Set<number>();
  readonly #pictures = new Set<number>();
  #primary: PictureItem | undefined;

  constructor(file: number, size: number) {
    this.#file = file;
    this.#size = size;
  }

  read(): FileStructure {
    for (const box of this.#boxes(0, this.#size)) {
      if (box.type === 'moov') {
        for (const track of this.#boxes(box.begin, box.end)) if (track.type === 'trak') this.#readTrack(track);
      } else if (box.type === 'meta') {
        this.#readItems(box);
      }
    }
    return { auxiliaryTracks: this.#auxiliary, pictureTracks: this.#pictures, primary: this.#primary };
  }

  #readTrack(track: Box): void {
    let id = 0;
    let handler = '';
    let accompanies = false;
    for (const box of this.#boxes(track.begin, track.end)) {
      if (box.type === 'tkhd') {
        const header = this.#contents(box);
        const at = header[0] === 1 ? 20 : 12;
        if (header.length >= at + 4) id = header.readUInt32BE(at);
      } else if (box.type === 'tref') {
        for (const { type } of this.#boxes(box.begin, box.end)) accompanies ||= ACCOMPANIES.has(type);
      } else if (box.type === 'mdia') {
        for (const part of this.#boxes(box.begin, box.end)) {
          if (part.type === 'hdlr') handler = this.#contents(part).toString('latin1', 8, 12);
        }
      }
    }
    if (PICTURES.has(handler)) this.#pictures.add(id);
    if (handler === 'auxv' || accompanies) this.#auxiliary.add(id);
  }

  #readItems(meta: Box): void {
    const types = new Map<number, string>();
    let primary: number | undefined;
    // QuickTime's own kind of `meta` has no version before its boxes; it holds no pictures.
    for (const box of this.#boxes(meta.begin + 4, meta.end)) {
      const data = box.type === 'pitm' || box.type === 'iinf' ? this.#contents(box) : Buffer.alloc(0);
      const wide = (data[0] ?? 0) > 0;
      if (box.type === 'pitm' && data.length >= (wide ? 8 : 6)) {
        primary = wide ? data.readUInt32BE(4) : data.readUInt16BE(4);
      } else if (box.type === 'iinf') {
        for (const entry of this.#boxes(box.begin + (wide ? 8 : 6), box.end)) {
          const info = this.#contents(entry);
          const [idBytes, typeAt] = info[0] === 3 ? [4, 10] : [2, 8];
          if ((info[0] ?? 0) < 2 || info.length < typeAt + 4) continue;
          types.set(info.readUIntBE(4, idBytes), info.toString('latin1', typeAt, typeAt + 4));
        }
      }
    }
    const type = primary === undefined ? undefined : types.get(primary);
    if (primary !== undefined && type !== undefined) this.#primary = { id: primary, type };
  }

  /** The boxes from `begin` to `end`; where one makes no sense the rest is left out. */
  *#boxes(begin: number, end: number): Generator<Box, void, undefined> {
    for (let at = begin; at + 8 <= end; ) {
      const header = this.#bytes(at, 16);
      if (header.length < 8) return;
      let [size, length] = [header.readUInt32BE(0), 8];
      if (size === 1 && header.length === 16) [size, length] = [Number(header.readBigUInt64BE(8)), 16];
      else if (size === 0) size = end - at;
      if (size < length || at + size > end) return;
      yield { type: header.toString('latin1', 4, 8), begin: at + length, end: at + size };
      at += size;
    }
  }

  #contents({ begin, end }: Box): Buffer {
    return this.#bytes(begin, Math.min(end - begin, MAX_BOX));
  }

  #bytes(at: number, count: number): Buffer {
    const bytes = Buffer.alloc(Math.max(0, Math.min(count, this.#size - at)));
    return bytes.subarray(0, readSync(this.#file, bytes, 0, bytes.length, at));
  }
}

/** @file Ways to damage a file, drawn from a seed: the same stream of random numbers gives the same damage. */

import { unzipSync, zipSync } from 'fflate';
import type { Random } from '../../src/core/random.ts';
import { isTable, readTable } from '../../src/io/sstable.ts';
import { isZip } from '../../src/io/zip.ts';
import { encodeTable } from '../io/tensorflow_writer.ts';

export interface Mutant {
  readonly bytes: Uint8Array;
  /** What was done, one after the other. */
  readonly kinds: readonly string[];
}

/** Mutants do not grow much beyond what they were made from. */
const LARGEST_BLOCK = 4096;
/** Lengths and counts are mostly at the start of a file, or at its end. */
const HEADER = 512;

type Damage = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const flipBits: Damage = (bytes, random) => {
  const damaged = bytes.slice();
  for (let left = 1 + random.integer(8); left > 0; left--)
    damaged[random.integer(bytes.length)]! ^= 1 << random.integer(8);
  return damaged;
};

const cut: Damage = (bytes, random) => bytes.slice(0, random.integer(bytes.length));

/** A part of the file: often a small one, sometimes half of it. */
function block(length: number, random: Random): [start: number, end: number] {
  const size = 1 + random.integer(random.uniform() < 0.7 ? Math.min(64, length) : Math.min(LARGEST_BLOCK, length));
  const start = random.integer(length);
  return [start, Math.min(length, start + size)];
}

const join = (...parts: Uint8Array[]): Uint8Array => {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
};

const remove: Damage = (bytes, random) => {
  const [start, end] = block(bytes.length, random);
  return join(bytes.subarray(0, start), bytes.subarray(end));
};

const insert: Damage = (bytes, random) => {
  const at = random.integer(bytes.length + 1);
  const fill = random.uniform() < 0.5 ? random.integer(256) : undefined;
  const inserted = Uint8Array.from({ length: 1 + random.integer(64) }, () => fill ?? random.integer(256));
  return join(bytes.subarray(0, at), inserted, bytes.subarray(at));
};

/** Inserts a copy of a part elsewhere, or lays it over what is there. */
const copy: Damage = (bytes, random) => {
  const part = bytes.subarray(...block(bytes.length, random));
  const at = random.integer(bytes.length);
  const rest = random.uniform() < 0.5 ? at : Math.min(bytes.length, at + part.length);
  return join(bytes.subarray(0, at), part, bytes.subarray(rest));
};

/** Writes another integer where a length, a count or an offset may be, of 1, 2, 4 or 8 bytes in either order. */
const number: Damage = (bytes, random) => {
  const width = Math.min([1, 2, 4, 4, 8][random.integer(5)]!, bytes.length);
  const last = bytes.length - width;
  const near = Math.min(last, random.integer(HEADER));
  const at = [near, last - near, random.integer(last + 1)][random.integer(3)]!;
  const damaged = bytes.slice();
  const field = damaged.subarray(at, at + width);
  if (random.uniform() < 0.5) field.reverse();
  const old = field.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  const high = 1n << BigInt(8 * width - 1);
  const length = BigInt(bytes.length);
  const candidates = [
    0n,
    1n,
    old + 1n,
    old - 1n,
    2n * old,
    -old,
    high,
    high - 1n,
    2n * high - 1n,
    length,
    length - old,
  ];
  let value = BigInt.asUintN(8 * width, candidates[random.integer(candidates.length)]!);
  for (let i = 0; i < width; i++, value >>= 8n) field[i] = Number(value & 255n);
  if (random.uniform() < 0.5) field.reverse();
  return damaged;
};

const NUMERALS = [
  '0',
  '-1',
  '1',
  '65536',
  '2147483648',
  '4294967295',
  '9007199254740993',
  '1e309',
  '0.5',
  'NaN',
  '""',
  '[]',
];

/** Writes another number, or what is none, where digits are: headers are text in many formats. */
const numeral: Damage = (bytes, random) => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const found = [...text.slice(0, 1 << 16).matchAll(/\d+/g)];
  if (found.length === 0) return number(bytes, random, bytes);
  const { 0: digits, index } = found[random.integer(found.length)]!;
  const put = Buffer.from(NUMERALS[random.integer(NUMERALS.length)]!, 'latin1');
  return join(bytes.subarray(0, index), put, bytes.subarray(index + digits.length));
};

/** The start of this file and the end of another one. */
const splice: Damage = (bytes, random, other) =>
  join(bytes.subarray(0, random.integer(bytes.length)), other.subarray(random.integer(other.length + 1)));

const DAMAGES: Readonly<Record<string, Damage>> = { flipBits, cut, remove, insert, copy, number, numeral, splice };

/** Bytes. What says that it unpacks to more is damaged as it is: the fuzzer's own memory counts against the limit. */
const LARGEST_MEMBER = 2 ** 26;

/** The members of an archive whose checksums would give damage away, and the archive that has them changed; undefined for others. */
function members(bytes: Uint8Array): [Uint8Array[], (changed: readonly Uint8Array[]) => Uint8Array] | undefined {
  try {
    if (isTable(bytes)) {
      const entries = readTable(bytes, 'sample');
      return [
        entries.map(({ value }) => value),
        (changed) => encodeTable(entries.map(({ key }, i) => ({ key, value: changed[i]! }))),
      ];
    }
    if (!isZip(bytes)) return undefined;
    let bomb = false;
    const fits = ({ originalSize }: { readonly originalSize: number }): boolean => {
      bomb ||= originalSize > LARGEST_MEMBER;
      return !bomb;
    };
    const files = Object.entries(unzipSync(bytes, { filter: fits }));
    if (bomb) return undefined;
    return [
      files.map(([, contents]) => contents),
      (changed) => zipSync(Object.fromEntries(files.map(([name], i) => [name, changed[i]!])), { level: 0 }),
    ];
  } catch {
    // Damaged by now.
    return undefined;
  }
}

/** Damages a file, or half of the time one member of an archive. */
function inside(damage: Damage): Damage {
  return (bytes, random, other) => {
    const found = random.uniform() < 0.5 ? members(bytes) : undefined;
    const chosen = found?.[0].map((member, i) => ({ member, i })).filter(({ member }) => member.length > 0);
    if (!found || !chosen?.length) return damage(bytes, random, other);
    const { member, i } = chosen[random.integer(chosen.length)]!;
    return found[1](found[0].with(i, damage(member, random, other)));
  };
}

/**
 * `bytes` with one to three damages.
 * @param other What it may be spliced with.
 */
export function mutate(bytes: Uint8Array, other: Uint8Array, random: Random): Mutant {
  const names = Object.keys(DAMAGES);
  const kinds: string[] = [];
  let damaged = bytes;
  for (let left = 1 + Math.floor(3 * random.uniform() ** 2); left > 0 && damaged.length > 0; left--) {
    const kind = names[random.integer(names.length)]!;
    kinds.push(kind);
    damaged = inside(DAMAGES[kind]!)(damaged, random, other);
  }
  return { bytes: damaged, kinds };
}

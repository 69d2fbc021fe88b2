/** @file Medical volumes as clips: values, byte orders, orientations, and what is refused. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openClip } from '../../src/io/video.ts';
import { testFolder } from '../folder.ts';
import { describeWithShared } from '../shared.ts';

const folder = testFolder('nifti-');
const at = (name: string): string => join(folder, name);

interface Volume {
  readonly size: readonly number[];
  readonly values: readonly number[];
  readonly little?: boolean;
  readonly slope?: number;
  readonly intercept?: number;
  /** cal_min and cal_max. */
  readonly window?: readonly [number, number];
  /** Rows of the sform. */
  readonly sform?: readonly (readonly number[])[];
  /** b, c, d, and the sign of the third axis. */
  readonly qform?: readonly [number, number, number, number];
  readonly type?: number;
  readonly magic?: string;
}

/** 16-bit whole numbers. */
function nifti({ size, values, little = true, window = [0, 255], ...more }: Volume): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(352 + values.length * 2);
  const view = new DataView(bytes.buffer);
  const short = (offset: number, value: number) => view.setInt16(offset, value, little);
  const float = (offset: number, value: number) => view.setFloat32(offset, value, little);
  view.setInt32(0, 348, little);
  for (const [i, value] of [size.length, ...size].entries()) short(40 + 2 * i, value);
  short(70, more.type ?? 4);
  short(72, 16);
  for (let i = 0; i < 4; i++) float(76 + 4 * i, i === 0 ? (more.qform?.[3] ?? 1) : 2);
  float(108, 352);
  float(112, more.slope ?? 0);
  float(116, more.intercept ?? 0);
  float(124, window[1]);
  float(128, window[0]);
  if (more.qform) {
    short(252, 1);
    for (let i = 0; i < 3; i++) float(256 + 4 * i, more.qform[i]!);
  }
  if (more.sform) {
    short(254, 1);
    for (const [i, value] of more.sform.flat().entries()) float(280 + 4 * i, value);
  }
  for (const [i, letter] of [...(more.magic ?? 'n+1')].entries()) bytes[344 + i] = letter.charCodeAt(0);
  for (const [i, value] of values.entries()) short(352 + 2 * i, value);
  return bytes;
}

async function frames(name: string, contents: Uint8Array): Promise<number[][][]> {
  writeFileSync(at(name), contents);
  const { frames: clip, kind, fps } = await openClip(at(name));
  expect([kind, fps]).toEqual(['volume', 25]);
  const [count = 0, height = 0, width = 0] = clip.shape;
  return Array.from({ length: count }, (_, t) =>
    Array.from({ length: height }, (_, y) =>
      Array.from({ length: width }, (_, x) => {
        const [r, g, b] = clip.data.subarray(((t * height + y) * width + x) * 3);
        expect([g, b]).toEqual([r, r]);
        return r!;
      }),
    ),
  );
}

/** Voxels i + 10 j + 100 k of 2×3×2. */
const VALUES = Array.from({ length: 12 }, (_, v) => (v % 2) + 10 * (Math.floor(v / 2) % 3) + 100 * Math.floor(v / 6));
const SIZE = [2, 3, 2];

/** As the patient stands: right is on the left of a picture, the front above. */
const SEEN = [
  [
    [21, 20],
    [11, 10],
    [1, 0],
  ],
  [
    [121, 120],
    [111, 110],
    [101, 100],
  ],
];

describe('a volume', () => {
  test.each([true, false])('has its slices as frames, from the feet up (little-endian: %s)', async (little) => {
    expect(await frames('a.nii', nifti({ size: SIZE, values: VALUES, little }))).toEqual(SEEN);
  });

  test('may be packed, and may have axes of extent 1', async () => {
    const packed = gzipSync(nifti({ size: [...SIZE, 1, 1], values: VALUES }));
    expect(await frames('a.nii.gz', packed)).toEqual(SEEN);
  });

  test('is turned by its sform, else by its qform', async () => {
    // Voxels run to the left, the back and the feet.
    const sform = [
      [-2, 0, 0, 0],
      [0, -2, 0, 0],
      [0, 0, -2, 0],
    ];
    const turned = SEEN.toReversed().map((rows) => rows.toReversed().map((row) => row.toReversed()));
    expect(await frames('b.nii', nifti({ size: SIZE, values: VALUES, sform }))).toEqual(turned);
    // Half a turn about the axis of the body, and a third axis that runs down.
    const down = nifti({ size: SIZE, values: VALUES, qform: [0, 0, 1, -1] });
    expect(await frames('c.nii', down)).toEqual(turned);
    expect(await frames('d.nii', nifti({ size: SIZE, values: VALUES, sform, qform: [0, 0, 0, 1] }))).toEqual(turned);
  });

  test('that was taken from the side is shown from below, too', async () => {
    // i runs to the front, j to the head, k to the right.
    const sform = [
      [0, 0, 2, 0],
      [2, 0, 0, 0],
      [0, 2, 0, 0],
    ];
    expect(await frames('e.nii', nifti({ size: SIZE, values: VALUES, sform }))).toEqual(
      [0, 10, 20].map((j) => [1, 0].map((i) => [100, 0].map((k) => i + j + k))),
    );
  });

  test('has its values scaled, and from its window black to white', async () => {
    const scaled = nifti({ size: [2, 2, 1], values: [0, 1, 2, 3], slope: 10, intercept: -5, window: [5, 25] });
    expect(await frames('f.nii', scaled)).toEqual([
      [
        [255, 128],
        [0, 0],
      ],
    ]);
  });

  test('without a window has the first and the last percent black and white', async () => {
    const values = Array.from({ length: 400 }, (_, i) => (i === 399 ? 30_000 : i));
    const [[first = []] = []] = await frames('g.nii', nifti({ size: [20, 20, 1], values, window: [0, 0] }));
    expect(Math.max(...first)).toBe(255);
    expect(first.filter((value) => value === 255).length).toBeLessThan(7);
  });

  test.each([
    ['several volumes', nifti({ size: [2, 3, 1, 2], values: VALUES }), /holds 2 volumes/],
    ['colours', nifti({ size: SIZE, values: VALUES, type: 128 }), /NIfTI type 128/],
    ['voxels elsewhere', nifti({ size: SIZE, values: VALUES, magic: 'ni1' }), /in another file/],
    ['no magic', nifti({ size: SIZE, values: VALUES, magic: 'abc' }), /is no NIfTI-1 file/],
    ['too little', nifti({ size: SIZE, values: VALUES }).slice(0, 370), /is cut short: 2×3×2 voxels need 376 bytes/],
    ['an impossible size', nifti({ size: [2, -3, 2], values: VALUES }), /impossible size/],
    ['a damaged gzip', gzipSync(nifti({ size: SIZE, values: VALUES })).subarray(0, 60), /cannot be unpacked/],
    ['nothing', new Uint8Array(0), /is no NIfTI-1 file/],
  ])('is refused for %s', async (_, contents, message) => {
    writeFileSync(at('bad.nii'), contents);
    await expect(openClip(at('bad.nii'))).rejects.toThrow(message);
    await expect(openClip(at('bad.nii'))).rejects.toThrow(/^\S*bad\.nii [^\n]+\.$/);
  });
});

describeWithShared(
  'published volumes',
  ['data/volumes/anatomical.nii', 'data/volumes/someones_anatomy.nii.gz', 'data/volumes/example4d.nii.gz'],
  (anatomical, someones, example4d) => {
    test.each([
      [anatomical, [25, 41, 33, 3]],
      [someones, [56, 67, 57, 3]],
    ])('%s is a clip', async (path, shape) => {
      const { frames: clip } = await openClip(path);
      expect(clip.shape).toEqual(shape);
      const [middle, size] = [Math.floor(shape[0]! / 2), shape[1]! * shape[2]! * 3];
      const slice = clip.data.subarray(middle * size, (middle + 1) * size);
      expect(new Set(slice).size).toBeGreaterThan(50);
    });

    test('several in one file are refused', async () => {
      await expect(openClip(example4d)).rejects.toThrow(
        /holds 2 volumes; save the one that is meant by itself, 128×96×24\./,
      );
    });
  },
);

describe('two scans of one patient', () => {
  const scan = (name: string, values: readonly number[], more: Partial<Volume> = {}): string => {
    writeFileSync(at(name), nifti({ size: [2, 1, 2], values, ...more }));
    return at(name);
  };

  test('are red and green, and blue says how they differ, by the window of the first', async () => {
    const before = scan('before.nii', [0, 50, 100, 200], { window: [0, 100] });
    const after = scan('after.nii', [100, 50, 0, 300], { window: [0, 1000] });
    const { frames: clip, kind } = await openClip(`${before}:${after}`);
    expect([kind, clip.shape]).toEqual(['volume', [2, 1, 2, 3]]);
    const pixels = Array.from({ length: 4 }, (_, i) => [...clip.data.subarray(3 * i, 3 * i + 3)]);
    // The patient's right is on the left.
    expect(pixels).toEqual([
      [128, 128, 128],
      [0, 255, 255],
      [255, 255, 128],
      [255, 0, 1],
    ]);
  });

  test('must lie on one grid', async () => {
    const before = scan('before.nii', [0, 50, 100, 200]);
    const larger = scan('larger.nii', [0, 1, 2, 3, 4, 5], { size: [3, 1, 2] });
    await expect(openClip(`${before}:${larger}`)).rejects.toThrow(
      `${larger} does not lie on the grid of ${before}: it has 3×1×2 where that has 2×1×2; register one to the other first.`,
    );
    const [sform, wide] = [2, 3].map((length) => [
      [length, 0, 0, 0],
      [0, 2, 0, 0],
      [0, 0, 2, 0],
    ]);
    const [one, other] = [
      scan('one.nii', [0, 1, 2, 3], { sform: sform! }),
      scan('other.nii', [0, 1, 2, 3], { sform: wide! }),
    ];
    await expect(openClip(`${one}:${other}`)).rejects.toThrow('it has voxels of 3×2×2 where that has voxels of 2×2×2');
    await expect(openClip(`${before}:${at('none.nii')}`)).rejects.toThrow('none.nii cannot be read (ENOENT)');
  });
});

describe('what a file says of how it lies', () => {
  const size = [2, 2, 2];
  const values = [0, 30, 60, 90, 120, 150, 180, 210];
  test.each([
    [
      'an sform of zeros',
      {
        sform: [
          [0, 0, 0, 0],
          [0, 0, 0, 0],
          [0, 0, 0, 0],
        ],
      },
      /its sform is 0 0 0, 0 0 0, 0 0 0/,
    ],
    [
      'one that is no number',
      {
        sform: [
          [Number.NaN, 0, 0, 0],
          [0, 1, 0, 0],
          [0, 0, 1, 0],
        ],
      },
      /its sform is NaN 0 0/,
    ],
    [
      'one whose axes lie in a plane',
      {
        sform: [
          [1, 0, 1, 0],
          [0, 1, 0, 0],
          [0, 0, 0, 0],
        ],
      },
      /does not say how it lies/,
    ],
    ['a qform that is no number', { qform: [Number.NaN, 0, 0, 1] as const }, /its qform is NaN/],
  ])('is refused as %s', async (_, more, message) => {
    await expect(frames('lies.nii', nifti({ size, values, ...more }))).rejects.toThrow(message);
  });

  test('is not in one of two files, nor in NIfTI-2', async () => {
    const bytes = nifti({ size, values, magic: 'ni1' });
    writeFileSync(at('pair.hdr'), bytes.subarray(0, 348));
    writeFileSync(at('pair.img'), bytes.subarray(352));
    for (const name of ['pair.hdr', 'pair.img']) {
      await expect(openClip(at(name))).rejects.toThrow(
        /is one of the two files of a volume, \.hdr and \.img; save both as one \.nii/,
      );
    }
    const second = new Uint8Array(1000);
    new DataView(second.buffer).setInt32(0, 540, true);
    await expect(frames('second.nii', second)).rejects.toThrow(/is a NIfTI-2 file; save it as NIfTI-1/);
  });

  test.each([
    [1024, true],
    [1024, false],
    [1280, true],
  ])('may come with whole numbers of 64 bits (type %i, little-endian %s)', async (type, little) => {
    const small = await frames('small.nii', nifti({ size, values, little }));
    const head = nifti({ size, values: [], little, type });
    const bytes = new Uint8Array(352 + 8 * values.length);
    bytes.set(head);
    const view = new DataView(bytes.buffer);
    for (const [i, value] of values.entries()) view.setBigInt64(352 + 8 * i, BigInt(value), little);
    expect(await frames('wide.nii', bytes)).toEqual(small);
  });
});

import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import { floatToHalf } from '../../src/core/half.ts';
import { type DType, floatTensor, type HostTensor, type Shape, sizeOf } from '../../src/core/tensor.ts';
import { ArrayClip, type ArrayClipOptions } from '../../src/io/array-clip.ts';
import type { ArrayKind } from '../../src/io/array-layout.ts';
import { encodeNpy, permuteAxes } from '../../src/io/npy.ts';
import { NpyFile } from '../../src/io/npy-file.ts';
import { openClip } from '../../src/io/video.ts';
import { testFolder } from '../folder.ts';

const folder = testFolder('arrays-');
let made = 0;
async function file(contents: Uint8Array, name = `${made++}.npy`): Promise<string> {
  await writeFile(join(folder, name), contents);
  return join(folder, name);
}

const [T, H, W] = [3, 6, 7];
const bytes = Uint8Array.from({ length: T * H * W * 3 }, (_, i) => (i * 37 + (i >> 5)) % 256);
const frames = { dtype: 'u8', shape: [T, H, W, 3], data: bytes } as const;
/** The same, normalised. */
const floats = floatTensor(
  frames.shape,
  Float32Array.from(bytes, (v) => v / 127.5 - 1),
);

/** A tensor with its axes in another order; `null` is a new one of extent 1. */
function arranged(tensor: HostTensor, order: readonly (number | null)[]): HostTensor {
  const axes = order.filter((axis) => axis !== null);
  const data = permuteAxes(tensor.dtype, tensor.data, tensor.shape, axes);
  return { ...tensor, shape: order.map((axis) => (axis === null ? 1 : tensor.shape[axis]!)), data } as HostTensor;
}

/** As other types, by hand: `Float64Array` of f32 values and so on. */
function cast(values: ArrayLike<number>, dtype: DType, shape: Shape): HostTensor {
  const data = {
    f64: () => Float64Array.from(values),
    f16: () => Uint16Array.from(values, floatToHalf),
    bool: () => Uint8Array.from(values, (v) => v & 1),
    i64: () => BigInt64Array.from(Array.from(values, BigInt)),
    i32: () => Int32Array.from(values),
    u16: () => Uint16Array.from(values),
  }[dtype as string]!();
  return { dtype, shape, data } as HostTensor;
}

/** A file whose numbers are stored as `>` or in Fortran's order, as NumPy writes them. */
function stored(tensor: HostTensor, how: { bigEndian?: boolean; columnMajor?: boolean }): Uint8Array {
  const { shape, dtype } = tensor;
  const turned = shape.map((_, i) => i).reverse();
  const data = how.columnMajor ? permuteAxes(dtype, tensor.data, shape, turned) : tensor.data;
  const plain = encodeNpy({ ...tensor, data } as HostTensor);
  const text = Buffer.from(plain).toString('latin1');
  const start = text.indexOf('\n') + 1;
  const head = text
    .slice(0, start)
    .replace('False', how.columnMajor ? 'True ' : 'False')
    .replace("'<", how.bigEndian ? "'>" : "'<");
  const width = (plain.length - start) / sizeOf(shape);
  const body = Buffer.from(plain.subarray(start));
  if (how.bigEndian && width > 1) body[`swap${8 * width}` as 'swap16' | 'swap32' | 'swap64']();
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

async function all(path: string, kind: ArrayKind = 'frames', options: ArrayClipOptions = {}) {
  const clip = await ArrayClip.open(path, kind, options);
  try {
    return { tensor: await clip.read(0, clip.frames), warnings: clip.warnings() };
  } finally {
    await clip.close();
  }
}

async function refused(path: string, message: RegExp, kind: ArrayKind = 'frames', options = {}): Promise<void> {
  const attempt = all(path, kind, options);
  await expect(attempt).rejects.toThrow(InputError);
  await expect(attempt).rejects.toThrow(message);
  await expect(attempt).rejects.toThrow(/^[^\n]+\.$/);
  await expect(attempt).rejects.toThrow(path);
}

const ORDERS: [string, (number | null)[]][] = [
  ['T×H×W×3', [0, 1, 2, 3]],
  ['1×T×H×W×3', [null, 0, 1, 2, 3]],
  ['T×3×H×W', [0, 3, 1, 2]],
  ['3×T×H×W', [3, 0, 1, 2]],
  ['1×3×T×H×W', [null, 3, 0, 1, 2]],
  ['1×T×3×H×W', [null, 0, 3, 1, 2]],
];

describe('frames', () => {
  it.each(ORDERS)('come as %s', async (_, order) => {
    const short = { ...frames, shape: [2, H, W, 3], data: bytes.subarray(0, 2 * H * W * 3) } as const;
    for (const columnMajor of [false, true]) {
      const path = await file(stored(arranged(short, order), { columnMajor }));
      expect((await all(path)).tensor).toEqual({ ...short, data: Uint8Array.from(short.data) });
    }
  });

  it.each([
    ['float32', floats],
    ['float64', cast(floats.data, 'f64', floats.shape)],
    ['float16', cast(floats.data, 'f16', floats.shape)],
  ])('come as %s', async (_, tensor) => {
    for (const bigEndian of [false, true]) {
      const path = await file(stored(tensor, { bigEndian }));
      const found = await all(path);
      expect(found.warnings).toEqual([]);
      expect(found.tensor.dtype).toBe('f32');
      expect(found.tensor.shape).toEqual(frames.shape);
      for (const [i, v] of floats.data.entries()) expect(Math.abs(found.tensor.data[i]! - v)).toBeLessThan(1e-3);
      // What training and flow see of them.
      expect((await openClip(path)).frames).toEqual(frames);
    }
  });

  it('are read in parts', async () => {
    const clip = await ArrayClip.open(await file(encodeNpy(floats)), 'frames');
    expect((await clip.read(1, 2)).data).toEqual(floats.data.subarray(H * W * 3));
    expect((await clip.readBytes(2, 1)).data).toEqual(bytes.subarray(2 * H * W * 3));
    await clip.close();
    const some = await openClip(await file(encodeNpy(frames)), { start: 1, frames: 1, fps: 10 });
    expect(some).toMatchObject({ kind: 'npy', fps: 10, width: W, height: H, timestamps: Float64Array.of(0.1) });
    expect(some.frames.data).toEqual(bytes.subarray(H * W * 3, 2 * H * W * 3));
  });

  it.each<[string, HostTensor | Shape, RegExp]>([
    ['a batch', [2, 4, 8, 8, 3], /holds u8 2×4×8×8×3; that is a batch of 2; save one of them, such as x\[0\]/],
    [
      'either order',
      [3, 3, 8, 9],
      /np\.moveaxis\(x, 0, -1\) where channels come first, np\.moveaxis\(x, 1, -1\) where/,
    ],
    ['either order, in a batch', [1, 3, 3, 8, 9], /np\.moveaxis\(x, 1, -1\) where channels come first/],
    ['transparency', [4, 8, 8, 4], /drop the alpha channel, x\[\.\.\., :3\]/],
    ['grey', [4, 8, 8, 1], /of grey frames make x = np\.repeat\(x, 3, axis=-1\)/],
    ['grey, channels first', [4, 1, 8, 8], /of grey frames make x = np\.repeat\(x, 3, axis=-1\)/],
    ['grey without channels', [4, 8, 8], /np\.repeat\(x\[\.\.\., None\], 3, axis=-1\)/],
    ['one picture', [8, 8, 3], /that is one picture/],
    ['flow', [4, 8, 8, 2], /flow is given as --flow-input/],
    ['no frames', [0, 8, 8, 3], /with at least one frame\.$/],
    ['a row', [3], /holds u8 3; a clip is T×H×W×3, either uint8 or float32 in −1 … 1/],
    ['bool', cast(bytes, 'bool', frames.shape), /save x\.astype\(np\.uint8\) \* 255/],
    [
      'int64',
      cast(bytes, 'i64', frames.shape),
      /holds i64 3×6×7×3; frames are uint8.* save x\.astype\(np\.uint8\), if/,
    ],
    ['uint16', cast(bytes, 'u16', frames.shape), /\(x \/\/ 257\)\.astype\(np\.uint8\)/],
  ])('are refused as %s', async (_, what, message) => {
    const tensor = 'dtype' in what ? what : { dtype: 'u8' as const, shape: what, data: new Uint8Array(sizeOf(what)) };
    await refused(await file(encodeNpy(tensor)), message);
  });

  const changed = (change: (values: Float32Array) => void): HostTensor => {
    const data = floats.data.slice();
    change(data);
    return floatTensor(floats.shape, data);
  };

  it('must be numbers in range', async () => {
    const at = ((1 * H + 2) * W + 3) * 3 + 1;
    const place = 'at frame 1, row 2, column 3, channel 1';
    const nan = await file(encodeNpy(changed((v) => v.fill(Number.NaN, at, at + 1))));
    await refused(nan, new RegExp(`holds NaN, a value that is no finite number, ${place}`));
    const infinite = changed((v) => v.fill(-Infinity, at, at + 1));
    await refused(await file(encodeNpy(infinite)), new RegExp(`holds -Infinity.*${place}`));
    const beyond = changed((v) => v.fill(-1.25, at, at + 1));
    await refused(await file(encodeNpy(beyond)), new RegExp(`up to -1\\.25, ${place}; .*−1 … 1: save uint8, or`));
    const raw = floatTensor(frames.shape, Float32Array.from(bytes));
    await refused(await file(encodeNpy(raw)), /holds values up to 255, .*if these are 0 … 255, save x\.astype/);
    // What is wrong in frames that nobody asks for stays unseen.
    const clip = await ArrayClip.open(nan, 'frames');
    await clip.read(0, 1);
    await expect(clip.read(1, 1)).rejects.toThrow(place);
    await clip.close();
    // Rounding is no fault.
    expect((await all(await file(encodeNpy(changed((v) => v.fill(1.0005, 0, 1)))))).warnings).toEqual([]);
  });

  it('that are never negative are doubtful', async () => {
    const path = await file(
      encodeNpy(
        floatTensor(
          frames.shape,
          Float32Array.from(bytes, (v) => v / 255),
        ),
      ),
    );
    const { warnings } = await all(path);
    expect(warnings).toEqual([
      expect.stringMatching(/none of its values is negative, as if they lay in 0 … 1.*x \* 2 - 1/),
    ]);
    expect((await openClip(path)).warnings).toEqual(warnings);
  });
});

describe('flow', () => {
  const values = Float32Array.from({ length: T * H * W * 2 }, (_, i) => 5 * Math.sin(i * 0.7));
  const flow = floatTensor([T, H, W, 2], values);

  it.each(ORDERS)('comes in the order of %s, with two channels', async (_, order) => {
    expect((await all(await file(encodeNpy(arranged(flow, order))), 'flow')).tensor).toEqual(flow);
  });

  it('comes as other floats', async () => {
    const double = cast(values, 'f64', flow.shape);
    expect((await all(await file(stored(double, { bigEndian: true })), 'flow')).tensor).toEqual(flow);
    const half = (await all(await file(encodeNpy(cast(values, 'f16', flow.shape))), 'flow')).tensor;
    for (const [i, value] of values.entries()) expect(Math.abs(half.data[i]! - value)).toBeLessThan(3e-3);
  });

  it('must be flow', async () => {
    await refused(await file(encodeNpy(floats)), /flow is float32 T×H×W×2.*these look like frames/, 'flow');
    await refused(
      await file(encodeNpy(cast(values, 'i32', flow.shape))),
      /holds i32 .*x\.astype\(np\.float32\)/,
      'flow',
    );
    const nan = floatTensor(flow.shape, values.with(9, Number.NaN));
    await refused(await file(encodeNpy(nan)), /holds NaN.* at frame 0, row 0, column 4, channel 1/, 'flow');
    await refused(await file(encodeNpy(flow)), /scaled flow must lie in −1 … 1/, 'flow', { scaled: true });
  });

  it('that is scaled already is doubtful where pixels are said', async () => {
    const scaled = await file(
      encodeNpy(
        floatTensor(
          flow.shape,
          values.map((v) => v / 20),
        ),
      ),
    );
    expect((await all(scaled, 'flow', { scaled: true })).warnings).toEqual([]);
    expect((await all(scaled, 'flow')).warnings).toEqual([expect.stringMatching(/give --flow-units scaled\.$/)]);
  });
});

describe('files', () => {
  it('give parts along any axis', async () => {
    // Large enough for pieces that are read one by one.
    const shape = [2, 5, 120, 150];
    const data = Uint8Array.from({ length: sizeOf(shape) }, (_, i) => (i * 7 + (i >> 8)) % 256);
    for (const columnMajor of [false, true]) {
      const array = await NpyFile.open(await file(stored({ dtype: 'u8', shape, data }, { columnMajor })));
      for (const axis of [0, 1, 2, 3]) {
        const [start, count] = axis === 1 ? [1, 4] : [1, 1];
        const order = [axis, ...[0, 1, 2, 3].filter((other) => other !== axis)];
        const { data: part, shape: found } = await array.read(axis, start, count, order);
        const whole = permuteAxes('u8', data, shape, order);
        const size = sizeOf(found) / count;
        expect(Buffer.compare(part as Uint8Array, whole.subarray(start * size, (start + count) * size))).toBe(0);
      }
      await array.close();
    }
  });

  it('may be larger than 2 GiB and than memory', async () => {
    const shape = [400_000, 48, 64, 3];
    const path = join(folder, 'large.npy');
    const header = encodeNpy({ dtype: 'u8', shape: [0, 48, 64, 3], data: new Uint8Array(0) });
    const handle = await open(path, 'w');
    const text = Buffer.from(header).toString('latin1').replace("'shape': (0, 48", `'shape': (${shape[0]}, 48`);
    await handle.write(Buffer.from(text.replace(/ {5}\n$/, '\n'), 'latin1'));
    // The file has holes: it takes no room.
    await handle.truncate(header.length + sizeOf(shape));
    await handle.write(Uint8Array.of(7, 8, 9), 0, 3, header.length + 399_998 * 48 * 64 * 3);
    await handle.close();
    const clip = await openClip(path, { start: 399_997, frames: 2 });
    expect(clip.frames.shape).toEqual([2, 48, 64, 3]);
    expect([...clip.frames.data.subarray(48 * 64 * 3, 48 * 64 * 3 + 4)]).toEqual([7, 8, 9, 0]);
    await rm(path);
  });

  it('may be an .npz with one array', async () => {
    const one = await file(zipSync({ 'arr_0.npy': encodeNpy(frames) }), 'one.npz');
    expect((await openClip(one)).frames).toEqual(frames);
    // np.savez to a file that is named .npy.
    const misnamed = await file(zipSync({ 'x.npy': encodeNpy(frames) }, { level: 0 }));
    expect((await openClip(misnamed)).frames).toEqual(frames);
    const two = await file(zipSync({ 'rgb.npy': encodeNpy(frames), 'flow.npy': encodeNpy(frames) }), 'two.npz');
    await refused(two, /two\.npz holds 2 arrays: rgb, flow; save the one that is meant/);
    await refused(await file(zipSync({ 'a.txt': Uint8Array.of(1) }), 'none.npz'), /a zip file without arrays/);
    await refused(await file(zipSync({ 'a.npy': encodeNpy(frames) }).subarray(0, 99), 'cut.npz'), /is cut short/);
  });

  it('that are none, or not whole, are refused', async () => {
    await refused(join(folder, 'nowhere.npy'), /does not exist; give a \.npy file/);
    await refused(folder, /is a folder; give/);
    await refused(await file(new Uint8Array(0)), /not a \.npy file/);
    await refused(await file(Buffer.from('hello, world')), /not a \.npy file/);
    const whole = encodeNpy(frames);
    await refused(await file(whole.subarray(0, 40)), /its \.npy header is not complete/);
    await refused(await file(whole.subarray(0, whole.length - 1)), /needs 378 bytes, but the file has 377/);
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { HostTensor } from '../../src/core/tensor.ts';
import { decodeNpy, encodeNpy } from '../../src/io/npy.ts';
import { describeWithShared } from '../shared.ts';
import { expectOnlyInputErrors } from './corrupt.ts';

/** A `.npy` file with a hand-made header. */
function file(header: string, data: number[], version = 1): Uint8Array {
  const text = new TextEncoder().encode(`${header}\n`);
  const length = version === 1 ? [text.length, 0] : [text.length, 0, 0, 0];
  return Uint8Array.of(0x93, ...new TextEncoder().encode('NUMPY'), version, 0, ...length, ...text, ...data);
}

const header = (descr: string, shape: string, order = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
const decode = (bytes: Uint8Array) => decodeNpy(bytes, 'x.npy');

describe('npy', () => {
  it.each<HostTensor>([
    { dtype: 'f32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6.5) },
    { dtype: 'f64', shape: [1], data: Float64Array.of(0.1) },
    { dtype: 'f16', shape: [2], data: Uint16Array.of(0x3c00, 1) },
    { dtype: 'u8', shape: [], data: Uint8Array.of(9) },
    { dtype: 'i8', shape: [1], data: Int8Array.of(-9) },
    { dtype: 'u16', shape: [1], data: Uint16Array.of(65535) },
    { dtype: 'i16', shape: [1], data: Int16Array.of(-1) },
    { dtype: 'u32', shape: [1], data: Uint32Array.of(4e9) },
    { dtype: 'i32', shape: [0, 4], data: new Int32Array(0) },
    { dtype: 'u64', shape: [1], data: BigUint64Array.of(2n ** 63n) },
    { dtype: 'i64', shape: [1], data: BigInt64Array.of(-1n) },
    { dtype: 'bool', shape: [2], data: Uint8Array.of(0, 1) },
  ])('gives back $dtype', (tensor) => {
    const bytes = encodeNpy(tensor);
    expect((bytes.length - tensor.data.byteLength) % 64).toBe(0);
    expect(decode(bytes)).toEqual(tensor);
  });

  it.each([1, 2, 3])('reads version %i', (version) => {
    expect(decode(file(header('<i2', '(2,)'), [1, 0, 255, 255], version)).data).toEqual(Int16Array.of(1, -1));
  });

  it('reads big-endian numbers', () => {
    expect(decode(file(header('>i4', '(2,)'), [0, 0, 0, 7, 255, 255, 255, 254])).data).toEqual(Int32Array.of(7, -2));
  });

  it('reads column-major arrays', () => {
    const tensor = decode(file(header('|u1', '(2, 3L)', 'True'), [1, 4, 2, 5, 3, 6]));
    expect(tensor).toEqual({ dtype: 'u8', shape: [2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 6) });
    const cube = decode(file(header('|u1', '(2, 2, 2)', 'True'), [0, 4, 2, 6, 1, 5, 3, 7]));
    expect(cube.data).toEqual(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7));
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['another file', Uint8Array.of(1, 2, 3), /x\.npy is not a \.npy file/],
    ['a cut header', file(header('<f4', '(1,)'), []).subarray(0, 30), /cut short: its \.npy header/],
    ['cut data', file(header('<f4', '(2, 3)'), [0, 0]), /shape 2×3 and type f32 needs 24 bytes, but the file has 2/],
    ['a lying shape', file(header('<f4', '(99999999, 99999999, 99999999)'), []), /impossible shape/],
    ['objects', file(header('|O', '(1,)'), []), /Python objects/],
    ['text', file(header('<U3', '(1,)'), []), /type <U3, which is not supported/],
    ['complex numbers', file(header('<c8', '(1,)'), []), /type <c8, which is not supported/],
    ['records', file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", []), /a record/],
    ['no shape', file("{'descr': '<f4', 'fortran_order': False}", []), /must have descr, fortran_order and shape/],
    ['a future version', file(header('<f4', '(1,)'), [], 4), /version 4; supported are 1 to 3/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decode(bytes)).toThrow(message);
  });

  it('refuses to write bfloat16', () => {
    expect(() => encodeNpy({ dtype: 'bf16', shape: [1], data: new Uint16Array(1) })).toThrow(/convert to f32/);
  });

  it('survives damage', async () => {
    await expectOnlyInputErrors(file(header('>f4', '(2, 2)', 'True'), new Array(16).fill(1)), decode);
  });
});

describeWithShared('npy files of NumPy', ['golden/rgb_frames_u8.npy', 'golden/tvl1_opencv_f32.npy'], (frames, flow) => {
  it('reads uint8 frames', () => {
    const { dtype, shape, data } = decodeNpy(readFileSync(frames), frames);
    expect([dtype, shape]).toEqual(['u8', [33, 224, 224, 3]]);
    expect((data as Uint8Array).reduce((sum, value) => sum + value, 0)).toBe(528880947);
    const pixel = ((3 * 224 + 100) * 224 + 50) * 3;
    expect([...(data as Uint8Array).subarray(pixel, pixel + 3)]).toEqual([117, 131, 74]);
  });

  it('reads a float32 flow, and writes the same bytes', () => {
    const bytes = readFileSync(flow);
    const tensor = decodeNpy(bytes, flow);
    expect([tensor.dtype, tensor.shape]).toEqual(['f32', [16, 224, 224, 2]]);
    const data = tensor.data as Float32Array;
    expect(data.reduce((sum, value) => sum + value, 0)).toBeCloseTo(-49141.65358093324, 6);
    expect(data[((2 * 224 + 100) * 224 + 50) * 2]).toBeCloseTo(0.0116486, 7);
    expect(bytes.equals(encodeNpy(tensor))).toBe(true);
  });
});

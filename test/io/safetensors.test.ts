import { describe, expect, it } from 'vitest';
import type { HostTensor, StateDict } from '../../src/core/tensor.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/safetensors.ts';
import { expectOnlyInputErrors } from './corrupt.ts';

const everyType: StateDict = new Map<string, HostTensor>([
  ['u8', { dtype: 'u8', shape: [3], data: Uint8Array.of(1, 2, 255) }],
  ['0', { dtype: 'f32', shape: [2, 1], data: Float32Array.of(1.5, -2) }],
  ['scalar', { dtype: 'i64', shape: [], data: BigInt64Array.of(-5n) }],
  ['empty', { dtype: 'f64', shape: [0, 3], data: new Float64Array(0) }],
  ['f64', { dtype: 'f64', shape: [1], data: Float64Array.of(0.1) }],
  ['f16', { dtype: 'f16', shape: [1], data: Uint16Array.of(0x3c00) }],
  ['bf16', { dtype: 'bf16', shape: [1], data: Uint16Array.of(0x3f80) }],
  ['i8', { dtype: 'i8', shape: [1], data: Int8Array.of(-1) }],
  ['i16', { dtype: 'i16', shape: [1], data: Int16Array.of(-300) }],
  ['u16', { dtype: 'u16', shape: [1], data: Uint16Array.of(65535) }],
  ['i32', { dtype: 'i32', shape: [1], data: Int32Array.of(-70000) }],
  ['u32', { dtype: 'u32', shape: [1], data: Uint32Array.of(4e9) }],
  ['u64', { dtype: 'u64', shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) }],
  ['bool', { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) }],
  ['wei"rd: {ñ}', { dtype: 'u8', shape: [1], data: Uint8Array.of(7) }],
]);

/** A file with a hand-made header. */
function file(header: unknown, payloadBytes: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + payloadBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const decode = (bytes: Uint8Array) => decodeSafetensors(bytes, 'x.safetensors');
const f32 = (shape: number[], begin: number, end: number) => ({ dtype: 'F32', shape, data_offsets: [begin, end] });

describe('safetensors', () => {
  it('gives back every type, name and order', () => {
    const bytes = encodeSafetensors(everyType, { format: 'pt', note: '"quoted"' });
    const { tensors, metadata } = decode(bytes);
    expect(tensors).toEqual(everyType);
    expect([...tensors.keys()]).toEqual([...everyType.keys()]);
    expect(metadata).toEqual({ format: 'pt', note: '"quoted"' });
  });

  it('aligns what it writes, so that reading copies nothing', () => {
    const bytes = encodeSafetensors(everyType);
    for (const tensor of decode(bytes).tensors.values()) expect(tensor.data.buffer).toBe(bytes.buffer);
  });

  it('copies tensors that lie unaligned', () => {
    const header = { a: { dtype: 'U8', shape: [1], data_offsets: [0, 1] }, b: f32([1], 1, 5) };
    const bytes = file(header, 5);
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, 2.5, true);
    expect(decode(bytes).tensors.get('b')).toEqual({ dtype: 'f32', shape: [1], data: Float32Array.of(2.5) });
    // A Buffer, too, whose slice() would not copy.
    const shifted = Buffer.concat([Uint8Array.of(0), bytes]).subarray(1);
    expect(decode(shifted).tensors).toEqual(decode(bytes).tensors);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['too short', Uint8Array.of(1, 2), /x\.safetensors is not a safetensors file: it has 2 bytes/],
    ['a huge header', Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255), /header would have 18446744073709551615/],
    ['a header beyond the file', file({}, 0).subarray(0, 9), /cut short: its header ends at byte 10/],
    ['no JSON', file('{"a":', 0), /header is not JSON/],
    ['no object', file([], 0), /not a JSON object/],
    ['no offsets', file({ a: { dtype: 'F32', shape: [1] } }, 4), /tensor a must have a dtype, a shape/],
    ['an unknown type', file({ a: { ...f32([1], 0, 1), dtype: 'F8_E4M3' } }, 1), /tensor a as F8_E4M3/],
    ['a type called constructor', file({ a: { ...f32([1], 0, 1), dtype: 'constructor' } }, 1), /as constructor/],
    ['a negative extent', file({ a: f32([-1], 0, 4) }, 4), /impossible shape \[-1\]/],
    ['an overflowing shape', file({ a: f32([2 ** 40, 2 ** 40], 0, 4) }, 4), /impossible shape/],
    ['an absurd extent beside 0', file({ a: f32([0, 2 ** 60], 0, 0) }, 0), /impossible shape/],
    ['a range beyond the file', file({ a: f32([2], 0, 8) }, 4), /bytes 0 to 8, but the file has 4 bytes/],
    ['too few bytes', file({ a: f32([2], 0, 4) }, 4), /type F32 and shape 2 needs 8 bytes, but has 4/],
    ['an overlap', file({ a: f32([1], 0, 4), b: f32([1], 2, 6) }, 6), /tensor b overlaps/],
    ['a hole', file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12), /tensor b leaves 4 unused bytes/],
    ['bytes left over', file({ a: f32([1], 0, 4) }, 6), /2 bytes after the last tensor/],
    [
      'a name twice',
      file(`{"a":${JSON.stringify(f32([0], 0, 0))},"\\u0061":${JSON.stringify(f32([0], 0, 0))}}`, 0),
      /lists tensor a twice/,
    ],
    ['metadata that is no text', file({ __metadata__: { a: 1 } }, 0), /__metadata__ must map names to strings/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decode(bytes)).toThrow(message);
  });

  it('refuses to write what does not fit', () => {
    const wrong: StateDict = new Map([['w', { dtype: 'f32', shape: [3], data: new Float32Array(2) }]]);
    expect(() => encodeSafetensors(wrong)).toThrow('Tensor w of shape 3 needs 3 f32 values, but has 2.');
    const reserved: StateDict = new Map([['__metadata__', { dtype: 'f32', shape: [0], data: new Float32Array(0) }]]);
    expect(() => encodeSafetensors(reserved)).toThrow(/cannot be called __metadata__/);
  });

  it('survives damage', async () => {
    await expectOnlyInputErrors(encodeSafetensors(everyType, { a: 'b' }), decode);
  });
});

/** @file The protocol buffer wire format, as much of it as checkpoint indexes use. Format: protobuf.dev/programming-guides/encoding. */

/** One field of a message: varints and fixed32 as numbers, everything else as bytes. */
interface ProtoField {
  field: number;
  value: number | Uint8Array;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/**
 * The unsigned varint at byte `at`, and the offset after it. Numbers beyond 2⁵³ are read as signed 64-bit ones, which
 * is how protocol buffers store negative numbers.
 * @throws RangeError when the bytes end inside of it.
 */
export function readVarint(bytes: Uint8Array, at: number): { value: number; end: number } {
  let value = 0;
  let exact = 0n;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) break;
    // Seven bytes fit a double's 53 bits.
    if (i < 7) value += (byte & 127) * 2 ** (7 * i);
    else exact |= BigInt(byte & 127) << BigInt(7 * i);
    if (byte < 128) {
      if (i >= 7) value = Number(BigInt.asIntN(64, exact | BigInt(value)));
      return { value, end: at + i + 1 };
    }
  }
  throw new RangeError('A varint does not end.');
}

/**
 * The fields of a message in file order.
 * @throws RangeError when the message is cut short or uses an unknown wire type.
 */
export function* readFields(bytes: Uint8Array): Generator<ProtoField> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (length: number) => {
    if (at + length > bytes.length) throw new RangeError('A field is cut short.');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const varint = () => {
    const { value, end } = readVarint(bytes, at);
    at = end;
    return value;
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    switch (tag % 8) {
      case VARINT:
        yield { field, value: varint() };
        break;
      case FIXED64:
        yield { field, value: take(8) };
        break;
      case BYTES: {
        const length = varint();
        if (length < 0) throw new RangeError('A field has a negative length.');
        yield { field, value: take(length) };
        break;
      }
      case FIXED32: {
        const start = at;
        take(4);
        yield { field, value: view.getUint32(start, true) };
        break;
      }
      default:
        throw new RangeError('A field has an unknown wire type.');
    }
  }
}

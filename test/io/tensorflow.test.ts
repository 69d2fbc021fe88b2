import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { HostTensor, StateDict } from '../../src/core/tensor.ts';
import { sizeOf } from '../../src/core/tensor.ts';
import { crc32, crc32c, maskCrc } from '../../src/io/crc32.ts';
import { readTable } from '../../src/io/sstable.ts';
import { decodeTensorFlowIndex, readTensorFlowCheckpoint } from '../../src/io/tensorflow.ts';
import { describeWithShared } from '../shared.ts';
import { expectOnlyInputErrors } from './corrupt.ts';
import { ByteWriter, encodeTable, encodeTensorFlowCheckpoint } from './tensorflow_writer.ts';

const text = (value: string) => new TextEncoder().encode(value);

describe('checksums', () => {
  it('agree with published values', () => {
    expect(crc32(text('123456789'))).toBe(0xcbf43926);
    expect(crc32c(text('123456789'))).toBe(0xe3069283);
    // RFC 3720 B.4: 32 bytes of zeros, of ones, ascending.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });
});

describe('table', () => {
  it('gives back keys over many blocks, restarts and shared prefixes', () => {
    const entries = Array.from({ length: 1000 }, (_, i) => ({
      key: text(`RGB/layer_${String(i).padStart(5, '0')}/w`),
      value: text('v'.repeat(i % 40)),
    }));
    expect(readTable(encodeTable(entries), 'x.index')).toEqual(entries);
    expect(readTable(encodeTable([]), 'x.index')).toEqual([]);
  });
});

/** A checkpoint of one entry with a hand-made BundleEntryProto. */
function index(entry: ByteWriter, header = new ByteWriter().varintField(1, 1)): Uint8Array {
  return encodeTable([
    { key: text(''), value: header.finish() },
    { key: text('v'), value: entry.finish() },
  ]);
}

const small: StateDict = new Map<string, HostTensor>([
  ['b/i64', { dtype: 'i64', shape: [], data: BigInt64Array.of(-3n) }],
  ['b/w', { dtype: 'f32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
  ['a/u8', { dtype: 'u8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
  ['empty', { dtype: 'f32', shape: [0, 5], data: new Float32Array(0) }],
]);

describe('TensorFlow checkpoints', () => {
  it('gives back every tensor, sorted by name', async () => {
    const { index, data } = encodeTensorFlowCheckpoint(small);
    const tensors = await readTensorFlowCheckpoint(index, () => data, 'x.index');
    expect([...tensors.keys()]).toEqual(['a/u8', 'b/i64', 'b/w', 'empty']);
    for (const [name, tensor] of tensors) expect(tensor).toEqual(small.get(name));
  });

  it('names the tensor whose bytes were altered', async () => {
    const { index, data } = encodeTensorFlowCheckpoint(small);
    data[data.length - 1]! ^= 1;
    await expect(readTensorFlowCheckpoint(index, () => data, 'x.ckpt.index')).rejects.toThrow(
      'x.ckpt.data-00000-of-00001 is damaged: tensor b/w does not match its checksum.',
    );
    await expect(readTensorFlowCheckpoint(index, () => data.subarray(0, 20), 'x.ckpt.index')).rejects.toThrow(
      'x.ckpt.data-00000-of-00001 is cut short: tensor b/w ends at byte 27, but the file has 20 bytes.',
    );
  });

  it('reads the shard that an entry names', async () => {
    const data = Uint8Array.of(5);
    const entry = new ByteWriter()
      .varintField(1, 4)
      .bytesField(2, new Uint8Array(0))
      .varintField(3, 2)
      .varintField(5, 1)
      .fixed32Field(6, maskCrc(crc32c(data)));
    const asked: number[][] = [];
    const tensors = await readTensorFlowCheckpoint(
      index(entry, new ByteWriter().varintField(1, 3)),
      async (...shard) => {
        asked.push(shard);
        return data;
      },
      'x.index',
    );
    expect(asked).toEqual([[2, 3]]);
    expect(tensors.get('v')).toEqual({ dtype: 'u8', shape: [], data });
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['slices', index(new ByteWriter().varintField(1, 1).bytesField(7, new Uint8Array(0))), /stores v in slices/],
    ['complex numbers', index(new ByteWriter().varintField(1, 8)), /v as TensorFlow type 8/],
    [
      'a lying size',
      index(new ByteWriter().varintField(1, 1).varintField(5, 2 ** 40)),
      /v of type f32 and shape scalar needs 4/,
    ],
    ['big-endian', index(new ByteWriter(), new ByteWriter().varintField(1, 1).varintField(2, 1)), /big-endian machine/],
    ['no shards', index(new ByteWriter(), new ByteWriter()), /names no data file/],
    [
      'a missing shard',
      index(new ByteWriter().varintField(1, 1).varintField(3, 1)),
      /v is in shard 1, but there are 1/,
    ],
    ['the V1 format', index(new ByteWriter(), new ByteWriter().bytesField(1, text('x'))), /V1 format/],
    ['no header', encodeTable([]), /has no header/],
    ['no table', text('hello'), /not a TensorFlow checkpoint index/],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(readTensorFlowCheckpoint(bytes, () => new Uint8Array(8), 'x.index')).rejects.toThrow(message);
  });

  it('leaves out strings', async () => {
    const bytes = index(new ByteWriter().varintField(1, 7).varintField(5, 9));
    expect((await readTensorFlowCheckpoint(bytes, () => new Uint8Array(9), 'x.index')).size).toBe(0);
  });

  it('refuses a compressed index', () => {
    const { index: bytes } = encodeTensorFlowCheckpoint(small);
    // The first block ends where its checksum, which must match for the type byte to be believed, begins.
    const end = bytes.length - 48;
    for (let at = 0; at < end - 4; at++) {
      const contents = bytes.slice(0, at + 1);
      const view = new DataView(bytes.buffer, at + 1, 4);
      if (contents[at] !== 0 || maskCrc(crc32c(contents)) !== view.getUint32(0, true)) continue;
      bytes[at] = 1;
      view.setUint32(0, maskCrc(crc32c(bytes.subarray(0, at + 1))), true);
    }
    expect(() => decodeTensorFlowIndex(bytes, 'x.index')).toThrow(/x\.index is compressed with snappy/);
  });

  it('survives damage', async () => {
    const { index, data } = encodeTensorFlowCheckpoint(small);
    await expectOnlyInputErrors(index, (damaged) => readTensorFlowCheckpoint(damaged, () => data, 'x.index'));
  });
});

const published = ['rgb_imagenet', 'flow_imagenet', 'rgb_scratch_kin600'].map(
  (name) => `checkpoints/deepmind/${name}.ckpt.index`,
);

describeWithShared('the published I3D checkpoints', published, (rgb, flow, kin600) => {
  const read = (path: string) => {
    const { entries, ...header } = decodeTensorFlowIndex(readFileSync(path), path);
    return { header, entries, shapes: new Map(entries.map(({ name, shape }) => [name, shape])) };
  };

  it.each([
    ['RGB', rgb, 3],
    ['Flow', flow, 2],
  ])('lists the tensors of %s', (scope, path, channels) => {
    const { header, entries, shapes } = read(path);
    expect(header).toEqual({ numShards: 1, endianness: 'little' });
    // 57 convolutions with batch norm (weight, beta, mean, variance), and the logits (weight, bias).
    expect(shapes.size).toBe(57 * 4 + 2);
    const at = (name: string) => shapes.get(`${scope}/inception_i3d/${name}`);
    expect(at('Conv3d_1a_7x7/conv_3d/w')).toEqual([7, 7, 7, channels, 64]);
    expect(at('Mixed_5b/Branch_2/Conv3d_0a_3x3/conv_3d/w')).toEqual([3, 3, 3, 32, 128]);
    expect(at('Mixed_5c/Branch_1/Conv3d_0b_3x3/batch_norm/moving_variance')).toEqual([384]);
    expect(at('Logits/Conv3d_0c_1x1/conv_3d/b')).toEqual([400]);
    expect(at('Logits/Conv3d_0c_1x1/conv_3d/w')).toEqual([1, 1, 1, 1024, 400]);
    // The tensors fill the data file without gaps.
    let end = 0;
    for (const { dtype, shape, offset, size } of entries) {
      expect([dtype, offset, size]).toEqual(['f32', end, 4 * sizeOf(shape)]);
      end += size;
    }
  });

  it('lists the 600 class checkpoint with its optimizer state', () => {
    const { entries, shapes } = read(kin600);
    // Momentum belongs to the 57 weights and betas, and to the weight and bias of the logits.
    expect(entries.length).toBe(230 + 57 * 2 + 2);
    expect(shapes.get('Logits/Conv3d_0c_1x1/conv_3d/b')).toEqual([600]);
    expect(shapes.get('Mixed_5b/Branch_2/Conv3d_0a_3x3/conv_3d/w/Momentum')).toEqual([3, 3, 3, 32, 128]);
  });

  it('writes and reads these names, and finds a flipped byte', async () => {
    const tensors: StateDict = new Map();
    for (const { name } of read(rgb).entries) {
      tensors.set(name, { dtype: 'f32', shape: [2], data: Float32Array.of(tensors.size, 0.5) });
    }
    const { index, data } = encodeTensorFlowCheckpoint(tensors);
    expect(await readTensorFlowCheckpoint(index, () => data, rgb)).toEqual(tensors);
    const [name] = [...tensors.keys()].slice(100);
    data[100 * 8 + 3]! ^= 0x10;
    await expect(readTensorFlowCheckpoint(index, () => data, rgb)).rejects.toThrow(`tensor ${name} does not match`);
  });

  it('finds flipped bytes all over an index', () => {
    const bytes = readFileSync(rgb);
    for (let at = 0; at < bytes.length - 48; at += 97) {
      const damaged = new Uint8Array(bytes);
      damaged[at]! ^= 4;
      expect(() => decodeTensorFlowIndex(damaged, 'x.index'), `byte ${at}`).toThrow(/x\.index is damaged/);
    }
  });
});

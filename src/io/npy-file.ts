/** @file Parts of an array in a `.npy` file, read without the rest; and the only array of an `.npz`. Node only. */

import { type DType, type HostTensor, type Shape, sizeOf, type TypedArrayOf } from '../core/tensor.ts';
import { fileError, itemSize } from './bytes.ts';
import { checkNpySize, decodeElements, MOST_HEADER_BYTES, type NpyHeader, permuteAxes, readNpyHeader } from './npy.ts';
import { memorySource, openRandomAccess, type RandomAccess } from './random-access.ts';
import { isZip, Zip } from './zip.ts';

/** Pieces of at least so many bytes are read one by one; smaller ones together with what lies between them. */
const PIECE_BYTES = 2 ** 16;
/** Bytes that are read at once where pieces are small. */
const BLOCK_BYTES = 2 ** 24;
const MOST_NPZ_BYTES = 2 ** 31 - 1;
const ADVICE = 'give a .npy file';

export class NpyFile {
  private constructor(
    private readonly bytes: RandomAccess,
    private readonly header: NpyHeader,
  ) {}

  /** @throws InputError when the file is missing, damaged, cut short, or no `.npy`, nor an `.npz` with one array. */
  static async open(path: string): Promise<NpyFile> {
    let bytes = await openRandomAccess(path, ADVICE);
    try {
      const start = await bytes.read(0, Math.min(4, bytes.size));
      if (isZip(start)) {
        const file = bytes;
        bytes = await onlyArray(path, file);
        await file.close();
      }
      const header = readNpyHeader(await bytes.read(0, Math.min(MOST_HEADER_BYTES, bytes.size)), path);
      checkNpySize(header, bytes.size, path);
      return new NpyFile(bytes, header);
    } catch (error) {
      await bytes.close();
      throw error;
    }
  }

  get dtype(): DType {
    return this.header.dtype;
  }

  get shape(): Shape {
    return this.header.shape;
  }

  /** Whether a part of an axis lies scattered over the file, so that it takes a look at much of it. */
  isScattered(axis: number): boolean {
    const { shape, at } = this.stored(axis);
    return sizeOf(shape.slice(0, at)) > 1 && sizeOf(shape.slice(at + 1)) * itemSize(this.dtype) < PIECE_BYTES;
  }

  /**
   * `count` places of an axis, from `start` on.
   * @param axes The order of axes that the result is to have. Those that are left out have the extent 1.
   * @throws InputError when the file ends before them, or they do not fit into memory.
   */
  async read(axis: number, start: number, count: number, axes: readonly number[]): Promise<HostTensor> {
    const { dtype } = this;
    const { shape, at } = this.stored(axis);
    const part = shape.with(at, count);
    const data = decodeElements(this.header, await this.gather(shape, at, start, count), 0, sizeOf(part));
    const places = axes.map((each) => this.stored(each).at);
    return {
      dtype,
      shape: places.map((place) => part[place]!),
      data: permuteAxes(dtype, data as TypedArrayOf[DType], part, places),
    };
  }

  close(): Promise<void> {
    return this.bytes.close();
  }

  /** The extents from the slowest axis to the fastest, and which of them an axis of the array is. */
  private stored(axis: number): { readonly shape: Shape; readonly at: number } {
    const { shape, columnMajor } = this.header;
    return columnMajor ? { shape: shape.toReversed(), at: shape.length - 1 - axis } : { shape, at: axis };
  }

  private async gather(shape: Shape, at: number, start: number, count: number): Promise<Uint8Array> {
    const from = this.header.start;
    const inner = sizeOf(shape.slice(at + 1)) * itemSize(this.dtype);
    const rows = sizeOf(shape.slice(0, at));
    const row = shape[at]! * inner;
    const piece = count * inner;
    if (rows === 1) return this.bytes.read(from + start * inner, piece);
    const all = new Uint8Array(rows * piece);
    const together = piece >= PIECE_BYTES ? 1 : Math.max(1, Math.floor(BLOCK_BYTES / row));
    for (let first = 0; first < rows; first += together) {
      const some = Math.min(together, rows - first);
      const block = await this.bytes.read(from + first * row + start * inner, (some - 1) * row + piece);
      for (let i = 0; i < some; i++) all.set(block.subarray(i * row, i * row + piece), (first + i) * piece);
    }
    return all;
  }
}

/** @throws InputError when a zip file does not hold one array. */
async function onlyArray(path: string, file: RandomAccess): Promise<RandomAccess> {
  const advice = "save the one that is meant by itself, np.save('clip.npy', x)";
  if (file.size > MOST_NPZ_BYTES) throw fileError(`${path} is an .npz of more than 2 GiB; ${advice}.`);
  const zip = new Zip(await file.read(0, file.size), path);
  const names = zip.names().filter((name) => name.endsWith('.npy'));
  const [name] = names;
  if (name === undefined) throw fileError(`${path} is a zip file without arrays; ${ADVICE}.`);
  if (names.length > 1) {
    const list = names.map((each) => each.replace(/\.npy$/, '')).join(', ');
    throw fileError(`${path} holds ${names.length} arrays: ${list}; ${advice}.`);
  }
  return memorySource(zip.read(name));
}

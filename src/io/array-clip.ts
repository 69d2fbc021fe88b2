/**
 * @file Frames or flow in a `.npy` array, in whatever layout and number type they come, a part at a time: an array may be larger
 * than memory. Node only.
 */

import { extname } from 'node:path';
import { toFloat32 } from '../core/half.ts';
import { type DType, type FloatTensor, formatShape, type HostTensor, type Shape } from '../core/tensor.ts';
import { type ArrayKind, type ArrayLayout, findLayout } from './array-layout.ts';
import { fileError, itemSize } from './bytes.ts';
import { NpyFile } from './npy-file.ts';

const FLOATS: ReadonlySet<DType> = new Set(['f32', 'f64', 'f16']);
/** A little more than 1, for what was rounded. */
const ROUNDED = 1.001;
/** Bytes of an array that are read at once; more where each read has to look at much of the file. */
const PART_BYTES = 2 ** 26;
const SCATTERED_PART_BYTES = 2 ** 28;

export interface ArrayClipOptions {
  /** Whether values are to lie in −1 … 1, the network's own range. Frames' always are. */
  readonly scaled?: boolean;
}

/** True for files that hold arrays, by their names. */
export function isArrayPath(path: string): boolean {
  return ['.npy', '.npz'].includes(extname(path).toLowerCase());
}

/** An array as T×H×W×C. */
export class ArrayClip {
  readonly frames: number;
  /** Pixels. */
  readonly height: number;
  readonly width: number;
  /** Frames are bytes (0 … 255) or float32 (−1 … 1); flow is always float32. */
  readonly isFloat: boolean;
  private least = Number.POSITIVE_INFINITY;
  private most = Number.NEGATIVE_INFINITY;

  private constructor(
    private readonly path: string,
    private readonly kind: ArrayKind,
    private readonly scaled: boolean,
    private readonly file: NpyFile,
    private readonly layout: ArrayLayout,
  ) {
    const { shape } = file;
    this.frames = shape[layout.time]!;
    this.height = shape[layout.row]!;
    this.width = shape[layout.column]!;
    this.isFloat = FLOATS.has(file.dtype);
  }

  /** @throws InputError when the file is missing, damaged, or no array of this kind. */
  static async open(path: string, kind: ArrayKind, options: ArrayClipOptions = {}): Promise<ArrayClip> {
    const file = await NpyFile.open(path);
    try {
      const { dtype, shape } = file;
      const layout = findLayout(kind, dtype, shape, path);
      if (!FLOATS.has(dtype) && !(kind === 'frames' && dtype === 'u8')) throw wrongType(path, kind, dtype, shape);
      return new ArrayClip(path, kind, kind === 'frames' || options.scaled === true, file, layout);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Frames that are read at once by those who want all. */
  get part(): number {
    const { shape, dtype } = this.file;
    const bytes = this.height * this.width * shape[this.layout.channel]! * itemSize(dtype);
    const limit = this.file.isScattered(this.layout.time) ? SCATTERED_PART_BYTES : PART_BYTES;
    return Math.max(1, Math.floor(limit / bytes));
  }

  /**
   * Frames `start` to `start + count − 1`, T×H×W×C, as they are: bytes, or float32.
   * @throws InputError for a value that is no number or out of range, with its place; or when they do not fit into memory.
   */
  async read(start: number, count: number): Promise<HostTensor<'u8'> | FloatTensor> {
    const { time, row, column, channel } = this.layout;
    const part = await this.file.read(time, start, count, [time, row, column, channel]);
    if (!this.isFloat) return part as HostTensor<'u8'>;
    const values = toFloat32(part, this.path);
    this.check(values, start);
    return values;
  }

  /** @throws as `read` does; flow, and frames that are floats. */
  async readFloats(start: number, count: number): Promise<FloatTensor> {
    return (await this.read(start, count)) as FloatTensor;
  }

  /** The same as bytes: −1 … 1 are bytes that were normalised. */
  async readBytes(start: number, count: number): Promise<HostTensor<'u8'>> {
    const part = await this.read(start, count);
    return part.dtype === 'u8' ? part : { dtype: 'u8', shape: part.shape, data: bytesOf(part.data) };
  }

  /** What is doubtful about what was read so far, one sentence each. */
  warnings(): string[] {
    if (!(this.most > 0)) return [];
    if (this.kind === 'frames' && this.isFloat && this.least >= 0) {
      return [
        `${this.path}: none of its values is negative, as if they lay in 0 … 1; the network wants −1 … 1, which is x * 2 - 1.`,
      ];
    }
    const small = this.most <= ROUNDED && this.least >= -ROUNDED;
    if (this.kind === 'flow' && !this.scaled && small) {
      return [
        `${this.path}: none of its values is beyond ±1 pixel, as if they were divided by 20 already; if so, give --flow-units scaled.`,
      ];
    }
    return [];
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private check({ data, shape }: FloatTensor, start: number): void {
    let { least, most } = this;
    for (let i = 0; i < data.length; i++) {
      const value = data[i]!;
      if (!Number.isFinite(value)) {
        throw fileError(`${this.path} holds ${value}, a value that is no finite number, ${placeOf(i, shape, start)}.`);
      }
      if (value < least) least = value;
      if (value > most) most = value;
    }
    this.least = least;
    this.most = most;
    if (!this.scaled || Math.max(most, -least) <= ROUNDED) return;
    const extreme = most >= -least ? most : least;
    const found = `${this.path} holds values up to ${Number(extreme.toPrecision(6))}, ${placeOf(data.indexOf(extreme), shape, start)}`;
    if (this.kind === 'flow') throw fileError(`${found}; scaled flow must lie in −1 … 1.`);
    const looksLikeBytes = least >= 0 && most > 1.5 && most <= 255.5;
    const advice = looksLikeBytes ? 'if these are 0 … 255, save x.astype(np.uint8)' : 'save uint8, or x / 127.5 - 1';
    throw fileError(`${found}; RGB frames as float32 must lie in −1 … 1: ${advice}.`);
  }
}

function bytesOf(values: Float32Array): Uint8Array {
  const bytes = new Uint8ClampedArray(values.length);
  // Stored rounded and within 0 … 255.
  for (let i = 0; i < values.length; i++) bytes[i] = (values[i]! + 1) * 127.5;
  return new Uint8Array(bytes.buffer);
}

function placeOf(index: number, [, height = 0, width = 0, channels = 0]: Shape, start: number): string {
  const pixel = Math.floor(index / channels);
  const frame = start + Math.floor(pixel / (height * width));
  return `at frame ${frame}, row ${Math.floor(pixel / width) % height}, column ${pixel % width}, channel ${index % channels}`;
}

function wrongType(path: string, kind: ArrayKind, dtype: DType, shape: Shape): Error {
  const advice: Partial<Record<DType, string>> = {
    bool: 'x.astype(np.uint8) * 255',
    u16: 'x.astype(np.uint8) where values go to 255, (x // 257).astype(np.uint8) where they go to 65535',
  };
  const wanted =
    kind === 'flow'
      ? 'flow is float32 T×H×W×2, u then v: x.astype(np.float32), in pixels'
      : `frames are uint8, 0 … 255, or float32, −1 … 1: save ${advice[dtype] ?? 'x.astype(np.uint8), if its values are 0 … 255'}`;
  return fileError(`${path} holds ${dtype} ${formatShape(shape)}; ${wanted}.`);
}

/** @file Where computed flow goes: an array, one `.flo`, a folder of files, or pictures in colour; group by group. */

import { type FileHandle, open } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { type FloatTensor, floatTensor, formatShape, type HostTensor } from '../../core/tensor.ts';
import { flowToColor } from '../../flow/index.ts';
import { checkWritable, explainWriteError, makeFolder, writeAside, writeFileAtomic } from '../../io/atomic.ts';
import { encodePng, writeVideo } from '../../io/encode.ts';
import { encodeFlo } from '../../io/flo.ts';

export type FolderFormat = 'flo' | 'png';

interface OutputOptions {
  /** What a folder is filled with. */
  readonly format: FolderFormat;
  /** Length that gets the full colour, in pixels; where left out, the longest of the first group. */
  readonly maxLength?: number | undefined;
  /** Frames per second (Hz) of a video. */
  readonly fps: number;
}

/** Groups of flow, T×H×W×2 in pixels. */
type FlowGroups = AsyncIterable<FloatTensor>;

/**
 * Writes flow to `path`; its extension says how, and without one it is a folder.
 * @returns How many pairs were written.
 * @throws InputError when it cannot be written there.
 */
export async function writeFlow(path: string, groups: FlowGroups, options: OutputOptions): Promise<number> {
  const counted = new Counted(groups);
  switch (extname(path).toLowerCase()) {
    case '.npy':
      await writeArray(path, counted);
      break;
    case '.flo':
      await checkWritable(path);
      await writeFileAtomic(path, encodeFlo(await only(counted, path, 'give a folder, a .npy or an .mp4')));
      break;
    case '.png': {
      await checkWritable(path);
      const flow = await only(counted, path, 'give a folder with --format png, or an .mp4');
      await writeFileAtomic(path, await toPng(flowToColor(flow, lengthOf(flow, options))));
      break;
    }
    case '.mp4':
      await writeColorVideo(path, counted, options);
      break;
    case '':
      await writeFolder(path, counted, options);
      break;
    default:
      throw new InputError(
        `${path} has an extension that flow is not written as; use .npy, .flo, .png, .mp4, or none for a folder.`,
      );
  }
  return counted.pairs;
}

/** @throws InputError when `writeFlow` would not know what to do with the path. */
export function checkOutput(path: string): void {
  if (!['.npy', '.flo', '.png', '.mp4', ''].includes(extname(path).toLowerCase())) {
    throw new InputError(`${path} must end in .npy, .flo, .png or .mp4, or name a folder.`);
  }
}

class Counted implements FlowGroups {
  pairs = 0;

  constructor(private readonly groups: FlowGroups) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<FloatTensor, void, undefined> {
    for await (const group of this.groups) {
      this.pairs += group.shape[0]!;
      yield group;
    }
  }
}

/** The single flow of a single pair, H×W×2. */
async function only(groups: FlowGroups, path: string, advice: string): Promise<FloatTensor> {
  for await (const group of groups) {
    if (group.shape[0] !== 1)
      throw new InputError(`${path} holds the flow of one pair, and there are more; ${advice}.`);
    return frameOf(group, 0);
  }
  throw new InputError('There is no flow to write.');
}

function frameOf(flow: FloatTensor, index: number): FloatTensor {
  const shape = flow.shape.slice(1);
  const size = flow.data.length / flow.shape[0]!;
  return floatTensor(shape, flow.data.subarray(index * size, (index + 1) * size));
}

/** The array grows in a file beside the target, since its length is known only at the end. */
async function writeArray(path: string, groups: FlowGroups): Promise<void> {
  await writeAside(path, async (part) => {
    const file = await open(part, 'r+');
    const write = async (bytes: Uint8Array, position: number): Promise<void> => {
      try {
        await writeWhole(file, bytes, position);
      } catch (error) {
        throw explainWriteError(error, path);
      }
    };
    try {
      let [frames, end] = [0, HEADER];
      let rest: readonly number[] = [];
      for await (const { shape, data } of groups) {
        frames += shape[0]!;
        rest = shape.slice(1);
        await write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), end);
        end += data.byteLength;
      }
      if (frames === 0) throw new InputError('There is no flow to write.');
      await write(npyHeader([frames, ...rest]), 0);
    } finally {
      await file.close();
    }
  });
}

/** A disk that is nearly full takes a part of the bytes and says so by their number only. */
async function writeWhole(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
}

const HEADER = 128;

/** NumPy's header, version 1, of a fixed size, so that it can be written last. */
function npyHeader(shape: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(HEADER).fill(0x20);
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`;
  if (text.length > HEADER - 11) throw new InputError(`Flow of ${formatShape(shape)} cannot be written.`);
  bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0]);
  new DataView(bytes.buffer).setUint16(8, HEADER - 10, true);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes[HEADER - 1] = 0x0a;
  return bytes;
}

async function writeFolder(path: string, groups: FlowGroups, options: OutputOptions): Promise<void> {
  await makeFolder(path);
  await checkWritable(join(path, 'flow'));
  let number = 0;
  let scale: { maxLength: number } | undefined;
  for await (const group of groups) {
    scale ??= lengthOf(group, options);
    for (let i = 0; i < group.shape[0]!; i++) {
      const flow = frameOf(group, i);
      const name = join(path, `flow_${String(number++).padStart(5, '0')}.${options.format}`);
      await writeFileAtomic(name, options.format === 'flo' ? encodeFlo(flow) : await toPng(flowToColor(flow, scale)));
    }
  }
}

async function writeColorVideo(path: string, groups: FlowGroups, options: OutputOptions): Promise<void> {
  const iterator = groups[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) throw new InputError('There is no flow to write.');
  const [, height = 0, width = 0] = first.value.shape;
  const scale = lengthOf(first.value, options);
  async function* pictures(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let group = first; !group.done; group = await iterator.next()) {
      const { data } = flowToColor(group.value, scale);
      const size = height * width * 3;
      for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
    }
  }
  await writeVideo(path, pictures(), { width, height, fps: options.fps });
}

/** One scale for all pictures of a clip, so that colours mean the same in each. */
function lengthOf(flow: FloatTensor, { maxLength }: OutputOptions): { maxLength: number } {
  if (maxLength !== undefined) return { maxLength };
  let longest = 0;
  for (let i = 0; i < flow.data.length; i += 2) {
    longest = Math.max(longest, Math.hypot(flow.data[i]!, flow.data[i + 1]!));
  }
  return { maxLength: Math.max(longest, 1e-3) };
}

function toPng({ shape, data }: HostTensor<'u8'>): Promise<Uint8Array> {
  return encodePng(data, shape[1]!, shape[0]!);
}

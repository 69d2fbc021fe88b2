/** @file Loading and saving weights by path: picks the format by content. Node only. */

import { type FileHandle, open, stat } from 'node:fs/promises';
import { checkText } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import type { StateDict } from '../core/tensor.ts';
import { writeFileAtomic } from './atomic.ts';
import { isLegacyPyTorch, readPyTorch } from './pytorch.ts';
import { decodeSafetensors, encodeSafetensors, isSafetensors, type Safetensors } from './safetensors.ts';
import { isTable } from './sstable.ts';
import { dataFileName, readTensorFlowCheckpoint } from './tensorflow.ts';
import { isZip } from './zip.ts';

const FORMATS = 'a PyTorch .pt, a .safetensors file or a TensorFlow checkpoint (.index)';
/** A read may not exceed 2 GiB. */
const READ_BYTES = 2 ** 30;
const PROTO_OPCODE = 0x80;

/**
 * The weights in a file, by name. `path` is a PyTorch `.pt` (zip or legacy), a safetensors file, or a TensorFlow
 * checkpoint: its `.index`, its data file, or their common prefix. The extension does not matter otherwise.
 * @throws InputError when nothing is there, when it is no format of these, or when it is damaged.
 */
export async function loadWeights(path: string): Promise<StateDict> {
  return (await loadWeightsFile(path)).tensors;
}

interface WeightsFile extends Safetensors {
  /** A sentence about each part of the file that was left out though it may have been meant. */
  readonly warnings: readonly string[];
}

/** As `loadWeights`, with the metadata that safetensors files may have; of other formats they are empty. */
export async function loadWeightsFile(path: string): Promise<WeightsFile> {
  checkText('The path of the weights', path);
  const only = (tensors: StateDict): WeightsFile => ({ tensors, metadata: {}, warnings: [] });
  const index = await findTensorFlowIndex(path);
  if (index !== undefined) return only(await loadTensorFlow(index));
  const bytes = await readBytes(path);
  if (isZip(bytes) || isLegacyPyTorch(bytes)) return { metadata: {}, ...readPyTorch(bytes, path) };
  if (isSafetensors(bytes)) return { ...decodeSafetensors(bytes, path), warnings: [] };
  if (isTable(bytes)) return only(await loadTensorFlow(path, bytes));
  throw new InputError(`${path} ${describeUnknown(bytes)}; weights are ${FORMATS}.`);
}

/**
 * Writes a safetensors file; an existing one is replaced only once the new one is complete.
 * @throws InputError when a tensor's data does not fit its shape or the file cannot be written.
 */
export async function saveSafetensors(
  path: string,
  tensors: StateDict,
  metadata: Record<string, string> = {},
): Promise<void> {
  await writeFileAtomic(path, encodeSafetensors(tensors, metadata));
}

/** The index file that a prefix or a data file of a TensorFlow checkpoint stands for. */
async function findTensorFlowIndex(path: string): Promise<string | undefined> {
  const dataFile = /^(.+)\.data-\d{5}-of-\d{5}$/.exec(path);
  if (dataFile) return `${dataFile[1]}.index`;
  if (await isFile(path)) return undefined;
  return (await isFile(`${path}.index`)) ? `${path}.index` : undefined;
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => !found.isDirectory(),
    () => false,
  );
}

async function loadTensorFlow(indexPath: string, index?: Uint8Array): Promise<StateDict> {
  const readShard = async (shard: number, numShards: number) => {
    const path = dataFileName(indexPath, shard, numShards);
    if (!(await isFile(path))) {
      throw new InputError(`${indexPath} only lists the tensors: their data file ${path} must lie beside it.`);
    }
    return readBytes(path);
  };
  return readTensorFlowCheckpoint(index ?? (await readBytes(indexPath)), readShard, indexPath);
}

async function readBytes(path: string): Promise<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const { size } = await file.stat();
    const bytes = new Uint8Array(size);
    let length = 0;
    while (length < size) {
      const { bytesRead } = await file.read(bytes, length, Math.min(READ_BYTES, size - length), length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } catch (error) {
    throw explain(error, path);
  } finally {
    await file?.close();
  }
}

function explain(error: unknown, path: string): unknown {
  if (error instanceof RangeError) return new InputError(`${path} is too large to be read into memory.`);
  if (!(error instanceof Error)) return error;
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new InputError(`${path} does not exist; give the path of ${FORMATS}.`);
    case 'EISDIR':
      return new InputError(`${path} is a folder; give the path of a file in it: ${FORMATS}.`);
    case 'EACCES':
    case 'EPERM':
      return new InputError(`${path} may not be read; allow reading it.`);
    default:
      return new InputError(`${path} cannot be read: ${error.message}.`);
  }
}

const latin1 = new TextDecoder('latin1');
/** What people take for weights, by the bytes at an offset. */
const SIGNATURES: readonly (readonly [what: string, at: number, mark: string])[] = [
  ['is packed with gzip; unpack it first', 0, '\x1f\x8b'],
  ['is packed with xz; unpack it first', 0, '\xfd7zXZ'],
  ['is a 7z archive; unpack it first', 0, "7z\xbc\xaf'\x1c"],
  ['is a tar archive; unpack it first (or it was saved by PyTorch before 0.1.10)', 257, 'ustar'],
  ['is an HDF5 file, as Keras writes it', 0, '\x89HDF\r\n'],
  ['is one array of NumPy (.npy)', 0, '\x93NUMPY'],
];

/** What a file that holds no weights seems to be. */
function describeUnknown(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'is empty';
  const start = bytes.subarray(0, 512);
  if (!start.every((byte) => byte >= 0x20 || (byte >= 9 && byte <= 13))) {
    const known = SIGNATURES.find(([, at, mark]) => latin1.decode(bytes.subarray(at, at + mark.length)) === mark);
    if (known) return known[0];
    if (bytes[0] === PROTO_OPCODE) return 'is a pickle, but torch.save did not write it';
    return 'has a content that is not known';
  }
  const text = new TextDecoder().decode(start).trimStart();
  if (text.startsWith('version https://git-lfs')) return 'is a Git LFS pointer, not the file itself (run git lfs pull)';
  if (/^<(!doctype|html)/i.test(text)) return 'is a web page, perhaps a download that failed';
  return 'is a text file';
}

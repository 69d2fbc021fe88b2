/** @file Loading and saving weights by path: picks the format by content. Node only. */

import { type FileHandle, open, stat } from 'node:fs/promises';
import { checkText } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import type { StateDict } from '../core/tensor.ts';
import { writeFileAtomic } from './atomic.ts';
import { type DecodedWeights, decodeWeights, WEIGHT_FORMATS } from './decode_weights.ts';
import { encodeSafetensors } from './safetensors.ts';
import { isTable } from './sstable.ts';
import { dataFileName, readTensorFlowCheckpoint } from './tensorflow.ts';

/** A read may not exceed 2 GiB. */
const READ_BYTES = 2 ** 30;

/**
 * The weights in a file, by name. `path` is a PyTorch `.pt` (zip or legacy), a safetensors file, or a TensorFlow
 * checkpoint: its `.index`, its data file, or their common prefix. The extension does not matter otherwise.
 * @throws InputError when nothing is there, when it is no format of these, or when it is damaged.
 */
export async function loadWeights(path: string): Promise<StateDict> {
  return (await loadWeightsFile(path)).tensors;
}

/** As `loadWeights`, with the metadata that safetensors files may have; of other formats they are empty. */
export async function loadWeightsFile(path: string): Promise<DecodedWeights> {
  checkText('The path of the weights', path);
  const only = (tensors: StateDict): DecodedWeights => ({ tensors, metadata: {}, warnings: [] });
  const index = await findTensorFlowIndex(path);
  if (index !== undefined) return only(await loadTensorFlow(index));
  const bytes = await readBytes(path);
  return isTable(bytes) ? only(await loadTensorFlow(path, bytes)) : decodeWeights(bytes, path);
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
      return new InputError(`${path} does not exist; give the path of ${WEIGHT_FORMATS}.`);
    case 'EISDIR':
      return new InputError(`${path} is a folder; give the path of a file in it: ${WEIGHT_FORMATS}.`);
    case 'EACCES':
    case 'EPERM':
      return new InputError(`${path} may not be read; allow reading it.`);
    default:
      return new InputError(`${path} cannot be read: ${error.message}.`);
  }
}

/** @file Weights from the bytes of a file: their content says which format they are in. */

import { InputError } from '../core/errors.ts';
import { isLegacyPyTorch, readPyTorch } from './pytorch.ts';
import { decodeSafetensors, isSafetensors, type Safetensors } from './safetensors.ts';
import { isTable } from './sstable.ts';
import { isZip } from './zip.ts';

export const WEIGHT_FORMATS = 'a PyTorch .pt, a .safetensors file or a TensorFlow checkpoint (.index)';
const PROTO_OPCODE = 0x80;

/** The tensors of a file, with the metadata that safetensors may have; of other formats they are empty. */
export interface DecodedWeights extends Safetensors {
  /** A sentence about each part of the file that was left out though it may have been meant. */
  readonly warnings: readonly string[];
}

/**
 * @param source The file's name, for messages.
 * @throws InputError when it is no format of these, or when it is damaged; and for the index of a TensorFlow checkpoint, which is
 *   read together with its data files.
 */
export function decodeWeights(bytes: Uint8Array, source: string): DecodedWeights {
  if (isZip(bytes) || isLegacyPyTorch(bytes)) return { metadata: {}, ...readPyTorch(bytes, source) };
  if (isSafetensors(bytes)) return { ...decodeSafetensors(bytes, source), warnings: [] };
  if (isTable(bytes)) {
    throw new InputError(
      `${source} is the index of a TensorFlow checkpoint, which only lists the tensors: give its data files with it.`,
    );
  }
  throw new InputError(`${source} ${describeUnknown(bytes)}; weights are ${WEIGHT_FORMATS}.`);
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
  if (isWebPage(bytes)) return 'is a web page, perhaps a download that failed';
  if (text.startsWith('{') && text.includes('"weight_map"')) {
    return 'only lists the files of a model that was cut into several; join them into one file';
  }
  return 'is a text file';
}

/** Whether bytes begin as a web page does. */
export const isWebPage = (bytes: Uint8Array): boolean =>
  /^<(!doctype|html)/i.test(new TextDecoder().decode(bytes.subarray(0, 512)).trimStart());

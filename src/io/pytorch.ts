/**
 * @file State dicts that PyTorch's `torch.save` wrote: its zip format (since 1.6) and its legacy format. Nothing of
 * the file is executed. Formats: torch/serialization.py (`_save`, `_legacy_save`) and torch/_utils.py.
 */

import type { InputError } from '../core/errors.ts';
import type { StateDict } from '../core/tensor.ts';
import { counted } from '../core/words.ts';
import { asBytes, type ByteSource, copyBytes, fileError, MemoryBudget } from './bytes.ts';
import { unpickle } from './pickle.ts';
import type { PickleValue } from './pickle-objects.ts';
import { findStateDict, label } from './state-dict.ts';
import { materialize, PickledStorage, torchGlobal } from './torch-globals.ts';
import { isZip, Zip } from './zip.ts';

const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;
/** LONG1, 10 bytes, and the magic number. */
const LEGACY_MAGIC_BYTES = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/** True when `bytes` begin like PyTorch's legacy format, whatever the pickle protocol. */
export function isLegacyPyTorch(bytes: Uint8Array): boolean {
  // The first protocols write it in digits.
  const digits = `L${LEGACY_MAGIC}L\n.`;
  if (new TextDecoder('latin1').decode(bytes.subarray(0, digits.length)) === digits) return true;
  for (let start = 0; start <= 12; start++) {
    if (LEGACY_MAGIC_BYTES.every((byte, i) => bytes[start + i] === byte)) return true;
  }
  return false;
}

/**
 * The tensors of a checkpoint, in file order, dense and row-major. Wrappers such as `{ state_dict: … }` are opened, and what
 * DataParallel and torch.compile put before every name (`module.`, `_orig_mod.`) is removed; what is no tensor (an epoch, an
 * optimizer, the options of a command line) is read as plain data and left out. A whole module that was saved gives its state
 * dict; several networks in one file keep their keys before their names. Contiguous tensors are views: of `bytes` where stored and
 * aligned, else of one copy per storage, so tensors that share a storage in PyTorch share memory here.
 * @param bytes The file: an ArrayBuffer or a view of one.
 * @param source The file's name, for messages.
 * @throws InputError when the file is damaged, cut short, big-endian, would run programs or read files in Python, or holds no
 * state dict.
 */
export function decodePyTorch(bytes: ByteSource, source = 'The file'): StateDict {
  return readPyTorch(asBytes(bytes, 'decodePyTorch'), source).tensors;
}

/** As `decodePyTorch`, with a sentence about each part of the file that was left out though it may have been meant. */
export function readPyTorch(bytes: Uint8Array, source: string): { tensors: StateDict; warnings: string[] } {
  const { value, readStorage } = isZip(bytes) ? readZipFormat(bytes, source) : readLegacyFormat(bytes, source);
  const { tensors: described, left } = findStateDict(value, source);
  const budget = new MemoryBudget(source, bytes.length);
  const storages = new Map<string, Uint8Array>();
  const tensors: StateDict = new Map();
  for (const [name, tensor] of described) {
    const { key, content } = tensor.storage;
    let storage = content ?? storages.get(key);
    if (!storage) {
      storage = readStorage(tensor.storage);
      // One aligned copy per storage keeps all views of it cheap.
      if (storage.byteOffset % 8 !== 0) storage = copyBytes(storage);
      storages.set(key, storage);
    }
    tensors.set(name, materialize(name, tensor, storage, budget, source));
  }
  const others = left.length > 5 ? `${left.slice(0, 4).join(', ')} and ${left.length - 4} more` : left.join(', ');
  const warning = `${source} also holds ${others} beside the state dict that was taken; left out.`;
  return { tensors, warnings: left.length > 0 ? [fileError(warning).message] : [] };
}

interface Checkpoint {
  value: PickleValue;
  readStorage(storage: PickledStorage): Uint8Array;
}

function readZipFormat(bytes: Uint8Array, source: string): Checkpoint {
  const zip = new Zip(bytes, source);
  const pickleName = zip.names().find((name) => name === 'data.pkl' || name.endsWith('/data.pkl'));
  if (pickleName === undefined) {
    throw fileError(
      `${source} is a zip file, but not a PyTorch checkpoint: it has no data.pkl${insteadOf(zip.names())}.`,
    );
  }
  const folder = pickleName.slice(0, -'data.pkl'.length);
  if (zip.has(`${folder}constants.pkl`)) {
    throw fileError(`${source} is a TorchScript program; save its state_dict() with torch.save instead.`);
  }
  if (zip.has(`${folder}byteorder`) && new TextDecoder().decode(zip.read(`${folder}byteorder`)).trim() !== 'little') {
    throw bigEndian(source);
  }
  const { value } = unpickle(zip.read(pickleName), 0, {
    source,
    findGlobal: (module, name) => torchGlobal(module, name, source),
    persistentLoad: (id) => PickledStorage.fromPersistentId(id, source),
  });
  return {
    value,
    readStorage(storage) {
      const data = zip.read(`${folder}data/${storage.key}`);
      if (data.length < storage.byteLength) throw shortStorage(source, storage, data.length);
      return data;
    },
  };
}

/** What else a zip file seems to be. */
function insteadOf(names: readonly string[]): string {
  if (names.some((name) => name.endsWith('.npy'))) return ' but arrays of NumPy (.npz)';
  const checkpoint = names.find((name) => /\.(pt|pth|tar|bin|ckpt|pkl|safetensors|index)$/i.test(name));
  return checkpoint === undefined ? '' : `; unpack it and give ${checkpoint}`;
}

function readLegacyFormat(bytes: Uint8Array, source: string): Checkpoint {
  if (!isLegacyPyTorch(bytes)) {
    throw fileError(`${source} is not a PyTorch checkpoint: it begins neither like a zip file nor like torch.save.`);
  }
  const storages = new Map<string, PickledStorage>();
  let position = 0;
  const next = (): PickleValue => {
    const { value, end } = unpickle(bytes, position, {
      source,
      findGlobal: (module, name) => torchGlobal(module, name, source),
      persistentLoad(id) {
        // Of a whole module: its class, where the source of it lies, and that source.
        if (Array.isArray(id) && id[0] === 'module') return id[1] ?? null;
        const named = typeof id === 'string' && /^\('module', <class '([\w.]+)\.(\w+)'>/.exec(id);
        if (named) return torchGlobal(named[1]!, named[2]!, source);
        const storage = PickledStorage.fromPersistentId(id, source);
        storages.set(storage.key, storage);
        return storage;
      },
    });
    position = end;
    return value;
  };

  const magic = next();
  const protocol = next();
  if (magic !== LEGACY_MAGIC || protocol !== LEGACY_PROTOCOL) {
    throw fileError(
      `${source} is not a PyTorch checkpoint: its protocol is ${label(protocol)}, not ${LEGACY_PROTOCOL}.`,
    );
  }
  const system = next();
  if (system instanceof Map && system.get('little_endian') === false) throw bigEndian(source);
  const value = next();
  const keys = next();
  if (!Array.isArray(keys)) throw fileError(`${source} is damaged: its list of storages is missing.`);

  const views = new Map<string, Uint8Array>();
  const file = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const key of keys) {
    const storage = storages.get(label(key));
    if (!storage) throw fileError(`${source} is damaged: no tensor uses its storage ${label(key)}.`);
    const count = position + 8 <= bytes.length ? file.getBigUint64(position, true) : undefined;
    const end = position + 8 + storage.byteLength;
    if (count === undefined || end > bytes.length) {
      throw fileError(
        `${source} is cut short: storage ${storage.key} ends at byte ${end}, but the file has ${counted(bytes.length, 'byte')}.`,
      );
    }
    if (count !== BigInt(storage.count)) {
      throw fileError(
        `${source} is damaged: storage ${storage.key} has ${count} elements, but its tensors expect ${storage.count}.`,
      );
    }
    views.set(storage.key, bytes.subarray(position + 8, end));
    position = end;
  }
  return {
    value,
    readStorage(storage) {
      const data = views.get(storage.key);
      if (!data || data.length < storage.byteLength) throw shortStorage(source, storage, data?.length ?? 0);
      return data;
    },
  };
}

function bigEndian(source: string): InputError {
  return fileError(`${source} was saved on a big-endian machine; save it again on a little-endian one.`);
}

function shortStorage(source: string, storage: PickledStorage, bytes: number): InputError {
  return fileError(
    `${source} is damaged: storage ${storage.key} should have ${counted(storage.byteLength, 'byte')}, but has ${bytes}.`,
  );
}

/**
 * @file State dicts that PyTorch's `torch.save` wrote: its zip format (since 1.6) and its legacy format. Nothing of
 * the file is executed. Formats: torch/serialization.py (`_save`, `_legacy_save`) and torch/_utils.py.
 */

import type { InputError } from '../core/errors.ts';
import type { StateDict } from '../core/tensor.ts';
import { copyBytes, fileError, MemoryBudget } from './bytes.ts';
import { type PickleValue, unpickle } from './pickle.ts';
import { materialize, PickledStorage, PickledTensor, torchGlobal } from './torch-globals.ts';
import { isZip, Zip } from './zip.ts';

const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;
/** LONG1, 10 bytes, and the magic number. */
const LEGACY_MAGIC_BYTES = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/** Keys under which training scripts put the state dict. */
const WRAPPERS = ['state_dict', 'model_state_dict', 'model_state', 'model', 'net', 'weights', 'params'];

/** True when `bytes` begin like PyTorch's legacy format, whatever the pickle protocol. */
export function isLegacyPyTorch(bytes: Uint8Array): boolean {
  for (let start = 0; start <= 12; start++) {
    if (LEGACY_MAGIC_BYTES.every((byte, i) => bytes[start + i] === byte)) return true;
  }
  return false;
}

/**
 * The tensors of a checkpoint, in file order, dense and row-major. Wrappers such as `{ state_dict: … }` are opened and
 * the `module.` prefix of DataParallel is removed; entries that are no tensors (an epoch, an optimizer) are left out.
 * Contiguous tensors are views: of `bytes` where stored and aligned, else of one copy per storage, so tensors that
 * share a storage in PyTorch share memory here.
 * @param source The file's name, for messages.
 * @throws InputError when the file is damaged, cut short, big-endian, needs an import that a state dict does not need,
 * or holds no state dict.
 */
export function decodePyTorch(bytes: Uint8Array, source: string): StateDict {
  const { value, readStorage } = isZip(bytes) ? readZipFormat(bytes, source) : readLegacyFormat(bytes, source);
  const entries = findStateDict(value, source);
  const budget = new MemoryBudget(source, bytes.length);
  const storages = new Map<string, Uint8Array>();
  const tensors: StateDict = new Map();
  for (const [name, tensor] of entries) {
    const { key } = tensor.storage;
    let storage = storages.get(key);
    if (!storage) {
      storage = readStorage(tensor.storage);
      // One aligned copy per storage keeps all views of it cheap.
      if (storage.byteOffset % 8 !== 0) storage = copyBytes(storage);
      storages.set(key, storage);
    }
    tensors.set(name, materialize(name, tensor, storage, budget, source));
  }
  return tensors;
}

interface Checkpoint {
  value: PickleValue;
  readStorage(storage: PickledStorage): Uint8Array;
}

function readZipFormat(bytes: Uint8Array, source: string): Checkpoint {
  const zip = new Zip(bytes, source);
  const pickleName = zip.names().find((name) => name === 'data.pkl' || name.endsWith('/data.pkl'));
  if (pickleName === undefined) {
    throw fileError(`${source} is a zip file, but not a PyTorch checkpoint: it has no data.pkl.`);
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
        `${source} is cut short: storage ${storage.key} ends at byte ${end}, but the file has ${bytes.length} bytes.`,
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

/** Opens wrappers, then collects the tensors by name. */
function findStateDict(value: PickleValue, source: string): Map<string, PickledTensor> {
  let dict = value;
  // A wrapper within a wrapper occurs; more is a dict that contains itself.
  for (let depth = 0; depth < 4 && dict instanceof Map; depth++) {
    const entries = [...dict].filter((entry): entry is [string, PickledTensor] => {
      return typeof entry[0] === 'string' && entry[1] instanceof PickledTensor;
    });
    if (entries.length > 0) return new Map(stripPrefix(entries));
    const outer = dict;
    const wrapper = WRAPPERS.find((key) => outer.get(key) instanceof Map);
    if (wrapper === undefined) break;
    dict = outer.get(wrapper)!;
  }
  const found =
    dict instanceof Map ? `a dict with the keys ${[...dict.keys()].slice(0, 8).map(label).join(', ')}` : 'no dict';
  throw fileError(`${source} holds no state dict: it has ${found}, where names with tensors were expected.`);
}

function stripPrefix(entries: [string, PickledTensor][]): [string, PickledTensor][] {
  const prefix = 'module.';
  if (!entries.every(([name]) => name.startsWith(prefix))) return entries;
  return entries.map(([name, tensor]) => [name.slice(prefix.length), tensor]);
}

/** A name or number of a pickle; other values may be nested too deeply to be printed. */
function label(value: PickleValue): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '(no name)';
}

function bigEndian(source: string): InputError {
  return fileError(`${source} was saved on a big-endian machine; save it again on a little-endian one.`);
}

function shortStorage(source: string, storage: PickledStorage, bytes: number): InputError {
  return fileError(
    `${source} is damaged: storage ${storage.key} should have ${storage.byteLength} bytes, but has ${bytes}.`,
  );
}

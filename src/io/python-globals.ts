/**
 * @file What else a checkpoint's pickle may import: Python's own types, NumPy's, and the classes of the program that wrote it, such
 * as the options of its command line. Containers become plain ones; anything else stands for itself, with what the file says of it,
 * and nothing of it is run. Only names that have no place beside weights and do harm when Python loads them are refused.
 */

import type { InputError } from '../core/errors.ts';
import { fileError } from './bytes.ts';
import { type PickleDict, PickledInstance, PickleGlobal, type PickleValue } from './pickle-objects.ts';

/** Modules that run programs, load code, or reach files and other machines. */
const HARMFUL_MODULES =
  /^(os|posix|nt|sys|subprocess|commands|shutil|socket|importlib|imp|runpy|pkgutil|pty|ctypes|code|codeop|webbrowser|pickle|_pickle|cPickle|marshal|pdb|bdb|timeit|profile|cProfile|asyncio|multiprocessing|signal|http|urllib2?|requests|pip|ensurepip|venv|distutils|setuptools|torch\.(serialization|hub|jit|package|utils\.cpp_extension))(\.|$)/;
const HARMFUL_BUILTINS =
  /^(eval|exec|execfile|compile|open|file|input|raw_input|breakpoint|help|apply|reload|globals|locals|vars|setattr|delattr|exit|quit)$/;
const BUILTIN_MODULES = new Set(['builtins', '__builtin__']);

/**
 * Resolves an import that has nothing to do with tensors.
 * @throws InputError for names that do harm in Python.
 */
export function pythonGlobal(module: string, name: string, source: string): PickleGlobal {
  const fullName = `${module}.${name}`;
  const builtin = BUILTIN_MODULES.has(module);
  const harmful = HARMFUL_MODULES.test(module) && fullName !== 'torch.serialization._get_layout';
  // Attributes such as __globals__; copyreg has functions of such names.
  const internal = /(^|\.)__\w+__$/.test(name) && !/^copy_?reg$/.test(module);
  if (harmful || internal || (builtin && HARMFUL_BUILTINS.test(name))) {
    throw fileError(`${source} wants to import ${fullName}, which a state dict does not need; it was not loaded.`);
  }
  const plain = builtin ? builtinType(name) : LIBRARY.get(fullName.replace(/^copy_reg\./, 'copyreg.'));
  const call = plain ?? ((args: PickleValue[]) => new PickledInstance(fullName, args));
  return new PickleGlobal(fullName, (args) => call(args, source));
}

type Call = (args: PickleValue[], source: string) => PickleValue;

/** A dict from a dict, or from a list of keys and values. */
const makeDict: Call = ([items], source): PickleDict => {
  if (items === undefined || items === null) return new Map();
  if (items instanceof Map) return new Map(items);
  if (!Array.isArray(items)) throw malformed(source, 'a dict');
  return new Map(
    items.map((pair) => {
      if (!Array.isArray(pair) || pair.length !== 2) throw malformed(source, 'a dict');
      return pair as [PickleValue, PickleValue];
    }),
  );
};

/** Of Python 2's copy_reg as well. */
const LIBRARY: ReadonlyMap<string, Call> = new Map<string, Call>([
  ['collections.OrderedDict', makeDict],
  // Learning rate schedules keep their milestones in one.
  ['collections.Counter', makeDict],
  // Called with the factory of its values.
  ['collections.defaultdict', () => new Map()],
  ['collections.deque', ([items]) => (Array.isArray(items) ? [...items] : [])],
  // Bytes, as protocols before the third write them.
  ['_codecs.encode', ([text]) => (typeof text === 'string' ? fromLatin1(text) : (text ?? null))],
  // Objects of the first protocols; those of subclasses of dict come with its items.
  [
    'copyreg._reconstructor',
    ([type, , items]) => {
      const instance = new PickledInstance(type instanceof PickleGlobal ? type.name : 'object');
      if (items instanceof Map) for (const [key, value] of items) instance.items.set(key, value);
      return instance;
    },
  ],
]);

function builtinType(name: string): Call | undefined {
  switch (name) {
    case 'dict':
      return makeDict;
    case 'list':
    case 'tuple':
    case 'set':
    case 'frozenset':
      return ([items]) => (Array.isArray(items) ? [...items] : []);
    case 'bytes':
    case 'bytearray':
      return ([content]) => {
        if (content instanceof Uint8Array) return content;
        return typeof content === 'string' ? fromLatin1(content) : new Uint8Array(0);
      };
    default:
      return undefined;
  }
}

const fromLatin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** A pickle that says of `what` something that Python would not. */
export function malformed(source: string, what: string): InputError {
  return fileError(`${source} is damaged: its pickle describes ${what} in a way that PyTorch does not.`);
}

/** @file What stands around and beside the weights in a checkpoint: wrappers, other dicts, objects of any class, early protocols. */

import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import { decodePyTorch, readPyTorch } from '../../src/io/pytorch.ts';
import { expectOnlyInputErrors } from './corrupt.ts';
import { call, dict, int, latin1, legacy, payload, str, tensor, tuple, zip } from './pickles.ts';

const w = { dtype: 'f32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) };
const names = (value: string) => [...decodePyTorch(zip(value), 'x.pt').keys()];
const warnings = (value: string) => readPyTorch(zip(value), 'x.pt').warnings;

/** Tensors that share the one storage. */
const state = (...keys: string[]) => dict(Object.fromEntries(keys.map((key) => [key, tensor()])));
const scalar = tensor({ shape: [], strides: [] });
const optimizer = dict({
  state: `}(${int(0)}${state('exp.avg', 'exp.avg_sq', 'exp.max')}u`,
  param_groups: `](${dict({ lr: int(1) })}e`,
});

describe('the state dict among other things', () => {
  it.each([
    'state_dict',
    'model_state_dict',
    'model_state',
    'model',
    'i3d',
    'model_dict',
    'net',
    'net_ema',
    'ema',
    'weights',
    'params',
    'whatever',
  ])('is opened under %s, though tensors and dicts lie beside it', (wrapper) => {
    const value = dict({
      epoch: int(3),
      best_acc1: scalar,
      rng_state: tensor(),
      optimizer,
      my_solver: optimizer,
      [wrapper]: state('conv.weight', 'bias'),
      meters: dict({ loss: scalar, top1: scalar, 'top5.mean': scalar }),
    });
    expect(names(value)).toEqual(['conv.weight', 'bias']);
    expect(warnings(value)).toEqual([]);
  });

  it('stays where it is when something less lies within it', () => {
    const flat = (more: Record<string, string>) =>
      dict({ 'conv.weight': tensor(), 'conv.bias': tensor(), bias: tensor(), ...more });
    expect(names(flat({ epoch: int(1), optimizer }))).toEqual(['conv.weight', 'conv.bias', 'bias']);
    expect(names(flat({ ema: state('a.b') }))).toEqual(['conv.weight', 'conv.bias', 'bias']);
    expect(warnings(flat({ ema: state('a.b') }))).toEqual([
      'x.pt also holds ema beside the state dict that was taken; left out.',
    ]);
  });

  it('is the plain one of several, and the others are named', () => {
    const value = dict({
      net_ema: state('a.b'),
      net: state('a.c'),
      criterion: state('weight'),
      class_weights: tensor(),
      score: scalar,
    });
    expect(names(value)).toEqual(['a.c']);
    expect(warnings(value)).toEqual([
      'x.pt also holds net_ema, criterion, class_weights beside the state dict that was taken; left out.',
    ]);
  });

  it('is all of them where none is meant more than another', () => {
    expect(names(dict({ encoder: state('a.b'), classifier: state('weight') }))).toEqual([
      'encoder.a.b',
      'classifier.weight',
    ]);
  });

  it.each([
    ['a tuple', tuple(state('a.b'), int(3), optimizer)],
    ['a list', `](${state('a.b')}${int(3)}e`],
    ['itself', `}q\x00(${str('model')}h\x00${str('net')}${state('a.b')}u`],
    ['an object', `${call('config Run')}${dict({ epoch: int(1), network: state('a.b') })}b`],
    ['a subclass of dict', `cmmcv\nConfigDict\n)\x81(${str('network')}${state('a.b')}u`],
  ])('is found in %s', (_, value) => {
    expect(names(value)).toEqual(['a.b']);
  });

  it.each(['module.module.', '_orig_mod.', 'module._orig_mod.'])('loses the prefix %s', (prefix) => {
    expect(names(state(`${prefix}a.b`, `${prefix}c`))).toEqual(['a.b', 'c']);
  });

  it('is read off a whole module', () => {
    const module = (parts: Record<string, string>, modules: Record<string, string>) =>
      `cmodels.i3d\nUnit\n)\x81${dict({ training: '\x89', _parameters: dict(parts), _buffers: dict({ count: scalar, gone: 'N' }), _modules: dict(modules) })}b`;
    const value = module({}, { conv: module({ weight: tensor(), bias: 'N' }, {}) });
    expect(names(value)).toEqual(['count', 'conv.weight', 'conv.count']);
    // The first format says of each class where its source lies.
    const persistent = `${tuple(str('module'), 'cmodels.i3d\nUnit\n', str('i3d.py'), str('source'))}Q`;
    expect([...decodePyTorch(legacy(value.replaceAll('cmodels.i3d\nUnit\n', persistent)), 'x.pt').keys()]).toEqual(
      names(value),
    );
  });

  it('does not take long to find in what is woven together', () => {
    // Each list holds the one before 64 times; each module holds the one before twice.
    const lists = Array.from(
      { length: 30 },
      (_, i) => `](${`h${String.fromCharCode(i)}`.repeat(64)}eq${String.fromCharCode(i + 1)}0`,
    );
    expect(() => names(`]q\x000${lists.join('')}h\x1e`)).toThrow(/holds no state dict: it has a list of 64/);
    const module = (inner: string) =>
      `ca\nb\n)\x81${dict({ _parameters: '}', _buffers: '}', _modules: dict({ a: inner, b: inner }) })}b`;
    const modules = Array.from(
      { length: 40 },
      (_, i) => `${module(`h${String.fromCharCode(i)}`)}q${String.fromCharCode(i + 1)}0`,
    );
    expect(() => names(`Nq\x000${modules.join('')}h\x28`)).toThrow(/holds no state dict/);
  });
});

describe('what is no tensor is plain data', () => {
  const numpyType = `${call('numpy dtype', str('f4'), '\x89', '\x88')}${tuple(int(3), str('<'), 'N', 'N', 'N', int(-1), int(-1), int(0))}b`;
  it.each<[string, string]>([
    [
      'options of a command line',
      `cargparse\nNamespace\n)\x81${dict({ lr: int(1), path: call('pathlib PosixPath', str('/a')) })}b`,
    ],
    [
      'those of protocol 1',
      `${call('copy_reg _reconstructor', 'cargparse\nNamespace\n', 'c__builtin__\nobject\n', 'N')}${dict({ lr: int(1) })}b`,
    ],
    ['a defaultdict', `${call('collections defaultdict', 'c__builtin__\nlist\n')}(${str('a')}]${int(1)}au`],
    ['a Counter', call('collections Counter', dict({ a: int(1) }))],
    ['a deque', `${call('collections deque', ']', int(3))}(${int(1)}${int(2)}e`],
    [
      'a partial function',
      `${call('functools partial', 'ctorch.nn.modules.batchnorm\nBatchNorm3d\n')}${tuple('ctorch.nn.modules.batchnorm\nBatchNorm3d\n', ')', dict({ eps: int(1) }), 'N')}b`,
    ],
    ['an enumeration', call('__main__ Mode', int(1))],
    ['its member by name', call('builtins getattr', 'c__main__\nMode\n', str('RGB'))],
    [
      'a number of NumPy',
      call('numpy.core.multiarray scalar', numpyType, call('_codecs encode', str('\0\0\0A'), str('latin1'))),
    ],
    [
      'sizes, devices and types',
      tuple(
        call('torch Size', tuple(int(1))),
        call('torch device', str('cuda'), int(0)),
        'ctorch\nfloat16\n',
        'ctorch\nqint8\n',
        call('torch.serialization _get_layout', str('torch.strided')),
      ),
    ],
    ['a set', call('builtins set', `](${int(1)}e`)],
    ['keywords of a class', `cconfig\nRun\n)${dict({ a: int(1) })}\x92`],
    ['classes of the first protocol', `(iconfig\nRun\n(cconfig\nRun\n${int(1)}o`],
    ['numbers and text of protocol 0', "F1e-3\nFinf\nI01\nL12L\nV\\u00e4\\U0001f600\nS'a\\'b\\x41'\nF-2.5\n"],
    ['bytes that may change', `\x96${String.fromCharCode(2, 0, 0, 0, 0, 0, 0, 0)}ab\x98`],
    ['a function', 'cbuiltins\nprint\n'],
    ['what calls what it called', call('builtins getattr', 'ca\nb\n', str('c')).replace(/R$/, 'R)R')],
  ])('%s', (what, value) => {
    const parts = what.includes('protocol 0') || what.includes('first protocol') ? `(${value}t` : value;
    for (const make of [zip, legacy]) {
      expect(
        decodePyTorch(make(dict({ args: parts, state_dict: dict({ w: tensor(), args: parts }) })), 'x.pt'),
      ).toEqual(new Map([['w', w]]));
    }
  });

  it('arrays of NumPy are tensors', () => {
    const raw = String.fromCharCode(...new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer));
    const array = (columnMajor: string) =>
      `${call('numpy.core.multiarray _reconstruct', 'cnumpy\nndarray\n', tuple(int(0)), 'C\x01b')}${tuple(int(1), tuple(int(2), int(3)), numpyType, columnMajor, `B${int(24).slice(1)}${raw}`)}b`;
    const buffer = call(
      'numpy._core.numeric _frombuffer',
      `B${int(24).slice(1)}${raw}`,
      numpyType,
      tuple(int(3), int(2)),
      str('C'),
    );
    const tensors = decodePyTorch(zip(dict({ a: array('\x89'), b: array('\x88'), c: buffer })), 'x.pt');
    expect(tensors.get('a')).toEqual({ dtype: 'f32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
    expect(tensors.get('b')).toEqual({ dtype: 'f32', shape: [2, 3], data: Float32Array.of(1, 3, 5, 2, 4, 6) });
    expect(tensors.get('c')!.shape).toEqual([3, 2]);
  });

  it.each<[string, string, RegExp]>([
    [
      'sparse tensors',
      call('torch._utils _rebuild_sparse_tensor', int(0)),
      /a kind that is not supported \(_rebuild_sparse_tensor\)/,
    ],
    [
      '8-bit floats',
      call(
        'torch._utils _rebuild_tensor_v3',
        tensor()
          .slice(tensor().indexOf('(') + 1)
          .split('Q')[0]!
          .concat('Q'),
        int(0),
        tuple(int(1)),
        tuple(int(1)),
        '\x89',
        '}',
        'ctorch\nfloat8_e5m2\n',
      ),
      /type torch\.float8_e5m2, which are not supported/,
    ],
    ['data outside of the pickle', '\x97', /opcode 0x97 does not occur/],
    ['a number that is none', 'F1.2.3\n', /a number is none/],
    ['text without quotes', 'Sabc\n', /a string has no quotes/],
  ])('%s are refused', (_, value, message) => {
    expect(() => names(dict({ w: value }))).toThrow(message);
  });
});

describe('protocol 0, whose storages are named in text', () => {
  const rebuild = 'ctorch._utils\n_rebuild_tensor_v2\n';
  const storage = (key: string, view = '') => `P('storage', <class 'torch.FloatStorage'>, '${key}', 'cpu', 4${view})\n`;
  const text = (view = '') =>
    `(dp0\nVstate_dict\np1\nccollections\nOrderedDict\np2\n(tRp3\nVconv.weight\np4\n${rebuild}(${storage('0', view)}I0\n(I2\nI2\ntp6\n(I2\nI1\ntp7\nI00\ng2\n(tRp8\ntRp9\nssVepoch\np10\nI1\ns.`;
  const expected = new Map([['conv.weight', w]]);
  const zipped = zipSync({ 'x/data.pkl': latin1(text()), 'x/data/0': payload });
  const head = `L119547037146038801333356L\n.I1001\n.(dp0\nVlittle_endian\np1\nI01\ns.`;
  const old = (view: string) => {
    const storages = `(lp0\nV0\np1\na.${String.fromCharCode(4, 0, 0, 0, 0, 0, 0, 0)}`;
    return latin1(head + text(view) + storages + String.fromCharCode(...payload));
  };

  it('in both formats', () => {
    expect(decodePyTorch(zipped, 'x.pt')).toEqual(expected);
    expect(decodePyTorch(old(', None'), 'x.pt')).toEqual(expected);
    expect(decodePyTorch(old(", ('1', 0, 4)"), 'x.pt')).toEqual(expected);
  });

  it('survives damage', async () => {
    await expectOnlyInputErrors(zipped, (bytes) => decodePyTorch(bytes, 'x.pt'), 500);
    await expectOnlyInputErrors(old(', None'), (bytes) => decodePyTorch(bytes, 'x.pt'), 500);
  });
});

describe('bytes may come as', () => {
  const bytes = zip(state('w'));
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  const buffer = bytes.slice().buffer;
  it.each<[string, Parameters<typeof decodePyTorch>[0]]>([
    ['a buffer', buffer],
    ['a Buffer of Node', Buffer.from(bytes)],
    ['a part of a buffer', new Uint8Array(Buffer.concat([Buffer.alloc(3), bytes])).subarray(3)],
    ['clamped bytes', new Uint8ClampedArray(buffer)],
    ['a DataView', new DataView(buffer)],
    ['shared memory', shared],
    ['a view of shared memory', new Uint8Array(shared)],
  ])('%s', (_, source) => {
    expect(decodePyTorch(source)).toEqual(new Map([['w', w]]));
  });

  it.each<[unknown, RegExp]>([
    ['x.pt', /^decodePyTorch takes the bytes of a file, as a Uint8Array or an ArrayBuffer, not "x\.pt"\.$/],
    [[1, 2], /not a list of 2\.$/],
    [undefined, /not nothing\.$/],
    [new Float32Array(2), /not Float32Array of 2\.$/],
    [Promise.resolve(bytes), /not a Promise; await it first\.$/],
    [new Blob([]), /not a Blob/],
  ])('not as %s', (source, message) => {
    const attempt = () => decodePyTorch(source as never);
    expect(attempt).toThrow(InputError);
    expect(attempt).toThrow(message);
  });
});

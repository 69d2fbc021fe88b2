import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { decodePyTorch } from '../../src/io/pytorch.ts';
import { describeWithShared } from '../shared.ts';
import { expectOnlyInputErrors } from './corrupt.ts';
import {
  call,
  dict,
  int,
  latin1,
  legacy,
  payload,
  pickle,
  storage,
  str,
  type TensorOptions,
  tensor,
  tuple,
  zip,
} from './pickles.ts';

const fixture = (name: string) =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))));
const decode = (bytes: Uint8Array) => decodePyTorch(bytes, 'x.pt');

const formats = [
  ['zip', zip],
  ['legacy', legacy],
] as const;
const w = { dtype: 'f32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) };

describe.each(['zip.pt', 'legacy.pt', 'legacy_protocol4.pt'])('%s, which PyTorch wrote', (name) => {
  const tensors = decode(fixture(name));
  const get = (tensor: string) => tensors.get(tensor)!;

  it('lists the tensors without wrapper and prefix', () => {
    expect([...tensors.keys()].slice(0, 4)).toEqual(['contiguous', 'transposed', 'permuted', 'slice']);
    expect(tensors.size).toBe(20);
  });

  it('makes strided tensors dense', () => {
    const ascending = Float32Array.from({ length: 24 }, (_, i) => i);
    expect(get('contiguous')).toEqual({ dtype: 'f32', shape: [2, 3, 4], data: ascending });
    expect(get('transposed').shape).toEqual([6, 4]);
    expect([...get('transposed').data].slice(0, 8)).toEqual([0, 6, 12, 18, 1, 7, 13, 19]);
    expect(get('permuted').shape).toEqual([4, 2, 3]);
    expect([...get('permuted').data].slice(0, 8)).toEqual([0, 4, 8, 12, 16, 20, 1, 5]);
    expect(get('slice').data).toEqual(Float32Array.of(5, 6, 7, 8));
    expect(get('step')).toEqual({ dtype: 'f32', shape: [2, 2], data: Float32Array.of(7, 10, 19, 22) });
    expect(get('expanded')).toEqual({ dtype: 'f32', shape: [2, 3], data: Float32Array.of(1, 1, 1, 2, 2, 2) });
  });

  it('shares storages, and reads scalars, empty tensors and parameters', () => {
    expect(get('tied_a').data).toEqual(Float32Array.of(0, 0.5, 1, 1.5, 2, 2.5));
    expect(get('tied_b').data.buffer).toBe(get('tied_a').data.buffer);
    expect(get('scalar')).toEqual({ dtype: 'i64', shape: [], data: BigInt64Array.of(7n) });
    expect(get('empty')).toEqual({ dtype: 'f32', shape: [0, 3], data: new Float32Array(0) });
    expect(get('parameter').data).toEqual(Float32Array.of(1.5, -2.5));
  });

  it('reads every element type', () => {
    const vector = (dtype: string, data: unknown) => ({ dtype, shape: [2], data });
    expect(get('f64')).toEqual(vector('f64', Float64Array.of(0.1, 1e300)));
    expect(get('f16')).toEqual(vector('f16', Uint16Array.of(0x3c00, 0xb800)));
    expect(get('bf16')).toEqual(vector('bf16', Uint16Array.of(0x3f80, 0xbf00)));
    expect(get('u8')).toEqual(vector('u8', Uint8Array.of(0, 255)));
    expect(get('i8')).toEqual(vector('i8', Int8Array.of(-128, 127)));
    expect(get('i16')).toEqual(vector('i16', Int16Array.of(-32768, 32767)));
    expect(get('i32')).toEqual(vector('i32', Int32Array.of(-(2 ** 31), 2 ** 31 - 1)));
    expect(get('i64')).toEqual(vector('i64', BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n)));
    expect(get('bool')).toEqual({ dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) });
  });

  it('reads the same from an unaligned Buffer', () => {
    const shifted = Buffer.concat([Uint8Array.of(0), fixture(name)]).subarray(1);
    expect(decode(shifted)).toEqual(tensors);
  });

  it('survives damage', async () => {
    await expectOnlyInputErrors(fixture(name), decode);
  });
});

describe.each(formats)('%s format', (_, make) => {
  it.each<[string, string]>([
    ['a plain dict', dict({ w: tensor() })],
    ['an OrderedDict', `${call('collections OrderedDict')}(${str('w')}${tensor()}u`],
    ['model', dict({ epoch: 'K\x05', model: dict({ w: tensor() }) })],
    ['a wrapper in a wrapper', dict({ model: dict({ state_dict: dict({ w: tensor(), 'not a tensor': 'N' }) }) })],
    ['the prefix of DataParallel', dict({ 'module.w': tensor() })],
    ['a parameter', dict({ w: call('torch._utils _rebuild_parameter', tensor(), '\x88', '}') })],
    ['a schedule that counts', dict({ state_dict: dict({ w: tensor() }), s: call('collections Counter', '}') })],
  ])('opens %s', (_, value) => {
    expect(decode(make(value))).toEqual(new Map([['w', w]]));
  });

  it('keeps module. where only some names have it', () => {
    const names = [...decode(make(dict({ 'module.w': tensor(), b: tensor() }))).keys()];
    expect(names).toEqual(['module.w', 'b']);
  });

  it('reads types that have no storage type of their own', () => {
    const args = [storage({ type: 'torch.storage UntypedStorage', count: 16 }), int(1), tuple(int(2)), tuple(int(1))];
    const value = call('torch._utils _rebuild_tensor_v3', ...args, '\x89', '}', 'ctorch\nuint32\n');
    const bytes = make === zip ? zip(dict({ w: value })) : legacy(dict({ w: value }), { count: 16 });
    expect(decode(bytes).get('w')).toEqual({ dtype: 'u32', shape: [2], data: Uint32Array.of(0x40000000, 0x40400000) });
  });

  it('reads tensors whose storage holds them with the other sign', () => {
    const of = (options: TensorOptions) => decode(make(dict({ w: tensor({ ...options, marks: ['neg'] }) }))).get('w');
    expect(of({})).toEqual({ dtype: 'f32', shape: [2, 2], data: Float32Array.of(-1, -2, -3, -4) });
    expect(of({ strides: [1, 2] })?.data).toEqual(Float32Array.of(-1, -3, -2, -4));
    expect(of({ offset: 2, shape: [], strides: [] })?.data).toEqual(Float32Array.of(-3));
    // The storage itself stays as it is, for others that lie in it.
    const both = decode(make(dict({ v: tensor({ marks: ['neg'] }), w: tensor() })));
    expect(both.get('w')).toEqual(w);
    expect(() => decode(make(dict({ w: tensor({ marks: ['dense'] }) })))).toThrow(
      'x.pt holds a tensor of a kind that is not supported (dense); save dense real numbers.',
    );
  });

  it.each([
    ['os system', 'os.system'],
    ['builtins eval', 'builtins.eval'],
    ['torch.serialization load', 'torch.serialization.load'],
    ['torch __dict__', 'torch.__dict__'],
    ['posix system', 'posix.system'],
    ['subprocess Popen', 'subprocess.Popen'],
    ['builtins getattr.__class__', 'builtins.getattr.__class__'],
  ])('does not import %s', (global, name) => {
    const message = `x.pt wants to import ${name}, which a state dict does not need; it was not loaded.`;
    expect(() => decode(make(call(global, str('echo'))))).toThrow(message);
    expect(() => decode(make(dict({ w: tensor(), x: `c${global.replace(' ', '\n')}\n` })))).toThrow(message);
    const [module, attribute] = global.split(' ') as [string, string];
    expect(() => decode(make(`${str(module)}${str(attribute)}\x93`))).toThrow(message);
  });

  it.each<[string, string, RegExp]>([
    ['a list', ']', /x\.pt holds no state dict: it has a list of 0/],
    ['a number', 'K\x01', /x\.pt holds no state dict: it has no dict/],
    ['one tensor', tensor(), /it has one tensor without a name \(2×2\), where names with tensors/],
    ['an empty dict', '}', /it has an empty dict/],
    ['other dicts', dict({ epoch: 'K\x01' }), /has a dict with the keys epoch, where names with tensors/],
    ['a deeply nested key', `})${'\x85'.repeat(50000)}K\x01s`, /a dict with the keys \(no name\)/],
    ['a dict that contains itself', `}q\x00${str('model')}h\x00s`, /holds no state dict/],
    [
      'complex numbers',
      dict({ w: tensor({ type: 'torch ComplexFloatStorage' }) }),
      /torch\.ComplexFloatStorage, which/,
    ],
    [
      'an offset beyond the storage',
      dict({ w: tensor({ offset: 1 }) }),
      /w of shape 2×2 needs element 4 of its storage, which has 4/,
    ],
    ['a negative extent', dict({ w: tensor({ shape: [-1, 2] }) }), /describes a tensor in a way/],
    ['a negative stride', dict({ w: tensor({ strides: [2, -1] }) }), /describes a tensor in a way/],
    ['fewer strides', dict({ w: tensor({ strides: [1] }) }), /describes a tensor in a way/],
    [
      'a huge broadcast',
      dict({ w: tensor({ shape: [2 ** 15, 2 ** 15], strides: [0, 0] }) }),
      /tensor w would need 4294967296 bytes/,
    ],
    ['a call of data', 'K\x01)R', /it calls what is no function/],
    ['a call of a type', 'ctorch\nfloat32\n)R', /it calls torch\.float32/],
    ['an unknown opcode', '\xff', /opcode 0xff/],
    ['an empty stack', 'R', /its stack is empty/],
    ['an unset memo', 'h\x07', /memo 7 is not set/],
    ['a string beyond the file', `X${int(0x7fffffff).slice(1)}`, /its pickle is cut short/],
  ])('refuses %s', (_, value, message) => {
    expect(() => decode(make(value))).toThrow(message);
  });
});

describe('zip format', () => {
  const value = dict({ w: tensor() });

  it('inflates deflated entries', () => {
    expect(decode(zip(value, { 'data/0': payload }, 9)).get('w')).toEqual(w);
  });

  it('finds altered bytes by their checksum, unless none was computed', () => {
    const bytes = zip(value);
    const at = bytes.findIndex((_, i) => payload.every((byte, k) => bytes[i + k] === byte));
    bytes[at] = 1;
    expect(() => decode(bytes)).toThrow('x.pt is damaged: its entry x/data/0 does not match its checksum.');
    // torch.save with compute_crc32 = False writes zeros.
    const view = new DataView(bytes.buffer);
    for (let i = at; i < bytes.length - 20; i++)
      if (view.getUint32(i, true) === 0x02014b50) view.setUint32(i + 16, 0, true);
    expect((decode(bytes).get('w')!.data as Float32Array)[1]).toBe(2);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['a truncated file', zip(value).subarray(0, -30), /x\.pt is cut short: .* the directory at its end is missing/],
    ['a missing storage', zip(value, {}), /it has no entry x\/data\/0/],
    ['a short storage', zip(value, { 'data/0': payload.subarray(4) }), /storage 0 should have 16 bytes, but has 12/],
    ['big-endian', zip(value, { byteorder: latin1('big') }), /big-endian machine/],
    ['TorchScript', zip(value, { 'constants.pkl': payload }), /TorchScript program; save its state_dict/],
    ['another zip', zipSync({ 'a.txt': payload }), /is a zip file, but not a PyTorch checkpoint/],
    ['a bomb', bomb(), /its entry x\/data\/0 would need 4000000000 bytes of memory/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decode(bytes)).toThrow(message);
  });

  /** A deflated entry that claims 4 GB. */
  function bomb(): Uint8Array {
    const bytes = zip(dict({ w: tensor({ count: 1e9 }) }), { 'data/0': payload }, 9);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < bytes.length - 30; i++) {
      const isEntry = view.getUint32(i, true) === 0x02014b50;
      if (isEntry && bytes[i + 46 + 2] === 'd'.charCodeAt(0) && bytes[i + 46 + 6] === '/'.charCodeAt(0)) {
        view.setUint32(i + 24, 4e9, true);
      }
    }
    return bytes;
  }
});

describe('legacy format', () => {
  const value = dict({ w: tensor() });

  it.each<[string, Uint8Array, RegExp]>([
    [
      'a truncated file',
      legacy(value).subarray(0, -3),
      /x\.pt is cut short: storage 0 ends at byte \d+, but the file has/,
    ],
    ['a wrong magic number', latin1(pickle(int(7))), /is not a PyTorch checkpoint: it begins neither/],
    ['another protocol', legacy(value, { protocol: 1000 }), /its protocol is 1000, not 1001/],
    ['big-endian', legacy(value, { little: '\x89' }), /big-endian machine/],
    ['a storage of another size', legacy(value, { count: 5 }), /storage 0 has 5 elements, but its tensors expect 4/],
    ['a storage that nothing uses', legacy(value, { keys: ['0', '1'] }), /no tensor uses its storage 1/],
    ['a missing storage', legacy(value, { keys: [] }), /storage 0 should have 16 bytes, but has 0/],
    ['a lying size', legacy(dict({ w: tensor({ count: 0x7fffffff }) })), /cut short: storage 0 ends at byte 8589/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decode(bytes)).toThrow(message);
  });
});

const checkpoints = ['checkpoints/i3d_rgb_legacy.pt', 'checkpoints/i3d_flow_zip.pt'] as const;

describeWithShared('full-size I3D checkpoints', checkpoints, (rgb, flow) => {
  it.each([
    ['rgb', rgb, 3, 12711881, 22.851, [0.1746, 0.117, -0.1147]],
    ['flow', flow, 2, 12689929, -15.1314, [0.0233, 0.021, -0.0965]],
  ] as const)('reads %s', (_, path, channels, values, weightSum, bias) => {
    const bytes = readFileSync(path);
    const tensors = decodePyTorch(bytes, path);
    // 57 convolutions, each with five tensors of batch norm, and the logits with a bias.
    expect(tensors.size).toBe(57 * 6 + 2);
    expect([...tensors.values()].reduce((sum, { data }) => sum + data.length, 0)).toBe(values);
    expect(tensors.get('Conv3d_1a_7x7.conv3d.weight')!.shape).toEqual([64, channels, 7, 7, 7]);
    expect(tensors.get('Conv3d_1a_7x7.bn.num_batches_tracked')!.dtype).toBe('i64');
    expect(tensors.get('logits.conv3d.weight')!.shape).toEqual([400, 1024, 1, 1, 1]);
    const weight = tensors.get('Mixed_5b.b2b.conv3d.weight')!;
    expect(weight.shape).toEqual([128, 32, 3, 3, 3]);
    expect((weight.data as Float32Array).reduce((sum, value) => sum + value, 0)).toBeCloseTo(weightSum, 3);
    const firsts = [...(tensors.get('logits.conv3d.bias')!.data as Float32Array)].slice(0, 3);
    for (const [i, first] of firsts.entries()) expect(first).toBeCloseTo(bias[i]!, 4);
  });

  it.each([rgb, flow])('refuses half of %s', (path) => {
    const bytes = readFileSync(path);
    expect(() => decodePyTorch(bytes.subarray(0, bytes.length / 2), 'half.pt')).toThrow(/^half\.pt is cut short: /);
  });
});

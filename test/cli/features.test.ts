/** @file `i3d features`: shapes, names, types and frames of every preset on clips of awkward lengths and clocks. */

import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeVideo } from '../../src/io/encode.ts';
import { decodeNpy, encodeNpy } from '../../src/io/npy.ts';
import { decodeNpz } from '../../src/io/npz.ts';
import { extraction } from '../../src/recognition/features/presets.ts';
import { saveModelFile } from '../../src/train/run/model_files.ts';
import { testFolder } from '../folder.ts';
import { expectClose } from '../harness.ts';
import { writeMedia } from '../io/media.ts';
import { clip } from '../recognition/clips.ts';
import { describeWithShared } from '../shared.ts';
import { i3d } from './command.ts';
import { formulaNetwork } from './small_model.ts';

const folder = testFolder('i3d-features-');
const at = (name: string): string => join(folder, name);
const WIDTH = 64;
const HEIGHT = 48;

/** Frames of a moving texture. */
function frames(count: number): Uint8Array[] {
  const { data } = clip(count, HEIGHT, WIDTH);
  const size = WIDTH * HEIGHT * 3;
  return Array.from({ length: count }, (_, i) => data.subarray(i * size, (i + 1) * size));
}

const LENGTHS = [1, 9, 63, 64, 65, 129];
const NAMES = [...LENGTHS.map((length) => `n${length}`), 'ntsc', 'variable'];

beforeAll(async () => {
  await mkdir(at('clips'));
  await mkdir(at('model'));
  const format = { width: WIDTH, height: HEIGHT, fps: 25 };
  for (const length of LENGTHS) await writeVideo(at(`clips/n${length}.mp4`), frames(length), format);
  await writeVideo(at('clips/ntsc.mp4'), frames(70), { ...format, fps: 29.97 });
  // Twenty frames at 50 Hz, then twenty at 12.5 Hz: two seconds.
  const stamps = Array.from({ length: 40 }, (_, i) => (i < 20 ? i : 20 + (i - 20) * 4));
  const track = { codec: 'ffv1', width: WIDTH, height: HEIGHT, fps: 50, frames: frames(40), stamps, lastDuration: 4 };
  await writeMedia(at('clips/variable.mkv'), 'matroska', [track]);
  for (const stream of ['rgb', 'flow'] as const) {
    const network = formulaNetwork(stream, { fps: 25 });
    await saveModelFile(at(`model/${stream}.safetensors`), { ...network, classes: ['a', 'b', 'c'] });
  }
});

/** Channels of the small model. */
const C = 28;

type Rows = readonly (readonly [first: number, last: number])[];

/** Windows of `size` frames that begin at these frames. */
const of = (size: number, ...starts: number[]): Rows => starts.map((start) => [start, start + size - 1]);

interface Expected {
  /** Shapes by the ending of the name behind that of the clip. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  readonly rows?: Rows;
  /** Why it cannot be used. */
  readonly refused?: RegExp;
}

/** Frames of each clip as the presets take them: as they are, and at 25 Hz. */
const NATIVE = { n1: 1, n9: 9, n63: 63, n64: 64, n65: 65, n129: 129, ntsc: 70, variable: 40 };
const AT_25 = { ...NATIVE, ntsc: 58, variable: 50 };

const few = (have: number, need: number): Expected => ({
  refused: new RegExp(`has ${have} frames? where at least ${need} are needed`),
});

/** Chunks of 16 frames as a row each. */
const chunks = (count: number): Rows => of(16, ...Array.from({ length: Math.floor(count / 16) }, (_, i) => i * 16));

const PRESETS: Readonly<Record<string, (frames: number, of25: number) => Expected>> = {
  deepmind: (_, count) => ({
    shapes: { '_rgb.npy': [1, C], '_flow.npy': [1, C] },
    rows: [[0, count - 1]],
  }),
  // A network without values over time gives one for each of its windows.
  piergiaj: (count) =>
    count < 8
      ? few(count, 8)
      : {
          shapes: { '.npy': [Math.floor(count / 8), 1, 1, C] },
          rows: of(8, ...Array.from({ length: Math.floor(count / 8) }, (_, i) => i * 8)),
        },
  video_features: (count) => {
    const stacks = count > 128 ? 2 : count > 64 ? 1 : 0;
    const shape = stacks > 0 ? [stacks, C] : [0];
    return {
      shapes: { '_rgb.npy': shape, '_flow.npy': shape, '_fps.npy': [], '_timestamps_ms.npy': [stacks] },
      rows: of(64, ...[0, 64].slice(0, stacks)),
    };
  },
  fvd: (count) => (count < 16 ? few(count, 16) : { shapes: { '_rgb.npy': [1, 3] }, rows: of(16, 0) }),
  'ucf-crime-32': (count) => {
    if (count < 16) return few(count, 16);
    const snippets = Math.floor(count / 16);
    const row = (i: number): readonly [number, number] => {
      const from = Math.floor((i * snippets) / 32);
      const to = Math.max(from + 1, Math.floor(((i + 1) * snippets) / 32));
      return [from * 16, to * 16 - 1];
    };
    return { shapes: { '_i3d.npy': [32, 2 * C] }, rows: Array.from({ length: 32 }, (_, i) => row(i)) };
  },
  finspire: (count) =>
    count < 17
      ? few(count, 17)
      : {
          shapes: { '-rgb.npz': [10, Math.floor(count / 16), C], '-flow.npz': [10, Math.floor(count / 16), C] },
          rows: chunks(count),
        },
};

describe.each(Object.entries(PRESETS))('%s', (preset, expected) => {
  const streams = preset === 'fvd' || preset === 'piergiaj' ? 'rgb' : 'both';

  test('takes the frames, and writes the arrays, of its convention', async () => {
    const out = at(`out-${preset}`);
    const args = ['--model', at('model'), '--preset', preset, '--stream', streams, '--out', out, '--json'];
    const { code, stdout, stderr } = await i3d(['features', at('clips'), ...args]);
    const { done, failed } = JSON.parse(stdout) as { done: string[]; failed: { path: string; reason: string }[] };
    const wanted = Object.fromEntries(NAMES.map((name) => [name, expected(NATIVE[name as 'n1'], AT_25[name as 'n1'])]));
    const refused = NAMES.filter((name) => wanted[name]!.refused);
    expect(failed.map(({ path }) => /(\w+)\.\w+$/.exec(path)![1]).sort()).toEqual(refused.sort());
    for (const { path, reason } of failed) {
      expect(reason).toContain(path);
      expect(reason).toMatch(wanted[/(\w+)\.\w+$/.exec(path)![1]!]!.refused!);
      expect(stderr).toContain(`i3d: ${reason}\n`);
    }
    expect(code).toBe(refused.length > 0 ? 1 : 0);
    expect(done).toHaveLength(NAMES.length - refused.length);
    for (const name of NAMES) {
      const { shapes, rows } = wanted[name]!;
      if (!shapes) continue;
      const record = JSON.parse(readFileSync(join(out, `${name}.${preset}.json`), 'utf8'));
      expect(record.outputs.map(({ file }: { file: string }) => file).sort()).toEqual(
        Object.keys(shapes)
          .map((ending) => `${name}${ending}`)
          .sort(),
      );
      const counted = preset === 'deepmind' ? AT_25 : NATIVE;
      if (preset !== 'fvd') expect(record.input.frames, name).toBe(counted[name as 'n1']);
      for (const [ending, shape] of Object.entries(shapes)) {
        const bytes = readFileSync(join(out, `${name}${ending}`));
        const array = ending.endsWith('.npz') ? decodeNpz(bytes, name, ['feature']).feature : decodeNpy(bytes, name);
        expect(array.shape, `${name}${ending}`).toEqual(shape);
        expect(array.dtype).toBe(preset === 'video_features' ? 'f64' : 'f32');
        expect(Array.from(array.data as Float32Array).every(Number.isFinite)).toBe(true);
        const output = record.outputs.find(({ file }: { file: string }) => file === `${name}${ending}`);
        if (output.rows) expect(output.rows, `${name}${ending}`).toEqual(rows);
      }
    }
  });
});

test('a record states every choice, the weights and the adapter', () => {
  const record = JSON.parse(readFileSync(at('out-video_features/n65.video_features.json'), 'utf8'));
  expect(record).toMatchObject({
    preset: 'video_features',
    fps: 'native',
    source: 'v-iashin/video_features',
    input: { name: 'n65', frames: 65, width: WIDTH, height: HEIGHT, fps: 25, sourceFps: 25 },
    networks: { rgb: { file: 'rgb.safetensors', spec: { architecture: 'inception-4' } } },
    version: expect.any(String),
    adapter: expect.any(String),
    windows: expect.any(String),
    flow: expect.stringContaining('RAFT'),
  });
  expect(record.networks.flow.sha256).toMatch(/^[0-9a-f]{64}$/);
  const stamps = decodeNpy(readFileSync(at('out-video_features/n129_timestamps_ms.npy')));
  expect([...(stamps.data as Float64Array)]).toEqual([2560, 5120]);
  const fps = decodeNpy(readFileSync(at('out-video_features/ntsc_fps.npy')));
  expect((fps.data as Float64Array)[0]).toBeCloseTo(29.97, 2);
});

test('an archive says how many frames there were, and of which video', () => {
  const bytes = readFileSync(at('out-finspire/n65-rgb.npz'));
  const { frame_cnt } = decodeNpz(bytes, 'n65', ['frame_cnt']);
  expect(frame_cnt).toMatchObject({ dtype: 'i64', shape: [], data: BigInt64Array.of(65n) });
  expect(bytes.includes('video_name.npy')).toBe(true);
});

test('vectors of segments have the length 1', () => {
  const { data } = decodeNpy(readFileSync(at('out-ucf-crime-32/n129_i3d.npy')));
  for (let i = 0; i < 32; i++) {
    expect(Math.hypot(...(data as Float32Array).subarray(i * 2 * C, (i + 1) * 2 * C))).toBeCloseTo(1, 5);
  }
});

describeWithShared(
  'I3D as PyTorch computes it',
  ['golden/rgb_frames_u8.npy', 'golden/i3d_rgb_T16.json', 'checkpoints/i3d_rgb_legacy.pt'],
  (framesPath, goldenPath, weights) => {
    const { AvgPool, Mixed_5c } = JSON.parse(readFileSync(goldenPath, 'utf8'));
    const extracted = async (out: string, ...more: string[]) => {
      // Frames of this size are taken as they are; the published extractors of other presets enlarge them.
      const args = ['--rgb', weights, '--preset', 'deepmind', '--accuracy', 'exact', '--out', at(out), ...more];
      expect(await i3d(['features', at('golden.npy'), ...args])).toMatchObject({ stderr: '', code: 0 });
      return decodeNpy(readFileSync(at(`${out}/golden_rgb.npy`)));
    };

    test('gives its average pool', async () => {
      const { shape, data } = decodeNpy(readFileSync(framesPath));
      expect(shape).toEqual([33, 224, 224, 3]);
      const first = (data as Uint8Array).slice(0, 16 * 224 * 224 * 3);
      writeFileSync(at('golden.npy'), encodeNpy({ dtype: 'u8', shape: [16, 224, 224, 3], data: first }));
      const features = await extracted('golden');
      expect(AvgPool.shape).toEqual([1, 1024, 1, 1, 1]);
      expect(features.shape).toEqual([1, 1024]);
      expectClose(features.data as Float32Array, AvgPool.value, 1e-4);
    });

    test('gives its last end point, a row for each step in time', async () => {
      const { shape, data } = await extracted('steps', '--end-point', 'Mixed_5c');
      expect([Mixed_5c.shape, shape]).toEqual([
        [1, 1024, 2, 7, 7],
        [2, 7, 7, 1024],
      ]);
      // Theirs lies by channels first.
      const at = (index: number) => (index % 98) * 1024 + Math.floor(index / 98);
      const largest = Math.max(...(Mixed_5c.value as number[]).map(Math.abs));
      for (const [i, index] of (Mixed_5c.index as number[]).entries()) {
        expect(Math.abs((data as Float32Array)[at(index)]! - Mixed_5c.value[i])).toBeLessThan(1e-4 * largest);
      }
      const { outputs } = JSON.parse(readFileSync(join(folder, 'steps/golden.deepmind.json'), 'utf8'));
      expect(outputs[0].rows).toEqual([
        [0, 7],
        [8, 15],
      ]);
    });
  },
);

test('an end point goes with deepmind, and must be one of the network', async () => {
  const refused = async (...more: string[]) => {
    const args = ['--model', 'models', '--stream', 'rgb', '--out', at('ends'), ...more];
    const { code, stderr } = await i3d(['features', at('clips/n9.mp4'), ...args]);
    expect(code).toBe(1);
    return stderr;
  };
  expect(await refused('--preset', 'deepmind', '--end-point', 'Mixed_4x')).toBe(
    'i3d: Inception-4 has no end point Mixed_4x; did you mean Mixed_4b?\n',
  );
  expect(await refused('--preset', 'fvd', '--end-point', 'Mixed_4b')).toMatch(/^i3d: The preset fvd says what is kept/);
});

test.each([
  ['fvd', { crops: 10 }, /The preset fvd takes the middle alone; crops are of finspire and ucf-crime-32/],
  ['video_features', { crops: 1 }, /takes the middle alone/],
  ['fvd', { step: 4 }, /The preset fvd looks at the first frames alone: it has no step/],
  ['piergiaj', { step: 8 }, /looks at the whole video; a step goes with a stack/],
] as const)('%s refuses %j, which would change nothing', (preset, settings, message) => {
  const { spec } = formulaNetwork('rgb');
  expect(() => extraction(preset, spec, settings, 'rgb')).toThrow(message);
});

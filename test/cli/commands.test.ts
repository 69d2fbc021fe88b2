import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type FloatTensor, floatTensor } from '../../src/core/tensor.ts';
import { readI3dCheckpoint } from '../../src/i3d/checkpoint.ts';
import { encodeFlo } from '../../src/io/flo.ts';
import { decodeNpy, encodeNpy } from '../../src/io/npy.ts';
import { loadWeights, saveSafetensors } from '../../src/io/weights.ts';
import { testFolder } from '../folder.ts';
import { expectClose } from '../harness.ts';
import { describeWithShared } from '../shared.ts';
import { i3d } from './command.ts';

const folder = testFolder('i3d-commands-');
const at = (name: string): string => join(folder, name);
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

/** Runs a command that must succeed and print nothing but its result. */
async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await i3d(args);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
}

/** A smooth texture that moves by one pixel to the right and half a pixel down from frame to frame. */
function movingTexture(frames: number, side: number): string {
  const data = new Uint8Array(frames * side * side * 3);
  for (let t = 0, i = 0; t < frames; t++) {
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const [u, v] = [x - t, y - t / 2];
        const value = 128 + 50 * Math.sin(0.31 * u + 0.2 * v) + 45 * Math.cos(0.23 * v - 0.11 * u);
        for (let c = 0; c < 3; c++) data[i++] = Math.round(value);
      }
    }
  }
  const path = at(`texture${frames}.npy`);
  writeFileSync(path, encodeNpy({ dtype: 'u8', shape: [frames, side, side, 3], data }));
  return path;
}

test('help and version', async () => {
  const help = await run();
  for (const command of ['classify', 'flow', 'inspect', 'convert', 'inflate', 'verify', 'doctor', 'demo'])
    expect(help).toContain(command);
  expect(await run('classify', '--help')).toContain('--flow-input');
  expect(await run('--version')).toBe(`${json(new URL('../../package.json', import.meta.url).pathname).version}\n`);
});

describe('doctor', () => {
  test('shows the adapter and tries it', async () => {
    const report = JSON.parse(await run('doctor', '--json'));
    expect(report.adapter.name).not.toBe('');
    expect(report.adapter.trialMs).toBeGreaterThan(0);
    expect(report.adapter.subgroupMatrix).toBeNull();
    expect(report.adapter.limits.maxStorageBufferBindingSize).toBeGreaterThan(1 << 20);
    expect(report.ffmpeg).toContain('node-av');
    expect(report.missing.filter(({ required }: { required: boolean }) => required)).toEqual([]);
  });

  test.runIf(process.platform === 'linux')('says what is missing where there is no adapter', async () => {
    const { code, stdout } = await i3d(['doctor'], { VK_DRIVER_FILES: '/nonexistent.json' });
    expect(code).toBe(1);
    expect(stdout).toMatch(/adapter +none/);
    expect(stdout).toContain('Missing: adapter.');
    expect(stdout).toContain('VK_DRIVER_FILES limits Vulkan to /nonexistent.json');
  });
});

describe('inspect', () => {
  test('lists the plan of a model', async () => {
    const plan = JSON.parse(await run('inspect', 'i3d-flow', '--frames', '9', '--json'));
    expect(plan).toMatchObject({ model: 'i3d-flow', frames: 9, height: 224, channels: 2 });
    expect(plan.nodes[0]).toMatchObject({ node: 'Conv3d_1a_7x7', shapes: [[1, 5, 112, 112, 64]] });
    expect(plan.flops).toBeGreaterThan(2e10);
    expect(plan.memory.arena).toBeGreaterThanOrEqual(plan.memory.lowerBound);
    for (const { kernel, chosenBy, considered } of plan.nodes) {
      expect(chosenBy).toEqual({ by: 'estimate' });
      expect(considered[0].kernel).toBe(kernel);
      const estimates = considered.map(({ estimate }: { estimate?: number }) => estimate ?? Number.POSITIVE_INFINITY);
      expect(estimates).toEqual([...estimates].sort((a, b) => a - b));
    }
  });

  test('says which kernels were considered for each node, and why one was taken', async () => {
    const text = await run('inspect', 'i3d-flow', '--frames', '9', '--choices', '--kernel', 'direct');
    expect(text).toMatch(/\nnode +kernel +estimated ms +why\n/);
    expect(text).toMatch(/\nConv3d_1a_7x7 +▸ +direct +[\d.e+]+ +asked for by name\n/);
    expect(text).toMatch(/\nMaxPool3d_2a_3x3 +▸ +window +[\d.]+ +there is no other\n/);
    expect(text).toMatch(/\n +and \d+ more\n/);
  });

  test('lists the tensors of a checkpoint of any kind', async () => {
    const tensors = new Map([
      ['b', floatTensor([2, 3], new Float32Array(6))],
      ['a', floatTensor([4], new Float32Array(4))],
    ]);
    await saveSafetensors(at('other.safetensors'), tensors);
    const text = await run('inspect', at('other.safetensors'));
    expect(text).toMatch(/other\.safetensors: of no known model: .*2 tensors/);
    expect(text).toMatch(/\nb +f32 +2×3 +6\na +f32 +4 +4\n/);
    const listed = JSON.parse(await run('inspect', at('other.safetensors'), '--json'));
    expect(listed).toMatchObject({ weights: null, parameters: 10 });
  });
});

test('convert writes what is no I3D as it is, and says so', async () => {
  await saveSafetensors(at('in.safetensors'), new Map([['w', floatTensor([2], [1, 2])]]));
  const { code, stdout, stderr } = await i3d(['convert', at('in.safetensors'), at('out.safetensors')]);
  expect(code).toBe(0);
  expect(stderr).toMatch(/^i3d: .* It was written as it is\.\n$/);
  expect(stdout).toContain('of no known model, 1 tensor, 2 values');
  expect([...(await loadWeights(at('out.safetensors'))).get('w')!.data]).toEqual([1, 2]);
});

test('the demonstration recognises a clip that no model has seen, and writes a page', async () => {
  const text = await run('demo', '--out', at('demo'));
  expect(text).toMatch(/1 {2}\S.* %/);
  expect(text).toContain('That is right');
  expect(readdirSync(at('demo'))).toEqual([expect.stringMatching(/\.mp4$/), 'report.html']);
});

describe('flow', () => {
  test('of a moving texture, as an array, as files and in colour', async () => {
    const clip = movingTexture(3, 64);
    expect(await run('flow', clip, '--out', at('flow.npy'))).toMatch(/^2 pairs of 64×64 in /);
    const { shape, data } = decodeNpy(readFileSync(at('flow.npy')), 'flow.npy') as FloatTensor;
    expect(shape).toEqual([2, 64, 64, 2]);
    const inner = Array.from({ length: 32 }, (_, i) => ((16 + i) * 64 + 16 + i) * 2);
    for (const [axis, expected] of [1, 0.5].entries()) {
      const mean = inner.reduce((sum, index) => sum + data[index + axis]!, 0) / inner.length;
      expect(mean).toBeCloseTo(expected, 1);
    }
    await run('flow', clip, '--out', at('files'), '--size', '32x32');
    expect(readdirSync(at('files'))).toEqual(['flow_00000.flo', 'flow_00001.flo']);
    await run('flow', clip, '--frames', '2', '--out', at('one.png'));
    expect(readFileSync(at('one.png')).subarray(1, 4).toString()).toBe('PNG');
  });

  test('against a truth', async () => {
    const truth = new Float32Array(64 * 64 * 2).map((_, i) => (i % 2 === 0 ? 1 : 0.5));
    writeFileSync(at('truth.flo'), encodeFlo(floatTensor([64, 64, 2], truth)));
    const facts = JSON.parse(await run('flow', movingTexture(2, 64), '--compare', at('truth.flo'), '--json'));
    expect(facts).toMatchObject({ pairs: 1, width: 64, height: 64, validPixels: 4096 });
    expect(facts.endPointError).toBeLessThan(0.25);
  });
});

describeWithShared(
  'classify',
  [
    'clips/cricket_rgb.gif',
    'checkpoints/i3d_rgb_legacy.pt',
    'checkpoints/i3d_flow_zip.pt',
    'golden/rgb_frames_u8.npy',
    'golden/tvl1_opencv_f32.npy',
    'golden/i3d_rgb_T16.json',
    'golden/two_stream_T16.json',
  ],
  (gif, rgb, flow, frames, flowArray, rgbGolden, bothGolden) => {
    test('a GIF and the same frames as an array agree, and agree with PyTorch', async () => {
      const args = ['--rgb', rgb, '--frames', '16', '--json'];
      const [fromGif, fromArray] = [
        JSON.parse(await run('classify', gif, ...args)),
        JSON.parse(await run('classify', frames, ...args, '--logits', '--top', '3')),
      ];
      expectClose(fromGif.streams.rgb.logits, json(rgbGolden).Logits.mean_over_time.flat(), 1e-3);
      expect(fromArray.logits).toEqual(fromGif.streams.rgb.logits);
      expect(fromGif.logits).toBeUndefined();
      expect(fromGif).toMatchObject({ input: gif, frames: 16, windows: [{ start: 0, frames: 16 }] });
      expect(fromGif.top).toHaveLength(5);
      expect(fromArray.top).toHaveLength(3);
      expect(fromGif.top[0]).toMatchObject({ rank: 1, index: 272, label: 'riding mule' });
      expect(Object.keys(fromGif.seconds)).toEqual(['decode', 'prepare', 'compile', 'run', 'total']);
      expect(fromGif.adapter).not.toBe('');
    });

    test('two streams agree with PyTorch where the flow is given; the report shows them', async () => {
      const report = at('report.html');
      const args = ['--rgb', rgb, '--flow', flow, '--flow-input', flowArray, '--frames', '16', '--report', report];
      const result = JSON.parse(await run('classify', gif, ...args, '--json'));
      const golden = json(bothGolden);
      expectClose(result.logits, golden.logits.flat(), 1e-3);
      const [indices, best] = [
        result.top.map(({ index }: { index: number }) => index),
        golden.top5.map(([index]: [number]) => index),
      ];
      expect(indices).toEqual(best);
      expect(result.streams.flow.logits).toHaveLength(400);
      const page = readFileSync(report, 'utf8');
      expect(page.match(/<img src="data:image\/png;base64,/g)).toHaveLength(17);
      expect(page).not.toMatch(/(src|href)="(?!data:)/);
      for (const title of ['>RGB<', '>Flow<', '>Both together<']) expect(page).toContain(title);
      expect(page).toContain(result.top[0].label);
    });

    test('convert gives the same network', async () => {
      expect(await run('convert', flow, at('flow.safetensors'))).toContain('I3D, flow, 400 classes');
      const [before, after] = [
        readI3dCheckpoint(await loadWeights(flow), flow),
        readI3dCheckpoint(await loadWeights(at('flow.safetensors')), 'flow.safetensors'),
      ];
      expect(after).toMatchObject({ naming: 'native', stream: 'flow', classes: 400 });
      for (const [name, { data }] of before.parameters) {
        const copy = after.parameters.get(name)!.data;
        expect(
          Buffer.compare(
            Buffer.from(copy.buffer, copy.byteOffset, copy.byteLength),
            Buffer.from(data.buffer, data.byteOffset, data.byteLength),
          ),
          name,
        ).toBe(0);
      }
    });
  },
);

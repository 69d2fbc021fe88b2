import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkpointShapes } from '../../src/i3d/checkpoint.ts';
import { encodeFlo } from '../../src/io/flo.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { testFolder } from '../folder.ts';
import { shared } from '../shared.ts';
import { hostileCheckpoint, zeroCheckpoint } from './checkpoint.ts';
import { type CommandResult, i3d } from './command.ts';

const folder = testFolder('i3d-errors-');

function file(name: string, contents: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
}

const frames = (count: number, side = 224) =>
  encodeNpy({ dtype: 'u8', shape: [count, side, side, 3], data: new Uint8Array(count * side * side * 3) });

const clip = file('clip.npy', frames(12));
const stem = { 'Conv3d_1a_7x7.conv3d.weight': [64, 3, 7, 7, 7], 'logits.conv3d.weight': [5, 1024, 1, 1, 1] };
const incomplete = file('incomplete.pt', zeroCheckpoint(stem));
const misshapen = file('misshapen.pt', zeroCheckpoint({ ...stem, 'Conv3d_1a_7x7.bn.weight': [65] }));
/** Weights with nothing wrong about them: what they are of says which clips they take. */
const zeros = (channels: number) => zeroCheckpoint(Object.fromEntries(checkpointShapes('pytorch', channels, 5)));
const whole = file('whole.pt', zeros(3));
const wholeFlow = file('whole-flow.pt', zeros(2));
const hostile = file('hostile.pt', hostileCheckpoint());
const rgb = shared('checkpoints/i3d_rgb_legacy.pt');
const flow = shared('checkpoints/i3d_flow_zip.pt');
mkdirSync(join(folder, 'empty'));

type Case = readonly [name: string, args: readonly string[], message: RegExp];

const cases: Case[] = [
  ['an empty file', ['classify', file('empty.mp4', ''), '--rgb', whole], /empty\.mp4 is empty/],
  ['a text file named .mp4', ['classify', file('text.mp4', 'hello\n'), '--rgb', whole], /not a video/],
  ['an empty folder', ['classify', join(folder, 'empty'), '--rgb', whole], /holds no images/],
  ['a missing path', ['classify', join(folder, 'none.mp4'), '--rgb', whole], /none\.mp4 does not exist/],
  ['a missing .npy', ['classify', join(folder, 'none.npy'), '--rgb', whole], /none\.npy does not exist/],
  [
    'an array that is no clip',
    ['classify', file('flat.npy', encodeNpy({ dtype: 'f32', shape: [4], data: new Float32Array(4) })), '--rgb', whole],
    /flat\.npy holds f32 4; a clip is T×H×W×3/,
  ],
  [
    'float frames that are not normalised',
    [
      'classify',
      file('loud.npy', encodeNpy({ dtype: 'f32', shape: [9, 1, 1, 3], data: new Float32Array(27).fill(255) })),
      '--rgb',
      whole,
    ],
    /loud\.npy holds values up to 255/,
  ],
  ['--frames 0', ['classify', clip, '--rgb', whole, '--frames', '0'], /at least 9, .* not 0\.$/],
  ['--frames 3', ['classify', clip, '--rgb', whole, '--frames', '3'], /at least 9, .* not 3\.$/],
  ['--frames -1', ['classify', clip, '--rgb', whole, '--frames', '-1'], /at least 9, .* not -1\.$/],
  ['--frames 9.5', ['classify', clip, '--rgb', misshapen, '--frames', '9.5'], /whole number/],
  ['--start beyond the end', ['classify', clip, '--rgb', whole, '--start', '12'], /none of them from frame 12 on/],
  ['a clip shorter than asked', ['classify', clip, '--rgb', whole, '--frames', '13'], /but the clip has 12 frames/],
  ['a clip too short', ['classify', file('eight.npy', frames(8)), '--rgb', whole], /at least 9 frames/],
  ['--fps 0', ['classify', clip, '--rgb', misshapen, '--fps', '0'], /positive number or "native"/],
  ['--top 0', ['classify', clip, '--rgb', misshapen, '--top', '0'], /at least 1/],
  ['no weights', ['classify', clip], /classify needs weights/],
  ['missing weights', ['classify', clip, '--rgb', join(folder, 'none.pt')], /none\.pt does not exist/],
  ['a folder as weights', ['classify', clip, '--rgb', folder], /is a folder/],
  ['a text file as weights', ['classify', clip, '--rgb', file('text.pt', 'hello\n')], /is a text file/],
  ['weights with a wrong shape', ['classify', clip, '--rgb', misshapen], /bn\.weight has shape 65; I3D wants 64\./],
  ['incomplete weights', ['classify', clip, '--rgb', incomplete], /has no tensor Conv3d_1a_7x7\.bn\.weight/],
  ['weights that import os.system', ['classify', clip, '--rgb', hostile], /wants to import os\.system/],
  ['--stream without its weights', ['classify', clip, '--rgb', misshapen, '--stream', 'both'], /needs .* --flow\.$/],
  ['one weight for two streams', ['classify', clip, '--rgb', misshapen, '--weights', '1'], /takes two weights/],
  ['an unknown fusion', ['classify', clip, '--rgb', misshapen, '--fusion', 'sum'], /logits, probabilities/],
  [
    'a report in no folder',
    ['classify', clip, '--rgb', misshapen, '--report', join(folder, 'none', 'x.html')],
    /the folder .*none does not exist/,
  ],
  [
    'NaN in a flow file',
    [
      'classify',
      clip,
      '--flow',
      wholeFlow,
      '--flow-input',
      file('nan.npy', encodeNpy({ dtype: 'f32', shape: [9, 1, 1, 2], data: new Float32Array(18).fill(Number.NaN) })),
    ],
    /nan\.npy holds NaN, a value that is no finite number, at frame 0, row 0, column 0, channel 0\./,
  ],
  ['a clip as flow', ['classify', clip, '--flow', wholeFlow, '--flow-input', clip], /flow is float32 T×H×W×2/],
  ['flow of one frame', ['flow', file('one.npy', frames(1, 16)), '--out', join(folder, 'x.npy')], /two frames or more/],
  ['flow of images of two sizes', ['flow', clip, file('two.npy', frames(1, 16)), '--out', 'x.npy'], /the same size/],
  ['flow without --out', ['flow', clip], /needs --out/],
  ['flow to an unknown kind', ['flow', clip, '--out', join(folder, 'x.gif')], /must end in/],
  ['flow parameters', ['flow', clip, '--out', join(folder, 'x.npy'), '--set', 'tau=2'], /tau must be from/],
  [
    'a .flo with a wrong magic number',
    ['flow', clip, '--compare', file('bad.flo', 'PIEX0000000000000000')],
    /does not begin with "PIEH"/,
  ],
  [
    'a .flo that knows nothing',
    [
      'flow',
      clip,
      '--compare',
      file('unknown.flo', encodeFlo({ dtype: 'f32', shape: [2, 2, 2], data: new Float32Array(8).fill(Number.NaN) })),
    ],
    /unknown\.flo is unknown at every pixel/,
  ],
  ['convert to another format', ['convert', incomplete, join(folder, 'x.pt')], /must end in \.safetensors/],
  ['inspect a missing file', ['inspect', join(folder, 'none.pt')], /none\.pt does not exist/],
  ['no input', ['classify'], /classify needs weights/],
  ['an unknown command', ['clasify'], /unknown command 'clasify'/],
  [
    'a file named like an option',
    ['classify', '-video.mp4', '--rgb', incomplete],
    /'-video\.mp4'; .*\.\/-video\.mp4, or/,
  ],
  ['an empty value', ['classify', clip, '--rgb', ''], /--rgb was given an empty value\./],
  ['an unknown option', ['classify', clip, '--rbg', incomplete], /unknown option '--rbg'/],
];

const broken = shared('broken');
if (broken) {
  for (const name of readdirSync(broken)) {
    cases.push([`../shared/broken/${name}`, ['classify', join(broken, name), '--rgb', rgb ?? incomplete], /./]);
  }
}
if (rgb && flow) {
  const cut = file('cut.pt', readFileSync(rgb).subarray(0, 2_000_000));
  cases.push(
    ['truncated weights', ['classify', clip, '--rgb', cut], /cut\.pt is cut short/],
    ['weights of the other stream', ['classify', clip, '--rgb', flow], /give them as --flow\.$/],
    ['labels that do not fit', ['classify', clip, '--rgb', rgb, '--labels', file('l.txt', 'one\n')], /has 1 name,/],
    ['missing labels', ['classify', clip, '--rgb', rgb, '--labels', 'none.txt'], /none\.txt does not exist/],
  );
}

describe(`bad input gives one sentence and exit code 1${broken ? '' : ' (../shared/broken is missing)'}`, () => {
  // Two at a time: a process needs half a second to start, and more would only wait for the two cores.
  const results = new Map<string, Promise<CommandResult>>();
  let lanes: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
  for (const [i, [name, args]] of cases.entries()) {
    const lane = lanes[i % 2]!;
    const run = lane.then(() => i3d(args));
    results.set(name, run);
    lanes = lanes.with(i % 2, run);
  }

  test.each(cases)('%s', async (name, _, message) => {
    const { code, stdout, stderr } = (await results.get(name))!;
    expect(stderr).toMatch(/^i3d: [^\n]+\n$/);
    expect(stderr.trim()).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at |Error:|node:internal/);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });
});

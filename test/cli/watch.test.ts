/** @file `i3d watch` on files, pipes and addresses that break, as a shell runs it. */

import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeVideo } from '../../src/io/encode.ts';
import { saveModelFile } from '../../src/train/run/model_files.ts';
import { testFolder } from '../folder.ts';
import { writeMedia } from '../io/media.ts';
import { clip } from '../recognition/clips.ts';
import { i3d, startI3d } from './command.ts';
import { formulaNetwork } from './small_model.ts';

const folder = testFolder('i3d-watch-');
const at = (name: string): string => join(folder, name);
const WIDTH = 64;
const HEIGHT = 48;
const FRAMES = 30;
const SIZE = 8;

/** Frames of a moving texture, one behind the other. */
const { data: pixels } = clip(FRAMES, HEIGHT, WIDTH);
const frames = Array.from({ length: FRAMES }, (_, i) =>
  pixels.subarray(i * WIDTH * HEIGHT * 3, (i + 1) * WIDTH * HEIGHT * 3),
);

beforeAll(async () => {
  const track = { codec: 'mpeg2video', width: WIDTH, height: HEIGHT, fps: 25, frames };
  await writeVideo(at('clip.mp4'), frames, { width: WIDTH, height: HEIGHT, fps: 25 });
  await writeMedia(at('clip.ts'), 'mpegts', [track]);
  await mkdir(at('model'));
  for (const stream of ['rgb', 'flow'] as const) {
    const network = formulaNetwork(stream, { fps: 25, flowPreset: 'fast' });
    await saveModelFile(at(`model/${stream}.safetensors`), { ...network, classes: ['wave', 'walk', 'jump'] });
  }
});

interface Line extends Readonly<Record<string, unknown>> {
  readonly type: string;
  readonly from: number;
  readonly to: number;
  readonly latency: number;
  readonly dropped: number;
  readonly top: readonly { readonly label: string; readonly probability: number }[];
}

const linesOf = (text: string): Line[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

interface Watched {
  readonly code: number | null;
  readonly lines: readonly Line[];
  readonly stderr: string;
}

/** Runs until it ends, or `until` is true of a line: then Ctrl-C. */
function watch(args: readonly string[], until?: (line: Line) => boolean, input?: Uint8Array): Promise<Watched> {
  return new Promise((resolve, reject) => {
    const child = startI3d(['watch', ...args, '--json'], ['pipe', 'pipe', 'pipe']);
    let [stdout, stderr, seen] = ['', '', 0];
    child.stdout!.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      const whole = linesOf(stdout.slice(0, stdout.lastIndexOf('\n') + 1));
      if (whole.slice(seen).some((line) => until?.(line))) child.kill('SIGINT');
      seen = whole.length;
    });
    child.stderr!.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, lines: linesOf(stdout), stderr }));
    // A program that ends early leaves the rest of its input.
    child.stdin!.on('error', () => undefined);
    if (input) child.stdin!.write(input);
    if (input || !args.includes('-')) child.stdin!.end();
  });
}

const windowsOf = ({ lines }: Watched) => lines.filter(({ type }) => type === 'window');
const summaryOf = ({ lines }: Watched) => lines.at(-1)!;

test('a file as fast as it goes: every window, with the numbers of classify', async () => {
  for (const stream of ['rgb', 'both']) {
    const model = ['--model', at('model'), '--stream', stream];
    const made = await watch([at('clip.mp4'), ...model, '--fast', '--every', '0.16']);
    expect(made.stderr).toBe('');
    expect(made.code).toBe(0);
    const windows = windowsOf(made);
    expect(windows.map(({ from, to }) => [from, to])).toEqual(
      [0, 4, 8, 12, 16, 20].map((start) => [start / 25, (start + SIZE) / 25]),
    );
    const other = await i3d(['classify', at('clip.mp4'), ...model, '--start', '12', '--frames', '8', '--json']);
    const [best] = (JSON.parse(other.stdout) as { top: Line['top'] }).top;
    const own = windows[3]!.top.find(({ label }) => label === best!.label)!;
    expect(Math.abs(own.probability - best!.probability)).toBeLessThan(1e-5);
    expect(made.lines[0]).toMatchObject({ type: 'opened', width: 53, fps: 25, frames: 8, window: 0.32, every: 0.16 });
    expect(summaryOf(made)).toMatchObject({ type: 'summary', windows: 6, dropped: 0, reconnects: 0 });
  }
});

test('a file at its own speed takes as long as it lasts, and ends', async () => {
  const made = await watch([at('clip.mp4'), '--model', at('model'), '--stream', 'rgb']);
  expect(made.code).toBe(0);
  const { windows, dropped, seconds, latency } = summaryOf(made) as unknown as Record<string, number> & {
    latency: { median: number; p95: number };
  };
  expect(seconds).toBeGreaterThan((FRAMES - 1) / 25);
  // A window each two frames.
  expect(windows! + dropped!).toBe(12);
  expect(latency.p95).toBeGreaterThanOrEqual(latency.median);
  expect(windowsOf(made).at(-1)!.to).toBe(1.2);
});

test('standard input: a video, raw frames, and neither', async () => {
  const model = ['--model', at('model'), '--stream', 'rgb', '--fast', '--every', '0.16'];
  const file = windowsOf(await watch([at('clip.ts'), ...model]));
  const piped = await watch(['-', ...model], undefined, readFileSync(at('clip.ts')));
  expect(piped.code).toBe(0);
  expect(windowsOf(piped).map(({ from, top }) => [from, top])).toEqual(file.map(({ from, top }) => [from, top]));
  const raw = ['--pixels', 'rgb24', '--size', `${WIDTH}x${HEIGHT}`];
  const bytes = await watch(['-', ...model, ...raw], undefined, pixels);
  expect(bytes.stderr).toBe('');
  expect(windowsOf(bytes)).toHaveLength(6);
  const nothing = await watch(['-', ...model], undefined, Buffer.from('no video at all, whatever it may be'));
  expect(nothing.code).toBe(1);
  expect(nothing.stderr).toMatch(/^i3d: standard input cannot be opened as a video \(.+\)\.\n$/);
});

test('Ctrl-C ends a watch that waits for frames, with its summary', async () => {
  const raw = ['--pixels', 'rgb24', '--size', `${WIDTH}x${HEIGHT}`];
  // As many frames as one window needs, and then a pipe that stays open.
  const child = startI3d(['watch', '-', '--model', at('model'), '--stream', 'rgb', ...raw], ['pipe', 'pipe', 'pipe']);
  let stdout = '';
  child.stdout!.setEncoding('utf8').on('data', (text) => {
    if (stdout === '') child.kill('SIGINT');
    stdout += text;
  });
  child.stdin!.write(pixels.subarray(0, (SIZE + 1) * WIDTH * HEIGHT * 3));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^ {2}0:00\.3 {2}(wave|walk|jump) \d+\.\d %, .+ s\n1 window in .+, 0 dropped, latency .+, opened again 0 times\n$/,
  );
});

describe('an address', () => {
  /** Answers the n-th request, from 1 on. */
  async function served<T>(answer: (response: ServerResponse, n: number) => void, body: (url: string) => Promise<T>) {
    let count = 0;
    const server = createServer((_, response) => answer(response, ++count));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      return await body(`http://user:secret@127.0.0.1:${(server.address() as AddressInfo).port}/live`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  test('a stream that breaks, is refused, and comes back is opened again', async () => {
    const stream = readFileSync(at('clip.ts'));
    const answer = (response: ServerResponse, n: number): void => {
      if (n === 2) {
        response.writeHead(503).end();
        return;
      }
      response.writeHead(200, { 'Content-Type': 'video/mp2t' });
      // Cut off in the middle of a packet, without an end.
      response.write(stream.subarray(0, n === 1 ? stream.length - 100 : stream.length), () =>
        setTimeout(() => response.destroy(), 200),
      );
    };
    let broken = 0;
    const until = (line: Line) => line.type === 'window' && broken >= 2;
    const made = await served(answer, (url) =>
      watch([url, '--model', at('model'), '--stream', 'rgb'], (line) => {
        if (line.type === 'broken') broken++;
        return until(line);
      }),
    );
    expect(made.code).toBe(0);
    expect(made.stderr).not.toContain('secret');
    const [, name] = /^i3d: (http:\S+): it has ended; it is opened again in 0\.5 s$/m.exec(made.stderr)!;
    expect(name).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/live$/);
    expect(made.stderr).toMatch(/cannot be opened as a video \(.*5XX.*\); it is opened again in 1 s$/m);
    expect(made.lines.filter(({ type }) => type === 'opened')).toHaveLength(2);
    expect(summaryOf(made)).toMatchObject({ type: 'summary', reconnects: 1 });
  });

  test('a recording at an address is played once', async () => {
    const file = readFileSync(at('clip.mp4'));
    const answer = (response: ServerResponse): void => {
      response.writeHead(200, { 'Content-Type': 'video/mp4', 'Content-Length': file.length }).end(file);
    };
    const made = await served(answer, (url) => watch([url, '--model', at('model'), '--stream', 'rgb']));
    expect(made.stderr).toBe('');
    expect(made.code).toBe(0);
    const { windows, dropped, reconnects } = summaryOf(made) as unknown as Record<string, number>;
    expect([windows! + dropped!, reconnects]).toEqual([12, 0]);
  });
});

test('a device of FFmpeg that ends is opened again, as a camera that is unplugged', async () => {
  const device = [`testsrc2=size=${WIDTH}x${HEIGHT}:rate=25:duration=1,realtime`, '--format', 'lavfi'];
  let opened = 0;
  const made = await watch([...device, '--model', at('model'), '--stream', 'rgb'], ({ type }) => {
    if (type === 'opened') opened++;
    return type === 'window' && opened === 2;
  });
  expect(made.code).toBe(0);
  expect(made.stderr).toMatch(/^i3d: testsrc2\S+: it has ended; it is opened again in 0\.5 s\n$/);
  expect(summaryOf(made)).toMatchObject({ reconnects: 1 });
});

test('a command is run when a class appears, beside the watch, and its failure is only said', async () => {
  const model = ['--model', at('model'), '--stream', 'rgb', '--fast'];
  const all = windowsOf(await watch([at('clip.mp4'), ...model]));
  const { label } = all[0]!.top[0]!;
  const note = `node -e "fs.writeFileSync(process.argv[1], [process.env.I3D_CLASS, process.env.I3D_SCORE, process.env.I3D_FROM, process.env.I3D_TO, process.env.I3D_SOURCE, new Date(process.env.I3D_TIME).getFullYear() > 2000].join())" "${at('note')}"`;
  const on = ['--on', label, '--threshold', '0.01', '--cool-down', '0'];
  const made = await watch([at('clip.mp4'), ...model, ...on, '--run', `${note}; echo said; exit 3`]);
  expect(made.code).toBe(0);
  // It never goes, so it appears once.
  expect(made.lines.filter(({ type }) => type === 'seen')).toEqual([
    expect.objectContaining({ class: label, from: 0, to: 0.32 }),
  ]);
  expect(summaryOf(made)).toMatchObject({ windows: 12, commands: 1 });
  const deadline = Date.now() + 60_000;
  let text = '';
  while (text === '' && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    try {
      text = readFileSync(at('note'), 'utf8');
    } catch {}
  }
  expect(text).toMatch(new RegExp(`^${label},[01]\\.\\d{4},0\\.00,0\\.32,.*clip\\.mp4,true$`));
  const slow = await watch([at('clip.mp4'), '--model', at('model'), '--stream', 'rgb', ...on, '--run', 'exit 3']);
  expect(slow.stderr).toBe(`i3d: --run: exit 3 ended with the code 3 (${label}).\n`);
  expect(slow.code).toBe(0);
});

describe('what cannot be watched is one sentence', () => {
  const model = () => ['--model', at('model'), '--stream', 'rgb'];

  test.each<[string, string[], RegExp]>([
    ['no such file', ['nothing.mp4'], /^nothing\.mp4 does not exist; use an mp4/],
    ['no such camera', ['/dev/video97'], /^\/dev\/video97 cannot be opened as a video \(No such file or directory\)/],
    [
      'no camera of that number',
      ['camera:97'],
      /^camera:97 cannot be opened as a video \(No such file or directory\); (no camera was found|there is .+)\.$/,
    ],
    [
      'nobody listens',
      ['http://127.0.0.1:9/live'],
      /^http:\/\/127\.0\.0\.1:9\/live cannot be opened as a video \(Connection refused\)\.$/,
    ],
    [
      'a protocol that there is not',
      ['foo://camera/live'],
      /^foo:\/\/camera\/live cannot be opened as a video \(.+\)\.$/,
    ],
    [
      'an address that leads into this machine',
      ['concat://a.ts|b.ts'],
      /^concat:\/\/a\.ts\|b\.ts cannot be opened as a video/,
    ],
    [
      'raw frames of no size',
      ['-', '--pixels', 'rgb24'],
      /^Raw frames do not say their size: give it as --size WIDTHxHEIGHT\.$/,
    ],
    [
      'pixels that there are not',
      ['-', '--pixels', 'rgb', '--size', '8x8'],
      /^FFmpeg has no pixels rgb; there are rgb24/,
    ],
    ['raw frames of a file', ['a.raw', '--pixels', 'rgb24'], /^Raw frames are read from standard input only/],
    [
      'a size of a file',
      ['a.mp4', '--size', '8x8'],
      /^--size is for cameras and raw frames; a file says that itself\.$/,
    ],
    ['a format that there is not', ['x', '--format', 'nope'], /^This FFmpeg cannot read the format nope\.$/],
    ['no class', ['a.mp4', '--on', 'wav,walk'], /^--on: the model has no class "wav"; did you mean wave\?$/],
    [
      'no class that is like it',
      ['a.mp4', '--on', 'xylophone'],
      /^--on: the model has no class "xylophone"; there are wave, walk and jump\.$/,
    ],
    ['a command without a class', ['a.mp4', '--run', 'true'], /^--run needs --on/],
    ['a threshold', ['a.mp4', '--on', 'wave', '--threshold', '50'], /It must be above 0 and at most 1\./],
  ])('%s', async (_, args, sentence) => {
    const { code, stderr, stdout } = await i3d(['watch', ...args, ...model()]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.replace(/^i3d: /, '').trimEnd()).toMatch(sentence);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('a recording that is shorter than a window', async () => {
    await writeVideo(at('short.mp4'), frames.slice(0, 5), { width: WIDTH, height: HEIGHT, fps: 25 });
    const { code, stderr } = await i3d(['watch', at('short.mp4'), ...model(), '--json']);
    expect(code).toBe(1);
    expect(stderr).toContain('short.mp4 has 5 frames at 25 Hz, and a window of the model has 8.');
  });
});

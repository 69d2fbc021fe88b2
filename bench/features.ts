/**
 * @file `bench features`: what `i3d features` makes of a long video and of a short one, beside the networks, the flow and the decoder alone, and
 * whether memory grows.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Extractor } from '../src/cli/features/extractor.ts';
import { chooseNetworks } from '../src/cli/networks.ts';
import { Session } from '../src/cli/session.ts';
import type { Stream } from '../src/models/definition.ts';
import { Recogniser } from '../src/models/recogniser.ts';
import { openFrames, writeVideo } from '../src/node.ts';
import { digits, percent, table } from './format.ts';
import { median } from './measure.ts';
import { print, progress, writeJson } from './report.ts';

export interface FeaturesBenchOptions {
  readonly minutes: number;
  /** Of the short video. */
  readonly seconds: number;
  /** Pixels of the frames' sides. */
  readonly size: number;
  readonly stream: Stream | 'both';
  readonly model: string;
  readonly json?: string;
}

const FPS = 25;

/** Milliseconds between two looks at the memory. */
const LOOK = 500;

interface Extracted {
  readonly name: string;
  readonly frames: number;
  readonly windows: number;
  readonly msPerWindow: number;
  /** Of all threads, the software adapter's among them: what others do on the machine changes it little. */
  readonly cpuMsPerWindow: number;
  /** Bytes; medians of the first and the last fifth behind the first tenth, and the largest. */
  readonly memory: { readonly first: number; readonly last: number; readonly most: number };
}

/** Frames that move, without an end: bytes of a texture that is shifted by a pixel for each. */
export function* moving(count: number, size: number): Generator<Uint8Array> {
  const row = size * 3;
  const texture = Uint8Array.from(
    { length: 2 * size * row },
    (_, i) => 128 + 100 * Math.sin(i * 0.013) * Math.cos((i / row) * 0.21),
  );
  for (let i = 0; i < count; i++) yield texture.slice((i % size) * row, (i % size) * row + size * row);
}

export async function benchFeatures({
  minutes,
  seconds,
  size,
  stream,
  model,
  json,
}: FeaturesBenchOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'i3d-bench-features-'));
  const session = new Session();
  try {
    const chosen = await chooseNetworks({ model, stream }, () => undefined, { command: 'features', headless: true });
    const gpu = await session.gpu();
    const counts = { short: seconds * FPS, long: Math.round(minutes * 60 * FPS) };
    for (const [name, count] of Object.entries(counts)) {
      progress(`writing ${count} frames …`);
      await writeVideo(join(folder, `${name}.mp4`), moving(count, size), { width: size, height: size, fps: FPS });
    }
    const { ms: alone, cpuMs: cpuAlone } = await networksAlone();
    const decode = await decoderAlone(join(folder, 'short.mp4'));
    const extractor = new Extractor(chosen, { preset: 'ucf-crime-32', stack: 16 }, session);
    const runs: Extracted[] = [];
    // The first run compiles; the short video is run again behind the long one.
    for (const [name, file] of [
      ['first', 'short'],
      ['short', 'short'],
      ['long', 'long'],
      ['short again', 'short'],
    ] as const) {
      progress(`${name} …`);
      runs.push({ name, ...(await extracted(extractor, join(folder, `${file}.mp4`))) });
    }
    extractor.dispose();
    progress('');
    const { description } = gpu.profile;
    print(`${description}: ${[...chosen.specs.keys()].join(' and ')}, windows of 16 frames of ${size}×${size}`);
    print(
      `networks alone ${digits(alone)} ms a window (${digits(cpuAlone)} ms of processors), decoder alone ${digits(decode)} ms for 16 frames`,
    );
    print(
      table(
        [
          'video',
          'frames',
          'ms per window',
          'networks alone',
          'of processors',
          'networks alone',
          'clips an hour',
          'memory, MB',
          'at its end',
          'at most',
        ],
        runs.map(({ name, frames, msPerWindow, cpuMsPerWindow, memory }) => [
          name,
          `${frames}`,
          digits(msPerWindow),
          percent(alone / msPerWindow),
          digits(cpuMsPerWindow),
          percent(cpuAlone / cpuMsPerWindow),
          `${Math.round(3.6e6 / msPerWindow)}`,
          ...[memory.first, memory.last, memory.most].map((bytes) => (bytes / 1e6).toFixed(0)),
        ]),
      ),
    );
    await writeJson(json, {
      adapter: description,
      size,
      stream,
      minutes,
      networksAloneMs: alone,
      networksAloneCpuMs: cpuAlone,
      decodeMs: decode,
      runs,
    });

    /** Milliseconds for a window, with the next one waiting, as the extractor has it. */
    async function networksAlone(): Promise<{ ms: number; cpuMs: number }> {
      const made = [...chosen.specs.values()].map((spec) => {
        const { channels, size: side } = spec;
        const length = 16 * side * side * channels;
        const clip =
          spec.stream === 'rgb'
            ? ({ dtype: 'u8', shape: [16, side, side, 3], data: new Uint8Array(length).fill(100) } as const)
            : ({ dtype: 'f32', shape: [16, side, side, channels], data: new Float32Array(length) } as const);
        return { recogniser: new Recogniser(gpu, chosen.load(spec.stream)), clip };
      });
      const window = () =>
        Promise.all(made.map(({ recogniser, clip }) => recogniser.run(clip, undefined, { borrow: true })));
      for (let i = 0; i < 5; i++) await window();
      const times: number[] = [];
      const cpu = process.cpuUsage();
      for (let round = 0; round < 5; round++) {
        const start = performance.now();
        let before = window();
        for (let i = 1; i < 40; i++) {
          const next = window();
          await before;
          before = next;
        }
        await before;
        times.push((performance.now() - start) / 40);
      }
      for (const { recogniser } of made) recogniser.dispose();
      return { ms: median(times), cpuMs: cpuMsSince(cpu) / (times.length * 40) };
    }
  } finally {
    await session.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

async function decoderAlone(path: string): Promise<number> {
  const source = await openFrames(path, { fps: 'native' });
  try {
    const start = performance.now();
    let frames = 0;
    for await (const _ of source.frames()) frames++;
    return ((performance.now() - start) / frames) * 16;
  } finally {
    await source.close();
  }
}

async function extracted(extractor: Extractor, path: string): Promise<Omit<Extracted, 'name'>> {
  const looks: number[] = [];
  const timer = setInterval(() => looks.push(process.memoryUsage().rss), LOOK);
  const start = performance.now();
  const cpu = process.cpuUsage();
  try {
    const { frames, spans } = await extractor.extract(path, () => undefined);
    const msPerWindow = (performance.now() - start) / spans.length;
    const cpuMsPerWindow = cpuMsSince(cpu) / spans.length;
    looks.push(process.memoryUsage().rss);
    const settled = looks.slice(Math.floor(looks.length / 10));
    const fifth = Math.max(1, Math.floor(settled.length / 5));
    const memory = {
      first: median(settled.slice(0, fifth)),
      last: median(settled.slice(-fifth)),
      most: Math.max(...looks),
    };
    return { frames, windows: spans.length, msPerWindow, cpuMsPerWindow, memory };
  } finally {
    clearInterval(timer);
  }
}

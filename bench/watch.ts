/** @file `bench watch`: how late `i3d watch` is on a video that plays for minutes, what it drops, and whether its memory grows. */

import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseNetworks } from '../src/cli/networks.ts';
import { Session } from '../src/cli/session.ts';
import { Watcher } from '../src/cli/watch/watcher.ts';
import type { Stream } from '../src/models/definition.ts';
import { writeVideo } from '../src/node.ts';
import { moving } from './features.ts';
import { digits, table } from './format.ts';
import { median } from './measure.ts';
import { print, progress, writeJson } from './report.ts';

export interface WatchBenchOptions {
  readonly minutes: number;
  /** Pixels of the frames' sides. */
  readonly size: number;
  readonly stream: Stream | 'both';
  /** Seconds from one window to the next; a quarter of a window where left out. */
  readonly every?: number;
  readonly model: string;
  readonly json?: string;
}

const FPS = 25;

/** Milliseconds between two looks at the memory. */
const LOOK = 500;

/** Looks in a minute. */
const MINUTE = 60_000 / LOOK;

export async function benchWatch({ minutes, size, stream, every, model, json }: WatchBenchOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'i3d-bench-watch-'));
  const session = new Session();
  try {
    const chosen = await chooseNetworks({ model, stream }, () => undefined, { command: 'watch' });
    const adapter = (await session.gpu()).profile.description;
    const path = join(folder, 'video.mp4');
    const count = Math.round(minutes * 60 * FPS);
    progress(`writing ${count} frames …`);
    await writeVideo(path, moving(count, size), { width: size, height: size, fps: FPS });
    progress(`playing ${digits(minutes)} minutes …`);
    const watcher = new Watcher(chosen, chosen.classes!, { top: 1, ...(every !== undefined && { every }) }, session);
    const looks: number[] = [];
    let timer: NodeJS.Timeout | undefined;
    const load = [loadavg()[0]!];
    const cpu = process.cpuUsage();
    const observer = {
      opened: async () => undefined,
      broken: async () => undefined,
      window: async () => {
        // Weights and plans are there.
        timer ??= setInterval(() => looks.push(process.memoryUsage().rss), LOOK);
      },
    };
    const summary = await watcher.run(path, observer, new AbortController().signal);
    clearInterval(timer);
    watcher.dispose();
    const { user, system } = process.cpuUsage(cpu);
    load.push(loadavg()[0]!);
    const { windows, dropped, seconds, latency } = summary;
    const memory = {
      first: median(looks.slice(0, MINUTE)),
      last: median(looks.slice(-MINUTE)),
      most: Math.max(...looks),
    };
    progress('');
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
    print(
      table(
        [
          'streams',
          'minutes',
          'windows',
          'dropped',
          'median, s',
          '95 %, s',
          'first minute, MB',
          'last, MB',
          'most, MB',
        ],
        [
          [
            [...chosen.specs.keys()].join(' and '),
            digits(seconds / 60),
            `${windows}`,
            `${dropped}`,
            digits(latency?.median ?? Number.NaN),
            digits(latency?.p95 ?? Number.NaN),
            megabytes(memory.first),
            megabytes(memory.last),
            megabytes(memory.most),
          ],
        ],
      ),
    );
    await writeJson(json, {
      adapter,
      stream,
      size,
      minutes,
      every,
      load,
      processorSeconds: (user + system) / 1e6,
      memory,
      ...summary,
    });
  } finally {
    await session.close();
    await rm(folder, { recursive: true, force: true });
  }
}

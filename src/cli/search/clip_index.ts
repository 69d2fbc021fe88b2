/**
 * @file Where the windows of clips lie in a model's space, kept on disk: what was looked at once is there for the next question. What is kept
 * is found by a key of everything that it follows from (the video, the weights, the kernels' accuracy), never by a name.
 */

import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { type FloatTensor, sizeOf } from '../../core/tensor.ts';
import { Recoverable } from '../../gpu/recover.ts';
import { decodeNpy, encodeNpy } from '../../io/npy.ts';
import type { ModelSpec } from '../../models/definition.ts';
import { type ClipInput, cutFrames, cutOut, normalisation } from '../../models/frames.ts';
import { type Network, Recogniser } from '../../models/recogniser.ts';
import { finiteLogits } from '../../models/scores.ts';
import type { ClipRule } from '../../recognition/clip_rule.ts';
import type { ClipFlags, DeviceFlags } from '../options.ts';
import type { Session } from '../session.ts';
import type { ListedVideo } from '../sets/list.ts';
import { fingerprint, isDone, keyOf, writeResults } from '../sets/record.ts';
import type { SetWork } from '../sets/run_set.ts';
import { openClipReader } from '../streams/clip-reader.ts';

/** Frames of a clip, at the rate that the model takes. */
export interface IndexedWindow {
  readonly start: number;
  readonly frames: number;
}

export interface IndexedClip {
  readonly path: string;
  /** Frames per second (Hz) of the windows' numbers. */
  readonly fps: number;
  readonly windows: readonly IndexedWindow[];
  /** A row for each window. */
  readonly points: FloatTensor;
}

export interface IndexFlags extends DeviceFlags, Pick<ClipFlags, 'videoStream' | 'keepGoing'> {}

/** `$XDG_CACHE_HOME/i3d-webgpu/search`, in `~/.cache` where that is not set. */
export const defaultIndexPath = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'i3d-webgpu', 'search');

export class ClipIndex implements SetWork {
  private readonly network: Recoverable<Recogniser>;

  /**
   * @param weights Checksum of the network's file.
   * @param load Reads the network; called when a clip has to be looked at.
   */
  constructor(
    private readonly folder: string,
    private readonly rule: ClipRule,
    private readonly weights: string,
    load: () => Network,
    private readonly flags: IndexFlags,
    private readonly session: Session,
  ) {
    const { accuracy, kernel } = flags;
    this.network = new Recoverable(session.gpu, async (gpu) => {
      session.progress.say('reading weights');
      return new Recogniser(gpu, load(), { accuracy, kernel, tuning: await session.tuning() });
    });
  }

  async isDone(video: ListedVideo): Promise<boolean> {
    const key = keyOf(await this.facts(video));
    return isDone(this.folder, `${key}.json`, key);
  }

  async compute(video: ListedVideo, share: (done: number) => void): Promise<() => Promise<void>> {
    const { path } = video;
    const facts = await this.facts(video);
    const reader = await openClipReader(path, { ...this.flags, rule: this.rule }, this.session);
    try {
      const windows: IndexedWindow[] = [];
      const rows: Float32Array[] = [];
      for await (const { start, frames, clip, region } of reader.windows()) {
        const seen = padded(cutFrames(cutOut(clip, region), { start: 0, frames }), this.rule.spec);
        const point = await this.network.use((network) => this.session.time('run', () => network.logits(seen)));
        finiteLogits(`What the network makes of ${path}, frames ${start} to ${start + frames - 1},`, point);
        windows.push({ start, frames });
        rows.push(point);
        share(0);
      }
      const dimensions = rows[0]!.length;
      const points = new Float32Array(rows.length * dimensions);
      for (const [i, row] of rows.entries()) points.set(row, i * dimensions);
      const shape = [rows.length, dimensions];
      const key = keyOf(facts);
      const outputs = [
        { file: `${key}.npy`, bytes: encodeNpy({ dtype: 'f32', shape, data: points }), facts: { shape } },
      ];
      const record = { key, ...facts, file: basename(path), fps: reader.fps, windows };
      return () => writeResults(this.folder, outputs, `${key}.json`, record);
    } finally {
      await reader.close();
    }
  }

  /** What is kept of a clip that is done. */
  async read(video: ListedVideo): Promise<IndexedClip> {
    const key = keyOf(await this.facts(video));
    const at = join(this.folder, key);
    const record = JSON.parse(await readFile(`${at}.json`, 'utf8')) as Pick<IndexedClip, 'fps' | 'windows'>;
    const points = decodeNpy(await readFile(`${at}.npy`), `${at}.npy`) as FloatTensor;
    return { path: video.path, fps: record.fps, windows: record.windows, points };
  }

  dispose(): void {
    this.network.dispose();
  }

  private async facts({ path }: ListedVideo): Promise<Readonly<Record<string, unknown>>> {
    const { accuracy = 'fast', kernel, videoStream, keepGoing } = this.flags;
    const { spec } = this.rule;
    return {
      what: 'search',
      video: await fingerprint(path),
      weights: this.weights,
      spec,
      ...{ accuracy, kernel, videoStream, keepGoing },
    };
  }
}

/** With black frames behind it up to the length of a window, as the authors fill up clips that are shorter. */
function padded(clip: ClipInput, { frames, architecture }: ModelSpec): ClipInput {
  const [count = 0, ...rest] = clip.shape;
  if (count >= frames) return clip;
  const shape = [frames, ...rest];
  if (clip.data instanceof Uint8Array) {
    const data = new Uint8Array(sizeOf(shape));
    data.set(clip.data);
    return { dtype: 'u8', shape, data };
  }
  const black = normalisation(architecture.preprocessing).shift;
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) =>
    typeof black === 'number' ? black : black[i % 3]!,
  );
  data.set(clip.data);
  return { dtype: 'f32', shape, data };
}

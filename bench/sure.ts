/**
 * @file `bench sure`: what it costs to leave a clip as soon as it is sure enough what it shows. Every window of every clip is scored once;
 * what a probability would have left out follows from that, since a window's logits do not depend on whether others are computed.
 */

import type { Gpu } from '../src/gpu/device.ts';
import { openFrames } from '../src/io/video.ts';
import type { Stream } from '../src/models/definition.ts';
import { averageLogits, fuse, topK } from '../src/models/scores.ts';
import { Certainty } from '../src/recognition/certainty.ts';
import type { TwoStreamWindow } from '../src/recognition/clip_result.ts';
import { TwoStream } from '../src/recognition/two_stream.ts';
import { readClipSet, type Split } from '../src/train/data/clip_set.ts';
import { type Models, readModels } from '../src/train/run/model_files.ts';
import { type Origin, originOf, percent, table } from './format.ts';
import { print, progress, writeJson } from './report.ts';

export interface SureOptions {
  /** A folder or list of clips with the classes of the model. */
  readonly data: string;
  readonly model: string;
  readonly split: Split | 'all';
  readonly stream: readonly Stream[];
  /** What `--sure` is asked for. */
  readonly sure: readonly number[];
  readonly json?: string;
}

interface SureRecord extends Origin {
  readonly data: string;
  /** Undefined: every window. */
  readonly sure: number | undefined;
  readonly clips: number;
  readonly windows: number;
  /** Of those of all clips. */
  readonly share: number;
  readonly top1: number;
}

type Logits = Pick<TwoStreamWindow, 'rgb' | 'flow'>;

export async function benchSure(gpu: Gpu, { data, model, split, stream, sure, json }: SureOptions): Promise<void> {
  const given = await readModels(model);
  const models: Models = Object.fromEntries(stream.flatMap((name) => (given[name] ? [[name, given[name]]] : [])));
  const { spec, classes } = Object.values(models)[0]!;
  const set = await readClipSet(data, { classes });
  const chosen = set.clips.filter((clip) => split === 'all' || clip.split === split);
  const twoStream = await TwoStream.create(gpu, models);
  const clips: { readonly label: number; readonly windows: Logits[] }[] = [];
  try {
    for (const { path, label } of chosen) {
      const source = await openFrames(path, { fps: spec.fps, maxShortSide: spec.shortSide });
      const windows: Logits[] = [];
      for await (const window of twoStream.windows(source.frames())) windows.push(window);
      await source.close();
      clips.push({ label, windows });
      progress(`${clips.length} of ${chosen.length} clips`);
    }
  } finally {
    twoStream.dispose();
  }
  progress('');
  const all = clips.reduce((sum, { windows }) => sum + windows.length, 0);
  const records = [undefined, ...sure].map((least): SureRecord => {
    let [windows, right] = [0, 0];
    for (const clip of clips) {
      const seen = lookedAt(clip.windows, least);
      windows += seen.length;
      if (bestOf(seen, classes) === clip.label) right++;
    }
    const counts = { clips: clips.length, windows, share: windows / all, top1: right / clips.length };
    return { ...originOf(gpu), data, sure: least, ...counts };
  });
  await writeJson(json, records);
  print(`${gpu.profile.description}\n${clips.length} clips, ${all} windows, ${Object.keys(models).join(' + ')}`);
  print(
    table(
      ['sure', 'windows', 'share', 'top-1'],
      records.map(({ sure: least, windows, share, top1 }) => [
        least === undefined ? 'all' : `${least}`,
        `${windows}`,
        percent(share),
        `${(100 * top1).toFixed(1)} %`,
      ]),
    ),
  );
}

function lookedAt(windows: readonly Logits[], sure: number | undefined): readonly Logits[] {
  if (sure === undefined) return windows;
  const certainty = new Certainty(sure);
  const end = windows.findIndex(({ rgb, flow }) => certainty.add({ rgb: rgb?.logits, flow: flow?.logits }));
  return end < 0 ? windows : windows.slice(0, end + 1);
}

function bestOf(windows: readonly Logits[], classes: readonly string[]): number {
  const mean = (name: Stream) => {
    const own = windows.flatMap((window) => (window[name] ? [window[name].logits] : []));
    return own.length > 0 ? averageLogits(own) : undefined;
  };
  return topK(fuse({ rgb: mean('rgb'), flow: mean('flow') }), classes, 1)[0]!.index;
}

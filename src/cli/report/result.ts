/** @file What `classify` found, and how it is printed. */

import { basename } from 'node:path';
import { counted } from '../../core/words.ts';
import type { Stream } from '../../models/definition.ts';
import type { Scored } from '../../models/scores.ts';
import type { Spent } from '../../recognition/stopwatches.ts';
import { print } from '../terminal/output.ts';
import { bar, percent, seconds, table } from '../terminal/table.ts';

/** A model that weights are of. */
interface FoundModel {
  /** Its id. */
  readonly model: string;
  readonly name: string;
  /** Whose names the weights have; left out of a model that was trained here. */
  readonly origin?: string;
}

/** What was asked for, what came of it, and how many windows there are, as far as that is known. */
interface Sure {
  readonly least: number;
  readonly reached: boolean;
  readonly expected: number;
}

export interface Classification {
  readonly input: string;
  /** Pixels of the frames as they are stored. */
  readonly width: number;
  readonly height: number;
  /** Frames per second (Hz). */
  readonly fps: number;
  /** How many frames were looked at. */
  readonly frames: number;
  readonly windows: readonly (readonly [start: number, frames: number])[];
  /** Where windows were looked at until that probability was reached. */
  readonly sure?: Sure;
  /** By stream. */
  readonly models: ReadonlyMap<Stream, FoundModel>;
  /** Logits of each stream, averaged over the windows. */
  readonly streams: { readonly rgb: Float64Array | undefined; readonly flow: Float64Array | undefined };
  /** Logits of both streams together. */
  readonly logits: Float64Array;
  readonly top: readonly Scored[];
  readonly labels: readonly string[];
  readonly adapter: string;
  readonly seconds: Spent;
}

export async function printClassification(
  result: Classification,
  flags: { json?: boolean; logits?: boolean },
): Promise<void> {
  await print(`${flags.json ? toJson(result, flags.logits ?? false) : toText(result, flags.logits ?? false)}\n`);
}

function toJson(result: Classification, withLogits: boolean): string {
  const { streams, models, input, frames, windows, sure, width, height, fps, top, adapter } = result;
  const both = streams.rgb !== undefined && streams.flow !== undefined;
  const logitsOf = (values: Float64Array | undefined) => (values ? { logits: Array.from(values) } : undefined);
  return JSON.stringify({
    input,
    models: Object.fromEntries(models),
    frames,
    windows: windows.map(([start, count]) => ({ start, frames: count })),
    ...(sure && { sure }),
    width,
    height,
    fps,
    ...(withLogits || both ? { logits: Array.from(result.logits) } : {}),
    streams: { rgb: logitsOf(streams.rgb), flow: logitsOf(streams.flow) },
    top,
    adapter,
    seconds: timings(result),
  });
}

function toText(result: Classification, withLogits: boolean): string {
  const { input, frames, windows, sure, streams, top, labels, logits, adapter } = result;
  const names = [streams.rgb && 'RGB', streams.flow && 'flow'].filter((name) => name !== undefined);
  const left = sure?.reached && windows.length < sure.expected;
  const seen = left
    ? `${windows.length} of ${counted(sure.expected, 'window')}, sure enough`
    : windows.length > 1
      ? `${windows.length} windows`
      : '';
  const parts = [counted(frames, 'frame'), seen, names.join(' + ')];
  const head = [`${basename(input)}: ${parts.filter((part) => part !== '').join(', ')}`, modelLine(result)].join('\n');
  const best = table(
    [
      { title: '', align: 'right' },
      { title: '' },
      { title: '', align: 'right' },
      { title: '', align: 'right' },
      { title: '' },
    ],
    top.map(({ rank, label, logit, probability }) => [
      String(rank),
      label,
      logit.toFixed(2),
      percent(probability),
      bar(probability),
    ]),
  );
  const all = withLogits
    ? [
        table(
          [{ title: 'class', align: 'right' }, { title: 'name' }, { title: 'logit', align: 'right' }],
          labels.map((label, i) => [String(i), label, logits[i]!.toFixed(6)]),
        ),
      ]
    : [];
  const { total = 0, ...phases } = timings(result);
  const times = Object.entries(phases).map(([phase, value]) => `${phase} ${seconds(value)}`);
  return [head, best, ...all, `${seconds(total)} (${times.join(', ')}; these overlap) on ${adapter}`].join('\n\n');
}

/** What the networks are: in one part where both are the same. */
export function modelLine({ models }: Pick<Classification, 'models'>): string {
  const parts = [...models.values()].map(({ name, origin }) =>
    origin === undefined ? name : `${name}, names of ${origin}`,
  );
  return [...new Set(parts)].join('; ');
}

/** Seconds of each phase and `total`, to the millisecond; `flow` only where that stream took part. Phases overlap. */
export function timings({
  seconds: spent,
  streams,
}: Pick<Classification, 'seconds' | 'streams'>): Record<string, number> {
  const entries = Object.entries(spent).filter(([phase]) => phase !== 'flow' || streams.flow !== undefined);
  return Object.fromEntries(entries.map(([phase, value]) => [phase, Math.round(value * 1000) / 1000]));
}

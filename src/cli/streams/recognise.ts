/** @file Runs one or two streams over the windows of a clip. */

import type { FloatTensor } from '../../core/tensor.ts';
import { Recoverable } from '../../gpu/recover.ts';
import type { Stream } from '../../models/definition.ts';
import { type ClipInput, cutFrames, cutOut } from '../../models/frames.ts';
import { type Network, Recogniser } from '../../models/recogniser.ts';
import { averageLogits, type FusionMode, finiteLogits, fuse, topK } from '../../models/scores.ts';
import { Certainty } from '../../recognition/certainty.ts';
import type { FlowSource } from '../../recognition/computed_flow.ts';
import { type ClipWindow, filled } from '../../recognition/window_stream.ts';
import type { DeviceFlags } from '../options.ts';
import type { Classification } from '../report/result.ts';
import type { Session } from '../session.ts';
import { OneAhead } from './one-ahead.ts';

/** Where windows come from: a clip, or stored flow alone. */
export interface WindowSource {
  /** Pixels of the frames as they are stored. */
  readonly width: number;
  readonly height: number;
  /** Frames per second (Hz). */
  readonly fps: number;
  /** Windows that the clip has, as far as that is known. */
  readonly expected: number;
  windows(): AsyncGenerator<ClipWindow, void, undefined>;
}

export interface Networks {
  readonly rgb?: Network | undefined;
  readonly flow?: { readonly network: Network; readonly source: FlowSource } | undefined;
}

interface RecogniseOptions extends DeviceFlags {
  /** What the networks are, for the result. */
  readonly models: Classification['models'];
  readonly top: number;
  readonly fusion?: FusionMode | undefined;
  readonly weights?: readonly [rgb: number, flow: number] | undefined;
  /** See `SureOptions`. */
  readonly sure?: number | undefined;
  /** Windows with fewer frames are repeated from their start until they have so many. */
  readonly fill?: number | undefined;
  /** Called with what the network saw of each window. */
  readonly onWindow?: ((window: ClipWindow, flow: FloatTensor | undefined) => void) | undefined;
}

export async function recognise(
  input: string,
  source: WindowSource,
  networks: Networks,
  labels: readonly string[],
  options: RecogniseOptions,
  session: Session,
): Promise<Classification> {
  const { accuracy, kernel } = options;
  const settings = { accuracy, kernel, tuning: await session.tuning() };
  // Before the clip is decoded beside it.
  await session.gpu();
  const open = (network: Network) => new Recoverable(session.gpu, (gpu) => new Recogniser(gpu, network, settings));
  const streams = {
    rgb: networks.rgb && open(networks.rgb),
    flow: networks.flow && open(networks.flow.network),
  };
  const look = (name: Stream, clip: ClipInput): Promise<Float32Array> | undefined =>
    streams[name]?.use(async (stream) => {
      await session.time('compile', () => stream.plan(clip));
      return session.time('run', () => stream.logits(clip, undefined, { borrow: true }));
    });
  const windows: [start: number, frames: number][] = [];
  const logits: Record<Stream, Float64Array[]> = { rgb: [], flow: [] };
  // The network sees a window while the next one is decoded and its flow computed; no more than two are held.
  const joined = { mode: options.fusion, weights: options.weights };
  const ahead = new OneAhead();
  const certainty = options.sure === undefined ? undefined : new Certainty(options.sure, joined);
  let enough = false;
  try {
    for await (const window of source.windows()) {
      // A window that may be left out is decoded beside the one before it, and no more.
      if (certainty) await ahead.finish();
      if (enough) break;
      const { start, frames, clip, region } = window;
      const what = `frames ${start} to ${start + frames - 1}`;
      const { rgb, flow } = networks;
      const motion = flow ? await flow.source.of(window) : undefined;
      await ahead.next(async () => {
        const seen = [
          rgb && look('rgb', filled(cutFrames(cutOut(clip, region), { start: 0, frames }), options.fill)),
          motion && look('flow', filled(motion, options.fill)),
        ];
        session.progress.say(`${[rgb && 'RGB', flow && 'flow'].filter(Boolean).join(' and ')}, ${what}`);
        const [ofRgb, ofFlow] = await Promise.all(seen);
        if (ofRgb) logits.rgb.push(finiteLogits(`The RGB logits of ${input}, ${what},`, ofRgb));
        if (ofFlow) logits.flow.push(finiteLogits(`The flow logits of ${input}, ${what},`, ofFlow));
        enough = certainty?.add({ rgb: ofRgb, flow: ofFlow }) ?? false;
      });
      options.onWindow?.(window, motion);
      windows.push([start, frames]);
    }
    await ahead.finish();
    const mean = (all: Float64Array[]) => (all.length > 0 ? averageLogits(all) : undefined);
    const scores = { rgb: mean(logits.rgb), flow: mean(logits.flow) };
    const fused = fuse(scores, joined);
    const { width, height, fps } = source;
    return {
      input,
      width,
      height,
      fps,
      frames: countFrames(windows),
      windows,
      ...(options.sure === undefined
        ? {}
        : { sure: { least: options.sure, reached: enough, expected: source.expected } }),
      models: options.models,
      streams: scores,
      logits: fused,
      top: topK(fused, labels, options.top),
      labels,
      adapter: (await session.gpu()).profile.description,
      seconds: session.spent,
    };
  } finally {
    await ahead.settle();
    for (const stream of Object.values(streams)) stream?.dispose();
  }
}

/** Frames that were looked at; those that two windows share count once. */
function countFrames(windows: readonly (readonly [start: number, frames: number])[]): number {
  const [first] = windows;
  const [start, frames] = windows.at(-1)!;
  return start + frames - first![0];
}

/** @file Runs one or two streams over the windows of a clip. */

import type { FloatTensor } from '../core/tensor.ts';
import type { Stream } from '../i3d/architecture.ts';
import type { I3dCheckpoint } from '../i3d/checkpoint.ts';
import { I3dStream } from '../i3d/classifier.ts';
import { withoutMargin } from '../i3d/frames.ts';
import { averageLogits, type FusionMode, fuse, topK } from '../i3d/scores.ts';
import type { FlowSource } from './flow-source.ts';
import type { DeviceFlags } from './options.ts';
import type { Classification } from './result.ts';
import type { Session } from './session.ts';
import type { ClipWindow } from './window-stream.ts';

/** Where windows come from: a clip, or stored flow alone. */
export interface WindowSource {
  /** Pixels of the frames as they are stored. */
  readonly width: number;
  readonly height: number;
  /** Frames per second (Hz). */
  readonly fps: number;
  windows(): AsyncGenerator<ClipWindow, void, undefined>;
}

export interface Networks {
  readonly rgb?: I3dCheckpoint | undefined;
  readonly flow?: { readonly checkpoint: I3dCheckpoint; readonly source: FlowSource } | undefined;
}

export interface RecogniseOptions extends DeviceFlags {
  readonly top: number;
  readonly fusion?: FusionMode | undefined;
  readonly weights?: readonly [rgb: number, flow: number] | undefined;
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
  const streams: Partial<Record<Stream, I3dStream>> = {};
  const open = async (name: Stream, checkpoint: I3dCheckpoint): Promise<I3dStream> => {
    streams[name] ??= new I3dStream(await session.gpu(), checkpoint, { ...options, tuning: await session.tuning() });
    return streams[name];
  };
  const windows: [start: number, frames: number][] = [];
  const logits: Record<Stream, Float32Array[]> = { rgb: [], flow: [] };
  try {
    for await (const window of source.windows()) {
      const { start, frames, clip, margin } = window;
      const what = `frames ${start} to ${start + frames - 1}`;
      const { rgb, flow } = networks;
      const motion = flow ? await flow.source.of(window) : undefined;
      if (rgb) {
        const stream = await open('rgb', rgb);
        session.progress.say(`RGB, ${what}`);
        logits.rgb.push(await stream.logits(withoutMargin(clip, margin), { start: 0, frames }));
      }
      if (flow && motion) {
        const stream = await open('flow', flow.checkpoint);
        session.progress.say(`flow, ${what}`);
        logits.flow.push(await stream.logits(motion));
      }
      options.onWindow?.(window, motion);
      windows.push([start, frames]);
    }
    for (const stream of Object.values(streams)) {
      session.spent.compile += stream.spent.compile / 1000;
      session.spent.run += stream.spent.run / 1000;
    }
    const mean = (all: Float32Array[]) => (all.length > 0 ? averageLogits(all) : undefined);
    const scores = { rgb: mean(logits.rgb), flow: mean(logits.flow) };
    const fused = fuse(scores, { mode: options.fusion, weights: options.weights });
    const { width, height, fps } = source;
    return {
      input,
      width,
      height,
      fps,
      frames: countFrames(windows),
      windows,
      streams: scores,
      logits: fused,
      top: topK(fused, labels, options.top),
      labels,
      adapter: (await session.gpu()).profile.description,
      seconds: session.spent,
    };
  } finally {
    for (const stream of Object.values(streams)) stream.dispose();
  }
}

/** Frames that were looked at; those that two windows share count once. */
function countFrames(windows: readonly (readonly [start: number, frames: number])[]): number {
  const [first] = windows;
  const [start, frames] = windows.at(-1)!;
  return start + frames - first![0];
}

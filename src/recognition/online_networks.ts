/** @file A network that computes each frame once, over the windows of frames that come by themselves. */

import { type Abortable, unlessAborted } from '../core/abort.ts';
import type { OnlineRecogniser } from '../models/online.ts';
import { averageLogits } from '../models/scores.ts';
import type { Window } from '../models/windows.ts';
import { type Frame, wholeFrames } from './frame_parts.ts';
import type { LiveWindows } from './live_windows.ts';

interface OnlineRunOptions extends Abortable {
  readonly live: LiveWindows<Frame>;
}

/** As `ClipNetworks` gives it, of one crop. */
interface OnlineWindow extends Window {
  readonly rgb: readonly [{ readonly logits: Float64Array }];
}

/**
 * Of each window only the frames are computed that the one before did not have; its logits are the mean over its frames, each seen with
 * what the network keeps of all those before, also of those that have left the window. Where frames are missing, it begins anew.
 */
export class OnlineNetworks {
  constructor(private readonly recogniser: OnlineRecogniser) {}

  /** As `ClipNetworks.windows`. */
  async *windows(
    frames: AsyncIterable<Frame>,
    { live, signal }: OnlineRunOptions,
  ): AsyncGenerator<OnlineWindow, void, undefined> {
    await this.recogniser.reset();
    let seen: Float32Array[] = [];
    for await (const { start, frames: count, clip, fresh } of live.cut(wholeFrames(frames))) {
      if (fresh === count && seen.length > 0) {
        await this.recogniser.reset();
        seen = [];
      }
      for (const { shape, data } of clip.slice(count - fresh, count)) {
        const frame = { dtype: 'u8', shape: [1, ...shape], data: data as Uint8Array } as const;
        const { logits } = await unlessAborted(this.recogniser.step(frame), signal);
        seen.push(logits);
      }
      seen = seen.slice(-count);
      yield { start, frames: count, rgb: [{ logits: averageLogits(seen) }] };
    }
  }

  dispose(): void {
    this.recogniser.dispose();
  }
}

/** @file Frames, one after the other: as they are, or reduced on the device a few at a time. */

import type { FloatTensor, HostTensor } from '../core/tensor.ts';
import { Recoverable } from '../gpu/recover.ts';
import type { ClipFrame } from '../io/clip.ts';
import { FrameReducer } from '../models/frames.ts';
import type { FittedSize } from '../models/resize.ts';
import type { PreprocessAttributes } from '../ops/preprocess.ts';
import type { DeviceWork } from './device_work.ts';

/** A decoded frame: H×W×3 RGB bytes. */
export type Frame = Pick<ClipFrame, 'data' | 'width' | 'height'>;

/** One frame: its pixels, or what is left of them after the reduction. */
export interface Part {
  readonly shape: readonly number[];
  readonly data: Uint8Array | Float32Array;
  /** Called when no window needs it any more. */
  release?(): void;
}

/** Frames that go to the device together, in bytes. */
export const GROUP_BYTES = 2 ** 26;

export async function* wholeFrames(frames: AsyncIterable<Frame>): AsyncGenerator<Part, void, undefined> {
  for await (const { data, width, height } of frames) yield { shape: [height, width, 3], data };
}

/** Frames resized on the host, whole, as training resizes them. */
export async function* resizedFrames(
  frames: AsyncIterable<Frame>,
  { width, height, resizer }: FittedSize,
): AsyncGenerator<Part, void, undefined> {
  let shown: Frame | undefined;
  let resized: Uint8Array | undefined;
  for await (const frame of frames) {
    // A frame that is repeated comes with the same bytes.
    if (frame.data !== shown?.data || !resized) resized = resizer?.resize(frame.data) ?? frame.data;
    shown = frame;
    yield { shape: [height, width, 3], data: resized };
  }
}

export async function* reducedFrames(
  frames: AsyncIterable<Frame>,
  reducer: LateReducer,
): AsyncGenerator<Part, void, undefined> {
  let group: Frame[] = [];
  for await (const frame of frames) {
    group.push(frame);
    if ((group.length + 1) * frame.data.length <= GROUP_BYTES) continue;
    yield* await reducer.reduce(group);
    group = [];
  }
  if (group.length > 0) yield* await reducer.reduce(group);
}

/** A reducer whose device is opened with the first frames. */
export class LateReducer {
  private readonly reducer: Recoverable<FrameReducer>;

  constructor(
    private readonly work: DeviceWork,
    geometry: (height: number, width: number) => PreprocessAttributes,
  ) {
    this.reducer = new Recoverable(work.gpu, (gpu) => new FrameReducer(gpu, geometry));
  }

  async reduce(group: readonly Frame[]): Promise<Part[]> {
    const frames = stack(group);
    const tensor = await this.work.time('prepare', () => this.reducer.use((reducer) => reducer.reduce(frames)));
    return unstack(tensor);
  }

  dispose(): void {
    this.reducer.dispose();
  }
}

function stack(group: readonly Frame[]): HostTensor<'u8'> {
  const [{ data: first, width, height }] = group as [Frame, ...Frame[]];
  const data = new Uint8Array(group.length * first.length);
  for (const [i, frame] of group.entries()) data.set(frame.data, i * first.length);
  return { dtype: 'u8', shape: [group.length, height, width, 3], data };
}

function unstack({ shape, data }: FloatTensor): Part[] {
  const [count = 0, ...rest] = shape;
  const size = data.length / count;
  return Array.from({ length: count }, (_, i) => ({ shape: rest, data: data.subarray(i * size, (i + 1) * size) }));
}

/** @file Decoded frames, one after the other: as they are, or reduced on the device a few at a time; and their damage. */

import { InputError } from '../../core/errors.ts';
import type { FloatTensor, HostTensor } from '../../core/tensor.ts';
import { Recoverable } from '../../gpu/recover.ts';
import { damageOf } from '../../io/damage.ts';
import type { ClipFrame } from '../../io/video.ts';
import { FrameReducer } from '../../models/frames.ts';
import type { PreprocessAttributes } from '../../ops/preprocess.ts';
import type { fitShortSide } from '../../train/data/decode.ts';
import type { Session } from '../session.ts';

/** One frame: its pixels, or what is left of them after the reduction. */
export interface Part {
  readonly shape: readonly number[];
  readonly data: Uint8Array | Float32Array;
}

/** Frames that go to the device together, in bytes. */
export const GROUP_BYTES = 2 ** 26;

export async function* wholeFrames(frames: AsyncIterable<ClipFrame>): AsyncGenerator<Part, void, undefined> {
  for await (const { data, width, height } of frames) yield { shape: [height, width, 3], data };
}

/** Frames resized on the host, whole, as training resizes them. */
export async function* resizedFrames(
  frames: AsyncIterable<ClipFrame>,
  { width, height, resizer }: ReturnType<typeof fitShortSide>,
): AsyncGenerator<Part, void, undefined> {
  let shown: ClipFrame | undefined;
  let resized: Uint8Array | undefined;
  for await (const frame of frames) {
    // A frame that is repeated comes with the same bytes.
    if (frame.data !== shown?.data || !resized) resized = resizer?.resize(frame.data) ?? frame.data;
    shown = frame;
    yield { shape: [height, width, 3], data: resized };
  }
}

export async function* reducedFrames(
  frames: AsyncIterable<ClipFrame>,
  reducer: LateReducer,
): AsyncGenerator<Part, void, undefined> {
  let group: ClipFrame[] = [];
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
    private readonly session: Session,
    geometry: (height: number, width: number) => PreprocessAttributes,
  ) {
    this.reducer = new Recoverable(session.gpu, (gpu) => new FrameReducer(gpu, geometry));
  }

  async reduce(group: readonly ClipFrame[]): Promise<Part[]> {
    const frames = stack(group);
    const tensor = await this.session.time('prepare', () => this.reducer.use((reducer) => reducer.reduce(frames)));
    return unstack(tensor);
  }

  dispose(): void {
    this.reducer.dispose();
  }
}

function stack(group: readonly ClipFrame[]): HostTensor<'u8'> {
  const [{ data: first, width, height }] = group as [ClipFrame, ...ClipFrame[]];
  const data = new Uint8Array(group.length * first.length);
  for (const [i, frame] of group.entries()) data.set(frame.data, i * first.length);
  return { dtype: 'u8', shape: [group.length, height, width, 3], data };
}

function unstack({ shape, data }: FloatTensor): Part[] {
  const [count = 0, ...rest] = shape;
  const size = data.length / count;
  return Array.from({ length: count }, (_, i) => ({ shape: rest, data: data.subarray(i * size, (i + 1) * size) }));
}

/**
 * @param warnings What is wrong with a file although frames come out of it.
 * @param ended Whether it was read to its end.
 * @throws InputError when frames are missing or wrong.
 */
export function checkDamage(warnings: readonly string[], ended: boolean): void {
  const damage = damageOf(warnings, ended);
  if (damage === undefined) return;
  throw new InputError(`${damage}; use an intact copy, or --keep-going to take it as it is.`);
}

/** The same items; the time that they take counts as decoding. */
export async function* timedDecoding<T>(
  items: AsyncGenerator<T, void, undefined>,
  session: Session,
): AsyncGenerator<T, void, undefined> {
  try {
    for (;;) {
      const { done, value } = await session.time('decode', () => items.next());
      if (done) return;
      yield value;
    }
  } finally {
    await items.return();
  }
}

/**
 * The same items, each asked for before the one ahead of it is used: the decoder works while the device does. The first
 * two are made before any is used, so that most mistakes show before anything slow begins.
 */
export async function* ahead<T>(items: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
  let current = await items.next();
  let next = current.done ? undefined : items.next();
  try {
    await next;
    while (!current.done) {
      yield current.value;
      current = await next!;
      next = current.done ? undefined : items.next();
      // Whoever awaits it sees the error; nobody doing so yet is no unhandled one.
      next?.catch(() => undefined);
    }
  } finally {
    await next?.catch(() => undefined);
    await items.return();
  }
}

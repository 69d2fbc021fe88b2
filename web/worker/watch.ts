/** @file The call `watch`: the latest seconds of a camera, over and over. */

import { outputRate } from '../../src/core/frame_rate.ts';
import type { HostTensor } from '../../src/core/tensor.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import type { ModelSpec } from '../../src/models/definition.ts';
import { TwoStream } from '../../src/recognition/two_stream.ts';
import type { CallContext } from '../shared/calls.ts';
import { knownTuning } from '../shared/tuning.ts';
import { rateFor, takenFrames, UprightConverter } from '../video/clip.ts';
import { givenClip } from '../video/given_clip.ts';
import type { Engine } from './engine.ts';
import { Film } from './film.ts';
import type { Calls } from './protocol.ts';
import { SideMotion } from './side_motion.ts';
import type { WeightsStore } from './weights_store.ts';

type Context = CallContext<Calls['watch']>;

export async function watch(
  engine: Engine,
  store: WeightsStore,
  { facts, weights }: Calls['watch']['params'],
  context: Context,
): Promise<undefined> {
  const { signal, emit } = context;
  const networks = await store.networks(weights, signal, (text, done) => emit({ kind: 'progress', text, done }));
  const { spec } = networks;
  const whole = (networks.rgb ?? networks.flow)?.framing === 'whole';
  const clip = givenClip(facts, context.inputs);
  const rate = rateFor(clip, spec);
  const latest = new Latest(new UprightConverter(clip, whole ? spec.shortSide : undefined), spec);
  // Nothing is held for long: the page shows the latest window only.
  const film = new Film(clip, () => undefined, Number.POSITIVE_INFINITY);
  const side = networks.flow ? undefined : new SideMotion(clip);
  let ended: Promise<void> | undefined;
  await engine.run(
    async (gpu, progressed) => {
      emit({ kind: 'progress', text: 'Compiling for this GPU' });
      const tuning = await knownTuning();
      const twoStream = await TwoStream.create(gpu, { rgb: networks.rgb, flow: networks.flow, tuning, signal });
      const { name, width, height } = clip;
      const { description: adapter } = gpu.profile;
      const fps = outputRate(rate, clip.fps * clip.seconds, clip.fps);
      emit({ kind: 'progress', text: 'Watching' });
      emit({ kind: 'opened', name, width, height, fps, seconds: 0, classes: twoStream.classes, adapter });
      if (!ended) {
        ended = takeFrames();
        // Where looking fails first, as it does when both are ended at once, nobody waits for it any more.
        ended.catch(() => undefined);
      }
      try {
        await lookAgainAndAgain(gpu, twoStream, fps, progressed);
      } finally {
        twoStream.dispose();
      }
    },
    (message) => emit({ kind: 'lost', message }),
  );
  await ended;
  return undefined;

  async function takeFrames(): Promise<void> {
    try {
      for await (const frame of takenFrames(clip, rate, signal)) {
        const picture = film.frame(frame);
        if (picture) emit({ kind: 'frame', frame: picture }, [picture.rgba.buffer]);
        side?.take(frame);
        latest.push(frame.index, frame.picture);
      }
    } finally {
      latest.end();
    }
  }

  async function lookAgainAndAgain(gpu: Gpu, twoStream: TwoStream, fps: number, progressed: () => void): Promise<void> {
    for (;;) {
      const window = await latest.next();
      signal.throwIfAborted();
      if (!window) return;
      const { start, clip: frames } = window;
      for await (const { rgb, flow, logits, flowField } of twoStream.windows(frames, { signal, flowField: true })) {
        const field = flowField ?? (await side?.field(gpu, start, spec.frames, signal));
        if (field) {
          const motions = film.motions(start, field);
          emit(
            { kind: 'motion', motions },
            motions.map(({ steps }) => steps.buffer),
          );
        }
        emit({
          kind: 'window',
          window: {
            start,
            frames: spec.frames,
            from: start / fps,
            to: (start + spec.frames) / fps,
            ...(rgb && { rgb: Float64Array.from(rgb.logits) }),
            ...(flow && { flow: Float64Array.from(flow.logits) }),
            fused: logits,
          },
          times: twoStream.spent,
        });
        progressed();
      }
    }
  }
}

/** As many frames as a network takes, the newest ones. */
class Latest {
  private frames: Uint8Array[] = [];
  private index = -1;
  private given = -1;
  private ended = false;
  private wake: (() => void) | undefined;

  constructor(
    private readonly converter: UprightConverter,
    private readonly spec: ModelSpec,
  ) {}

  push(index: number, picture: Parameters<UprightConverter['convert']>[0]): void {
    this.index = index;
    this.frames = [...this.frames, this.converter.convert(picture)].slice(-this.spec.frames);
    this.wake?.();
  }

  end(): void {
    this.ended = true;
    this.wake?.();
  }

  /** A window with at least one frame that the one before did not have; undefined at the end. */
  async next(): Promise<{ readonly start: number; readonly clip: HostTensor<'u8'> } | undefined> {
    const { frames: count } = this.spec;
    while (!this.ended && (this.frames.length < count || this.index === this.given)) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    if (this.ended) return undefined;
    this.given = this.index;
    const { width, height } = this.converter;
    const data = new Uint8Array(count * width * height * 3);
    for (const [i, frame] of this.frames.entries()) data.set(frame, i * frame.length);
    return { start: this.index - count + 1, clip: { dtype: 'u8', shape: [count, height, width, 3], data } };
  }
}

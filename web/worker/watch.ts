/** @file The call `watch`: the latest seconds of a camera, over and over. */

import { outputRate } from '../../src/core/frame_rate.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import type { Frame } from '../../src/recognition/frame_parts.ts';
import { LiveWindows } from '../../src/recognition/live_windows.ts';
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
  const converter = new UprightConverter(clip, whole ? spec.shortSide : undefined);
  const live = new LiveWindows<Frame>({ size: spec.frames, step: 1, extra: networks.flow ? 1 : 0 });
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
        const { width, height } = converter;
        await live.push({ data: converter.convert(frame.picture), width, height });
      }
    } finally {
      live.end();
    }
  }

  async function lookAgainAndAgain(gpu: Gpu, twoStream: TwoStream, fps: number, progressed: () => void): Promise<void> {
    for await (const window of twoStream.watch(live, { signal, flowField: true })) {
      const { start, rgb, flow, logits, flowField } = window;
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

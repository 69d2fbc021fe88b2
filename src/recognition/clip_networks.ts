/** @file One or two networks over the windows of a clip, flow between its frames included: what they give, before it is scored or kept. */

import { type Abortable, unlessAborted } from '../core/abort.ts';
import { type FloatTensor, floatTensor } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { DisposedError } from '../gpu/errors.ts';
import { STREAMS, type Stream } from '../models/definition.ts';
import { cutOut, mirrored } from '../models/frames.ts';
import type { Recogniser, RecogniserClip, Recognition } from '../models/recogniser.ts';
import { finiteLogits } from '../models/scores.ts';
import { type Window, windowRule } from '../models/windows.ts';
import type { ClipRule, Crop } from './clip_rule.ts';
import { DeviceFlow } from './device_flow.ts';
import { DeviceFrames, type HeldClip, rgbClip } from './device_frames.ts';
import type { Frame } from './frame_parts.ts';
import { type Frames, openFrameStream } from './frame_source.ts';
import type { LiveWindows } from './live_windows.ts';
import type { Stopwatches } from './stopwatches.ts';
import { follow, type Sequence, slide } from './window_stream.ts';

/** What a recognition is doing. Calls of different stages come in between each other: they overlap. */
export interface TwoStreamProgress {
  readonly stage: 'frames' | 'flow' | 'networks';
  /** Frames that were taken; pairs of frames of a window; windows. */
  readonly done: number;
  /** Where it is known. */
  readonly total: number | undefined;
}

interface ClipRunOptions extends Abortable {
  readonly onProgress?: ((progress: TwoStreamProgress) => void) | undefined;
  /** Gives the flow of each window in pixels as well, to be looked at. */
  readonly flowField?: boolean | undefined;
  /** Which windows; where left out, those that cover the clip, the last one aligned to its end. */
  readonly sequence?: Sequence | undefined;
  /** Of frames that come by themselves: which windows, and when. `frames` are its own then. */
  readonly live?: LiveWindows<Frame> | undefined;
}

/** What the networks give of a window, of each of its crops in their order. */
interface NetworkWindow extends Window {
  readonly rgb?: readonly Recognition[];
  readonly flow?: readonly Recognition[];
  readonly field: FloatTensor | undefined;
}

/** What a window is made of before the networks see it. */
interface PreparedWindow extends Window {
  readonly rgb: readonly HeldClip<RecogniserClip>[];
  readonly flow: readonly HeldClip<RecogniserClip>[];
  readonly field: FloatTensor | undefined;
}

/** While the networks look at a window, the frames of the next one are taken and its flow is computed. */
export class ClipNetworks {
  private disposed = false;

  constructor(
    readonly gpu: Gpu,
    private readonly recognisers: Readonly<Partial<Record<Stream, Recogniser>>>,
    private readonly rule: ClipRule,
    private readonly watches: Pick<Stopwatches, 'time'>,
    /** For messages: what was disposed of. */
    private readonly name: string,
  ) {}

  /**
   * The windows of a clip, one after the other as soon as each is there. Leaving the loop ends it.
   * @throws InputError for frames that are none, or too few of them; NonFiniteLogitsError; the reason of `signal`; DisposedError,
   *   DeviceLostError, GpuOutOfMemoryError
   */
  async *windows(frames: Frames, options: ClipRunOptions): AsyncGenerator<NetworkWindow, void, undefined> {
    this.assertUsable();
    const { signal, onProgress, live } = options;
    const source = await openFrameStream(frames, signal);
    const following = this.recognisers.flow !== undefined;
    const reading = new DeviceFrames(this.gpu, source, this.rule, following, live ? 1 : undefined);
    // What would be made ahead of the networks is out of date when they come to it.
    const early = !live || live.lossless;
    const prepared = this.prepare(source, reading, options);
    let ahead: Promise<IteratorResult<PreparedWindow, void>> | undefined;
    let count = 0;
    try {
      for (;;) {
        ahead ??= prepared.next();
        const { done, value } = await unlessAborted(ahead, signal);
        if (done) break;
        const result = this.look(value, options);
        // Made while the networks look at this one; its error is seen in its turn.
        ahead = early ? prepared.next() : undefined;
        ahead?.catch(() => undefined);
        yield await unlessAborted(result, signal);
        onProgress?.({ stage: 'networks', done: ++count, total: undefined });
      }
    } finally {
      // Not waited for: frames may be long in coming.
      source.close();
      void ahead?.then(({ value }) => value && free(value)).catch(() => undefined);
      void prepared
        .return()
        .catch(() => undefined)
        .finally(() => reading.dispose());
    }
  }

  get streams(): readonly Stream[] {
    return STREAMS.filter((name) => this.recognisers[name]);
  }

  /** Frees what is on the device. What is under way rejects with DisposedError. */
  dispose(): void {
    this.disposed = true;
    for (const recogniser of Object.values(this.recognisers)) recogniser.dispose();
  }

  assertUsable(): void {
    this.gpu.assertUsable();
    if (this.disposed) throw new DisposedError(`This ${this.name} was disposed of; create another one.`);
  }

  /** Windows with their flow, in their order. */
  private async *prepare(
    source: Awaited<ReturnType<typeof openFrameStream>>,
    reading: DeviceFrames,
    { signal, onProgress, flowField, sequence, live }: ClipRunOptions,
  ): AsyncGenerator<PreparedWindow, void, undefined> {
    const { gpu, watches, recognisers } = this;
    const { spec, framing, convention } = this.rule;
    const fill = framing === 'whole' && !convention ? spec.frames : 0;
    const report = onProgress && ((done: number, total: number) => onProgress({ stage: 'flow', done, total }));
    const quantise = convention?.quantise;
    const settings = { signal, withField: flowField, quantise, onProgress: report };
    const flow = recognisers.flow && new DeviceFlow(gpu, spec, settings);
    async function* counted() {
      let done = 0;
      const frames = source.frames();
      try {
        for (;;) {
          const frame = await watches.time('decode', () => frames.next());
          signal?.throwIfAborted();
          if (frame.done) return;
          onProgress?.({ stage: 'frames', done: ++done, total: source.count });
          yield frame.value;
        }
      } finally {
        void frames.return();
      }
    }
    const { crops } = reading;
    const extra = flow ? 1 : 0;
    const parts = reading.parts(counted());
    const cut = live
      ? live.cut(parts)
      : sequence
        ? follow(parts, sequence, extra)
        : slide(parts, { rule: windowRule(spec), start: 0, extra }, (all) => all);
    let rgb: HeldClip<RecogniserClip>[] = [];
    try {
      for await (const { start, frames, clip: window } of cut) {
        this.assertUsable();
        if (recognisers.rgb) {
          await watches.time('prepare', async () => {
            for (const crop of crops) rgb.push(await rgbClip(gpu, window.slice(0, frames), crop, fill));
          });
        }
        const motion =
          flow &&
          (await watches.time('flow', async () => {
            const region = crops.length === 1 ? crops[0] : undefined;
            const made = await flow.of({ start, frames, parts: window, region, fill });
            // One window ahead is enough, and this is how long the flow took.
            await gpu.idle();
            return made;
          }));
        const own = rgb;
        rgb = [];
        const flows = motion ? await flowClips(motion.input, crops) : [];
        yield { start, frames, rgb: own, flow: flows, field: motion?.field };
      }
    } finally {
      for (const clip of rgb) clip.dispose();
      flow?.dispose();
    }
  }

  private async look(prepared: PreparedWindow, { signal }: ClipRunOptions): Promise<NetworkWindow> {
    const { start, frames, field } = prepared;
    const run = async (name: Stream): Promise<readonly Recognition[] | undefined> => {
      const recogniser = this.recognisers[name];
      if (!recogniser) return undefined;
      return Promise.all(
        prepared[name].map(async ({ clip }) => {
          await this.watches.time('compile', () => recogniser.plan(clip, { signal }));
          const result = await this.watches.time('run', () =>
            recogniser.run(clip, undefined, { borrow: true, signal }),
          );
          const { logits, features } = result;
          const what = `The ${name === 'rgb' ? 'RGB' : name} ${logits.length > 0 ? 'logits' : 'features'}`;
          finiteLogits(`${what} of frames ${start} to ${start + frames - 1}`, logits.length > 0 ? logits : features);
          return result;
        }),
      );
    };
    const runs = [run('rgb'), run('flow')];
    try {
      const [rgb, flow] = await Promise.all(runs);
      return { start, frames, ...(rgb && { rgb }), ...(flow && { flow }), field };
    } finally {
      // Where one failed, the other may still read its clip.
      void Promise.allSettled(runs).then(() => free(prepared));
    }
  }
}

function free({ rgb, flow }: PreparedWindow): void {
  for (const clip of [...rgb, ...flow]) clip.dispose();
}

type Motion = Awaited<ReturnType<DeviceFlow['of']>>['input'];

/** The flow network's clips: the flow as it is where it was cut out already, or each crop of it. */
async function flowClips(input: Motion, crops: readonly (Crop | undefined)[]): Promise<HeldClip<RecogniserClip>[]> {
  if (crops.length === 1) return [{ clip: input, dispose: () => input.dispose() }];
  try {
    const { shape, data } = await input.read();
    const whole = floatTensor(shape, data as Float32Array);
    return crops.map((crop) => {
      const cut = cutOut(whole, crop);
      return { clip: crop?.mirrored ? mirrored(cut) : cut, dispose: () => undefined };
    });
  } finally {
    input.dispose();
  }
}

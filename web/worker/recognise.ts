/** @file The call `recognise`: a clip from its first frame to its last, window after window. */

import { outputRate } from '../../src/core/frame_rate.ts';
import type { FloatTensor } from '../../src/core/tensor.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { averageLogits, fuse } from '../../src/models/scores.ts';
import type { TwoStreamWindow } from '../../src/recognition/clip_result.ts';
import type { Frame } from '../../src/recognition/frame_parts.ts';
import { type Phase, type Spent, Stopwatches } from '../../src/recognition/stopwatches.ts';
import { TwoStream } from '../../src/recognition/two_stream.ts';
import type { CallContext } from '../shared/calls.ts';
import { knownTuning } from '../shared/tuning.ts';
import { type Clip, rateFor, type TakenFrame, takenFrames, UprightConverter } from '../video/clip.ts';
import type { Engine } from './engine.ts';
import { Film } from './film.ts';
import { openClip } from './open_clip.ts';
import type { Calls, RecogniseResult, WindowScores } from './protocol.ts';
import { SideMotion } from './side_motion.ts';
import type { Networks, WeightsStore } from './weights_store.ts';

type Context = CallContext<Calls['recognise']>;

/** Milliseconds from one event of progress to the next. */
const PROGRESS_EVERY = 80;

/** The device was lost, and the page has to give its frames once more: what it gave is gone. */
class FramesLost extends Error {
  override name = 'FramesLost';
}

export async function recognise(
  engine: Engine,
  store: WeightsStore,
  { source, weights }: Calls['recognise']['params'],
  context: Context,
): Promise<RecogniseResult> {
  const { signal, emit } = context;
  const watches = new Stopwatches();
  emit({ kind: 'progress', text: 'Opening the clip' });
  const clip = await openClip(source, context.inputs);
  try {
    const tell = (text: string, done?: number) => emit({ kind: 'progress', text, done });
    const networks = await watches.time('prepare', () => store.networks(weights, signal, tell));
    signal.throwIfAborted();
    const run = new ClipRun(clip, networks, context, watches);
    return await engine.run(
      (gpu, progressed) => run.on(gpu, progressed),
      (message) => {
        emit({ kind: 'lost', message });
        if (source.kind === 'given') throw new FramesLost(message);
      },
    );
  } finally {
    clip.close();
  }
}

/** Seconds by what was done, here and on each device; the whole by the first one's clock. */
function together(first: Spent, others: readonly Spent[]): Spent {
  const sum = (phase: Phase) => others.reduce((seconds, other) => seconds + other[phase], first[phase]);
  return {
    decode: sum('decode'),
    prepare: sum('prepare'),
    flow: sum('flow'),
    compile: sum('compile'),
    run: sum('run'),
    total: first.total,
  };
}

/** One clip, on one device or, where that is lost, on several. */
class ClipRun {
  private readonly film: Film;
  private readonly windows: WindowScores[] = [];
  /** On devices that were lost. */
  private readonly spentBefore: Spent[] = [];
  /** Hz, at which frames are taken. */
  private readonly fps: number;
  private opened = false;
  /** The last frame that the page has. */
  private shown = -1;
  private told = 0;

  constructor(
    private readonly clip: Clip,
    private readonly networks: Networks,
    private readonly context: Context,
    private readonly watches: Stopwatches,
  ) {
    this.film = new Film(clip, (stride) => context.emit({ kind: 'thinned', stride }));
    this.fps = outputRate(rateFor(clip, networks.spec), clip.fps * clip.seconds, clip.fps);
  }

  /** From the last window that is known, since the end of a clip may reach back into it. */
  async on(gpu: Gpu, progressed: () => void): Promise<RecogniseResult> {
    const { networks, clip, watches } = this;
    const { signal } = this.context;
    const tuning = await knownTuning();
    const twoStream = await watches.time('compile', () =>
      TwoStream.create(gpu, {
        rgb: networks.rgb,
        flow: networks.flow,
        tuning,
        signal,
        onProgress: ({ done, total }) => this.tell('Compiling for this GPU', done / total),
      }),
    );
    const side = networks.flow ? undefined : new SideMotion(clip);
    const known = this.windows.at(-1)?.start ?? -1;
    const from = Math.max(0, known);
    const times = () => together(watches.spent, [...this.spentBefore, twoStream.spent]);
    try {
      this.open(gpu, twoStream.classes);
      for await (const window of twoStream.windows(this.frames(from, side), { signal, flowField: true })) {
        const start = window.start + from;
        const field = window.flowField ?? (await side?.field(gpu, start, window.frames, signal));
        if (field) this.showMotion(start, field);
        if (start > known) this.take(window, start, times());
        progressed();
      }
      return this.result(times());
    } finally {
      this.spentBefore.push(twoStream.spent);
      twoStream.dispose();
    }
  }

  private open(gpu: Gpu, classes: readonly string[]): void {
    if (this.opened) return;
    this.opened = true;
    const { name, width, height, seconds } = this.clip;
    const { description: adapter } = gpu.profile;
    this.context.emit({ kind: 'opened', name, width, height, fps: this.fps, seconds, classes, adapter });
  }

  /** The frames as the networks take them, shown to the page on their way. */
  private async *frames(from: number, side: SideMotion | undefined): AsyncGenerator<Frame, void, undefined> {
    const { clip, networks } = this;
    const { spec, rgb, flow } = networks;
    // A model that was trained here takes frames of its short side; others see a square of the frame as it is.
    const whole = (rgb ?? flow)?.framing === 'whole';
    const converter = new UprightConverter(clip, whole ? spec.shortSide : undefined);
    const { width, height } = converter;
    const expected = clip.seconds * this.fps;
    let last: { readonly picture: TakenFrame['picture']; readonly data: Uint8Array } | undefined;
    for await (const frame of takenFrames(clip, rateFor(clip, spec), this.context.signal, from)) {
      const { picture, index } = frame;
      last = last?.picture === picture ? last : { picture, data: converter.convert(picture) };
      this.show(frame);
      side?.take(frame);
      const done = expected > 0 ? Math.min(1, index / expected) : undefined;
      this.tell(`Frame ${index + 1}${expected >= 1 ? ` of ${Math.round(Math.max(expected, index + 1))}` : ''}`, done);
      yield { data: last.data, width, height };
    }
  }

  private show(frame: TakenFrame): void {
    if (frame.index <= this.shown) return;
    this.shown = frame.index;
    const picture = this.film.frame(frame);
    if (picture) this.context.emit({ kind: 'frame', frame: picture }, [picture.rgba.buffer]);
  }

  private showMotion(start: number, field: FloatTensor): void {
    const motions = this.film.motions(start, field);
    this.context.emit(
      { kind: 'motion', motions },
      motions.map(({ steps }) => steps.buffer),
    );
  }

  private take({ frames, rgb, flow, logits }: TwoStreamWindow, start: number, times: Spent): void {
    const window: WindowScores = {
      start,
      frames,
      from: start / this.fps,
      to: (start + frames) / this.fps,
      ...(rgb && { rgb: Float64Array.from(rgb.logits) }),
      ...(flow && { flow: Float64Array.from(flow.logits) }),
      fused: logits,
    };
    this.windows.push(window);
    this.context.emit({ kind: 'window', window, times });
  }

  /** Means over the windows, as `i3d classify` has them. */
  private result(times: Spent): RecogniseResult {
    const mean = (of: 'rgb' | 'flow') => {
      const all = this.windows.map((window) => window[of]).filter((logits) => logits !== undefined);
      return all.length > 0 ? averageLogits(all) : undefined;
    };
    const [rgb, flow] = [mean('rgb'), mean('flow')];
    return { ...(rgb && { rgb }), ...(flow && { flow }), fused: fuse({ rgb, flow }), times };
  }

  private tell(text: string, done?: number): void {
    const now = performance.now();
    if (now - this.told < PROGRESS_EVERY) return;
    this.told = now;
    this.context.emit({ kind: 'progress', text, done });
  }
}

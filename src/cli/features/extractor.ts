/** @file Features of one video after the other, by a preset, with networks that stay on the device. */

import { InputError } from '../../core/errors.ts';
import type { PresetName as FlowPreset } from '../../flow/index.ts';
import { Recoverable } from '../../gpu/recover.ts';
import type { ClipFrame, FrameSource } from '../../io/clip.ts';
import { openFrames } from '../../io/video.ts';
import type { ModelSpec, Stream } from '../../models/definition.ts';
import type { Framing } from '../../models/frames.ts';
import { Recogniser } from '../../models/recogniser.ts';
import { ClipNetworks } from '../../recognition/clip_networks.ts';
import type { ClipFeatures } from '../../recognition/features/layouts.ts';
import {
  type Extraction,
  extraction,
  type FeatureSettings,
  type PresetName,
  type Span,
} from '../../recognition/features/presets.ts';
import type { ChosenNetworks } from '../networks.ts';
import type { ClipFlags, DeviceFlags } from '../options.ts';
import type { Session } from '../session.ts';
import type { ShareDone } from '../sets/run_set.ts';
import { checkDamage } from '../streams/decoding.ts';

export interface ExtractorFlags extends FeatureSettings, DeviceFlags, Pick<ClipFlags, 'videoStream' | 'keepGoing'> {
  readonly preset: PresetName;
  /** How flow is computed; as the model's spec says where left out. */
  readonly flowPreset?: FlowPreset;
}

/** Frames that are decoded to be counted have so small a side (pixels). */
const COUNTED_SIDE = 1;

/** What is known of a video once its features are there. */
export interface ExtractedVideo extends ClipFeatures {
  /** Pixels of the frames as they are stored. */
  readonly width: number;
  readonly height: number;
  /** Frames per second (Hz), as they were taken. */
  readonly fps: number;
}

export class Extractor {
  readonly extraction: Extraction;
  private readonly networks: Recoverable<ClipNetworks>;
  private readonly framing: Framing;

  /** @throws InputError when the preset is none for such networks. */
  constructor(
    chosen: ChosenNetworks,
    private readonly flags: ExtractorFlags,
    private readonly session: Session,
  ) {
    const { rule, specs } = chosen;
    const { preset, stack, step, fps, crops, endPoint, accuracy, kernel, flowPreset } = flags;
    this.framing = rule.framing;
    const streams = [...specs.keys()];
    const stream = streams.length > 1 ? ('both' as const) : streams[0]!;
    this.extraction = extraction(preset, rule.spec, { stack, step, fps, crops, endPoint }, stream);
    const { convention, endPoint: kept } = this.extraction;
    const spec: ModelSpec = { ...rule.spec, flowPreset: flowPreset ?? rule.spec.flowPreset };
    const endPoints = kept === undefined ? [] : [kept];
    this.networks = new Recoverable(session.gpu, async (gpu) => {
      const settings = { accuracy, kernel, tuning: await session.tuning(), endPoints };
      session.progress.say('reading weights');
      const all = Object.fromEntries(
        streams.map((name): [Stream, Recogniser] => [name, new Recogniser(gpu, chosen.load(name), settings)]),
      );
      return new ClipNetworks(gpu, all, { ...rule, spec, convention }, session, 'Extractor');
    });
  }

  /** Everything that features follow from, but for the video and the weights. */
  get facts(): Readonly<Record<string, unknown>> {
    const { accuracy = 'fast', kernel, flowPreset, videoStream, keepGoing } = this.flags;
    const framing = this.extraction.convention ? undefined : this.framing;
    return { ...this.extraction.facts, framing, accuracy, kernel, flowPreset, videoStream, keepGoing };
  }

  /**
   * @throws InputError when it cannot be decoded, is damaged, or too short for the preset; NonFiniteLogitsError; what the device throws.
   */
  extract(path: string, share: ShareDone): Promise<ExtractedVideo> {
    return this.networks.use((networks) => this.extractWith(networks, path, share));
  }

  dispose(): void {
    this.networks.dispose();
  }

  private async extractWith(networks: ClipNetworks, path: string, share: ShareDone): Promise<ExtractedVideo> {
    const { extraction: preset, session } = this;
    const total = preset.needsTotal ? await this.count(path) : 0;
    const wrong = preset.needsTotal ? preset.refuses(total) : undefined;
    if (wrong !== undefined) throw new InputError(`${path} ${wrong}.`);
    const source = await session.time('decode', () => openFrames(path, this.clipOptions()));
    try {
      const clock = new Clock(source, share);
      const streams: Partial<Record<Stream, Float32Array[][]>> = {};
      const spans: Span[] = [];
      let rowShape: readonly number[] | undefined;
      let number = 0;
      for await (const window of networks.windows(clock.frames(), { sequence: preset.sequence(total) })) {
        this.checkDamage(source, false);
        for (const name of ['rgb', 'flow'] as const) {
          const made = window[name]?.map((result) => preset.rows(number, window, result, total));
          if (!made) continue;
          rowShape = made[0]!.shape;
          streams[name] ??= made.map(() => []);
          for (const [crop, { rows }] of made.entries()) streams[name][crop]!.push(...rows);
          if (name === 'rgb' || !window.rgb) spans.push(...made[0]!.spans);
        }
        number++;
      }
      this.checkDamage(source, clock.ended);
      const refused = preset.refuses(clock.count);
      if (refused !== undefined) throw new InputError(`${path} ${refused}.`);
      for (const text of source.warnings()) session.warn(text);
      const { width, height, fps, sourceFps } = source;
      const times = spans.map(([, last]) => clock.times[last + 1] ?? Number.NaN);
      const asked = networks.streams.map((name) => [name, streams[name] ?? [[]]] as const);
      const facts = { frames: clock.count, times, width, height, fps, sourceFps };
      return { streams: Object.fromEntries(asked), rowShape, spans, ...facts };
    } finally {
      await source.close();
    }
  }

  private clipOptions() {
    const { videoStream: stream } = this.flags;
    const { fps } = this.extraction;
    return { fps, stream };
  }

  private checkDamage(source: FrameSource, ended: boolean): void {
    if (!this.flags.keepGoing) checkDamage(source.warnings(), ended);
  }

  /** How many frames a video has, by decoding it: what its file says may be wrong. */
  private async count(path: string): Promise<number> {
    const source = await openFrames(path, { ...this.clipOptions(), maxShortSide: COUNTED_SIDE });
    try {
      let count = 0;
      for await (const _ of source.frames()) count++;
      this.checkDamage(source, true);
      return count;
    } finally {
      await source.close();
    }
  }
}

/** The frames of a source, and what is known of those that were taken. */
class Clock {
  /** Seconds, by frame. */
  readonly times: number[] = [];
  ended = false;

  constructor(
    private readonly source: FrameSource,
    private readonly share: ShareDone,
  ) {}

  get count(): number {
    return this.times.length;
  }

  async *frames(): AsyncGenerator<ClipFrame, void, undefined> {
    const { expectedFrames } = this.source;
    for await (const frame of this.source.frames()) {
      this.times.push(frame.time);
      this.share(expectedFrames > 0 ? this.count / expectedFrames : 0);
      yield frame;
    }
    this.ended = true;
  }
}

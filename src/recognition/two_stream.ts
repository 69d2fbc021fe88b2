/** @file Two-stream recognition: RGB, TV-L1 flow between the frames, both networks, window after window. */

import { type Abortable, checkProgress, checkSignal } from '../core/abort.ts';
import { checkOptionNames, describeValue } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import type { Accuracy } from '../core/kernel.ts';
import type { TuningTable } from '../core/tuning.ts';
import { compileFlow, type PresetName } from '../flow/index.ts';
import { checkGpu, type Gpu } from '../gpu/device.ts';
import type { CompileProgress } from '../graph/compile.ts';
import type { Stream } from '../models/definition.ts';
import { labelsFor } from '../models/labels.ts';
import {
  checkNetwork,
  type Network,
  Recogniser,
  type RecogniserCompileOptions,
  type RecogniserOptions,
} from '../models/recogniser.ts';
import { ClipNetworks, type TwoStreamProgress } from './clip_networks.ts';
import {
  clipResult,
  fusedScores,
  type ScoreOptions,
  type SureOptions,
  type TwoStreamResult,
  type TwoStreamWindow,
} from './clip_result.ts';
import { type ClipRule, clipRule } from './clip_rule.ts';
import type { Frame } from './frame_parts.ts';
import type { Frames } from './frame_source.ts';
import type { LiveWindows } from './live_windows.ts';
import { type Spent, Stopwatches } from './stopwatches.ts';

export interface TwoStreamOptions extends Abortable {
  /** At least one of the two. */
  readonly rgb?: Network | undefined;
  readonly flow?: Network | undefined;
  /** How far kernels may trade accuracy for speed; `fast` where left out. */
  readonly accuracy?: Accuracy | undefined;
  /** Measured choices of kernels, see `tune`. */
  readonly tuning?: TuningTable | undefined;
  /** How flow is computed; as the model's spec says where left out. */
  readonly preset?: PresetName | undefined;
  readonly onProgress?: ((progress: TwoStreamCompileProgress) => void) | undefined;
}

/** How far the kernels of the flow, or one network, are. */
export interface TwoStreamCompileProgress extends CompileProgress {
  readonly part: 'tv-l1' | Stream;
}

export interface TwoStreamRunOptions extends Abortable, ScoreOptions {
  readonly onProgress?: ((progress: TwoStreamProgress) => void) | undefined;
  /** Gives the flow of each window in pixels as well, to be looked at. */
  readonly flowField?: boolean | undefined;
}

export interface TwoStreamClassifyOptions extends TwoStreamRunOptions, SureOptions {}

const OPTION_NAMES: readonly (keyof TwoStreamOptions)[] = [
  'rgb',
  'flow',
  'accuracy',
  'tuning',
  'preset',
  'signal',
  'onProgress',
];

const RUN_OPTION_NAMES: readonly (keyof TwoStreamRunOptions)[] = [
  'signal',
  'onProgress',
  'top',
  'fusion',
  'weights',
  'flowField',
];

/**
 * One or two networks on a device, and the flow between frames. Frames are brought to the networks as `i3d classify` does it, and give
 * the same numbers. While the networks look at a window, the frames of the next one are taken and its flow is computed.
 */
export class TwoStream {
  private readonly watches = new Stopwatches();
  private readonly networks: ClipNetworks;

  private constructor(
    readonly gpu: Gpu,
    recognisers: Readonly<Partial<Record<Stream, Recogniser>>>,
    rule: ClipRule,
    /** The names of the classes. */
    readonly classes: readonly string[],
  ) {
    this.networks = new ClipNetworks(gpu, recognisers, rule, this.watches, 'TwoStream');
  }

  /**
   * Compiles what clips will need, and brings the weights to the device.
   * @throws InputError when there is no network, one has no layer for classes, the two do not take the same clips or do not tell the
   *   same classes apart; GraphError, KernelCompileError, GpuOutOfMemoryError, DeviceLostError; the reason of `signal`.
   */
  static async create(gpu: Gpu, options: TwoStreamOptions): Promise<TwoStream> {
    const what = 'TwoStream.create';
    checkGpu(what, gpu);
    checkOptionNames(what, options, OPTION_NAMES);
    const { rgb, flow, accuracy, tuning, preset, signal, onProgress } = options;
    checkProgress(what, onProgress);
    checkSignal(what, signal);
    const networks = { ...(rgb && { rgb }), ...(flow && { flow }) };
    for (const [name, network] of Object.entries(networks)) checkNetwork(`${what}, as ${name},`, network);
    const rule = ruleOf(networks, preset);
    const classes = await classesOf(networks);
    const recognisers: Partial<Record<Stream, Recogniser>> = {};
    try {
      if (flow) {
        const report = (done: number, total: number) => onProgress?.({ part: 'tv-l1', stage: 'kernels', done, total });
        await compileFlow(gpu, rule.spec.flowPreset, { signal, onProgress: report });
      }
      for (const [name, network] of Object.entries(networks) as [Stream, Network][]) {
        const recogniser = new Recogniser(gpu, network, { accuracy, tuning });
        recognisers[name] = recogniser;
        const report = (progress: CompileProgress) => onProgress?.({ part: name, ...progress });
        await compileFor(recogniser, rule, flow !== undefined, { accuracy, tuning, signal, onProgress: report });
      }
      signal?.throwIfAborted();
      return new TwoStream(gpu, recognisers, rule, classes);
    } catch (error) {
      for (const recogniser of Object.values(recognisers)) recogniser.dispose();
      throw error;
    }
  }

  /** Seconds so far, by what was being done; what overlaps counts in each. `decode` is waiting for frames. */
  get spent(): Spent {
    return this.watches.spent;
  }

  /**
   * The windows of a clip, one after the other as soon as each is there: as many frames as the networks take, and the last one
   * aligned to the end. Leaving the loop ends it.
   * @param frames Of one size, upright, at the rate that the model was trained at (25 Hz mostly).
   * @throws InputError for frames that are none, or too few of them; NonFiniteLogitsError; the reason of `signal`; DisposedError,
   *   DeviceLostError, GpuOutOfMemoryError
   */
  async *windows(frames: Frames, options: TwoStreamRunOptions = {}): AsyncGenerator<TwoStreamWindow, void, undefined> {
    yield* this.scored('TwoStream.windows', frames, options);
  }

  /**
   * The windows of frames that come by themselves, such as a camera's: those that `live` chooses, which never lets them queue up. Flow wants
   * a frame behind each window (`extra: 1`). Leaving the loop leaves `live` as it is: the next call goes on with the frames that come then.
   * @throws As `windows` does.
   */
  async *watch(
    live: LiveWindows<Frame>,
    options: TwoStreamRunOptions = {},
  ): AsyncGenerator<TwoStreamWindow, void, undefined> {
    if (typeof (live as Partial<LiveWindows<Frame>> | undefined)?.cut !== 'function') {
      throw new InputError(`TwoStream.watch takes LiveWindows, not ${describeValue(live)}.`);
    }
    yield* this.scored('TwoStream.watch', live.frames(), options, live);
  }

  /**
   * What happens in a clip: the mean of the logits over its windows, or, with `sure`, over as many as it takes. As `windows` otherwise.
   */
  async classify(frames: Frames, options: TwoStreamClassifyOptions = {}): Promise<TwoStreamResult> {
    checkOptionNames('TwoStream.classify', options, [...RUN_OPTION_NAMES, 'sure']);
    const { sure, ...own } = options;
    return clipResult(this.windows(frames, own), this.classes, options);
  }

  /** Frees what is on the device. What is under way rejects with DisposedError. */
  dispose(): void {
    this.networks.dispose();
  }

  private async *scored(
    what: string,
    frames: Frames,
    options: TwoStreamRunOptions,
    live?: LiveWindows<Frame>,
  ): AsyncGenerator<TwoStreamWindow, void, undefined> {
    this.networks.assertUsable();
    checkOptionNames(what, options, RUN_OPTION_NAMES);
    const { signal, onProgress, flowField } = options;
    checkProgress(what, onProgress);
    checkSignal(what, signal);
    const all = this.networks.windows(frames, { signal, onProgress, flowField, live });
    for await (const { start, frames: count, rgb: [rgb] = [], flow: [flow] = [], field } of all) {
      yield {
        start,
        frames: count,
        ...(rgb && { rgb }),
        ...(flow && { flow }),
        ...fusedScores({ rgb: rgb?.logits, flow: flow?.logits }, this.classes, options),
        ...(field && { flowField: field }),
      };
    }
  }
}

/** @throws InputError when there is no network, or two that do not go together. */
function ruleOf(networks: Partial<Record<Stream, Network>>, preset: PresetName | undefined): ClipRule {
  const { rgb, flow } = networks;
  if (!rgb && !flow) throw new InputError('TwoStream.create needs a network: give rgb, flow or both.');
  for (const [name, { spec }] of Object.entries(networks)) {
    if (spec.stream !== name) throw new InputError(`The network that was given as ${name} is one for ${spec.stream}.`);
    if (spec.architecture.text) {
      throw new InputError(
        `${spec.architecture.name} gives no classes: its values are a point in the space of its texts, which i3d search looks for; Recogniser.logits gives the point.`,
      );
    }
    if (spec.classes > 0) continue;
    throw new InputError(`The network for ${name} has no logits layer: it gives features, and no classes.`);
  }
  const framings = Object.values(networks).map(({ framing = 'square' }) => framing);
  if (new Set(framings).size > 1) {
    throw new InputError(
      'One of the two networks was trained here and one was not: frames are brought to them in different ways; make a TwoStream of each.',
    );
  }
  const specs = new Map(Object.values(networks).map(({ spec }) => [spec.stream, spec]));
  const rule = clipRule(specs, 'The two networks', framings[0]!, 'make a TwoStream of each');
  return preset === undefined ? rule : { ...rule, spec: { ...rule.spec, flowPreset: preset } };
}

/** @throws InputError when two networks do not tell the same classes apart. */
async function classesOf(networks: Partial<Record<Stream, Network>>): Promise<readonly string[]> {
  const names = await Promise.all(Object.values(networks).map(namesOf));
  const [first, second] = names as [readonly string[], (readonly string[])?];
  if (!second) return first;
  const differing = first.findIndex((name, i) => second[i] !== name);
  if (first.length === second.length && differing < 0) return first;
  throw new InputError(
    first.length === second.length
      ? `The two networks do not name the same classes: class ${differing} is ${first[differing]} for RGB and ${second[differing]} for flow.`
      : `The RGB network has ${first.length} classes and the flow network ${second.length}.`,
  );
}

const namesOf = async ({ classes, spec }: Network): Promise<readonly string[]> =>
  typeof classes === 'object' ? classes : labelsFor(spec.classes, spec.architecture.labels ?? []);

/** Of windows of the usual length. Of RGB frames only the kernels where the size of the frames decides about the plan. */
async function compileFor(
  recogniser: Recogniser,
  { framing, spec }: ClipRule,
  withFlow: boolean,
  { signal, onProgress, ...settings }: RecogniserOptions & RecogniserCompileOptions,
): Promise<void> {
  const { gpu, network } = recogniser;
  const { stream, channels } = network.spec;
  const whole = framing === 'whole';
  const dtype = stream === 'rgb' && (whole || !withFlow) ? ('u8' as const) : ('f32' as const);
  const input = { dtype, shape: [spec.frames, spec.size, spec.size, channels] };
  if (whole || stream === 'flow') await recogniser.plan(input, { signal, onProgress });
  else await Recogniser.compileAhead(gpu, network.spec, input, { ...settings, signal, onProgress });
}

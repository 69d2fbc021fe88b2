/** @file A network of any model on a device, ready for clips of any size. */

import { type Abortable, checkSignal, unlessAborted } from '../core/abort.ts';
import { checkChoice, checkOptionNames, checkTensor, describeValue, isObject } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { ACCURACIES, type Accuracy } from '../core/kernel.ts';
import { Serial } from '../core/serial.ts';
import { SnapshotPool } from '../core/snapshot.ts';
import { type FloatTensor, formatShape, sizeOf } from '../core/tensor.ts';
import type { TuningTable } from '../core/tuning.ts';
import type { Gpu } from '../gpu/device.ts';
import { DisposedError } from '../gpu/errors.ts';
import { type CompileOptions, type CompileProgress, compile, compileKernels } from '../graph/compile.ts';
import { type DeviceInput, deviceBytes, isDeviceInput } from '../graph/device_tensor.ts';
import type { Graph } from '../graph/graph.ts';
import { DeviceParameters } from '../graph/parameters.ts';
import type { Plan } from '../graph/plan.ts';
import type { PreprocessAttributes } from '../ops/preprocess.ts';
import type { ModelSpec } from './definition.ts';
import { type ClipInput, checkRange, cutFrames, type Framing, normalisation, type Region } from './frames.ts';
import { frameGraph, modelGraph, OUTPUTS } from './graph.ts';
import { type Window, type WindowRequest, windowRule, windows } from './windows.ts';

export interface RecogniserOptions {
  /** How far kernels may trade accuracy for speed; `fast` where left out. */
  readonly accuracy?: Accuracy | undefined;
  /** Takes the first kernel whose name starts with this, where a layer has one: for research. */
  readonly kernel?: string | undefined;
  /** Measured choices of kernels, see `tune`. */
  readonly tuning?: TuningTable | undefined;
  /** End points that are read as well, by their names in the model's graph; none where left out. */
  readonly endPoints?: readonly string[] | undefined;
}

/** A network with its parameters: published weights (`readWeights`) or a model from a file (`parseModelFile`). */
export interface Network {
  readonly spec: ModelSpec;
  /** By the names of the graph's parameters. */
  readonly parameters: ReadonlyMap<string, FloatTensor>;
  /** The names of its classes; those that its weights are published for where left out. */
  readonly classes?: readonly string[] | number;
  /** How decoded frames are brought to it; `square` where left out. */
  readonly framing?: Framing;
}

/**
 * @param what Begins the sentence: the function that takes it.
 * @throws InputError unless it is a network: mostly its address was given, or what `loadModel` gives was not waited for.
 */
export function checkNetwork(what: string, network: unknown): asserts network is Network {
  const { spec, parameters } = isObject(network) ? (network as unknown as Partial<Network>) : {};
  if (isObject(spec) && isObject(parameters)) {
    const { architecture } = spec as unknown as Partial<ModelSpec>;
    if (typeof architecture?.build === 'function') return;
    throw new InputError(
      `${what} takes a network whose spec has the definition of its model, as modelSpec gives it, not ${describeValue(architecture)} for the architecture.`,
    );
  }
  throw new InputError(
    `${what} takes a network, what loadModel gives once it was awaited, not ${describeValue(network)}.`,
  );
}

export interface RecogniserRunOptions extends Abortable {
  /** The caller leaves the clip's array as it is until the result is there, and it is not copied aside. Off where left out. */
  readonly borrow?: boolean;
  /** The part of each frame that the network gets, as it is; of decoded frames. Where left out, what its model makes of frames. */
  readonly region?: Region | undefined;
}

/** T×H×W×3 decoded frames, or what the network takes: of the host's, or in a buffer of its device. */
export type RecogniserClip = ClipInput | DeviceInput;

export interface RecogniserCompileOptions extends Abortable {
  readonly onProgress?: ((progress: CompileProgress) => void) | undefined;
}

export interface Recognition {
  /** One per class; none of a network without a logits layer. */
  readonly logits: Float32Array;
  /** The mean of the last layer before the classes, such as I3D's 1024 values. */
  readonly features: Float32Array;
  /** Those that were asked for, by name, N×…×C with N = 1. */
  readonly endPoints?: Readonly<Record<string, FloatTensor>>;
}

/**
 * How a network is compiled for what is asked of it.
 * @throws InputError for an accuracy that is none.
 */
export function compileOptions(
  { classes }: ModelSpec,
  { accuracy, kernel, tuning, endPoints = [] }: RecogniserOptions,
): CompileOptions {
  if (accuracy !== undefined) checkChoice('accuracy', accuracy, ACCURACIES);
  return {
    outputs: [...(classes === 0 ? [] : [OUTPUTS.logits]), OUTPUTS.features, ...endPoints],
    ...(accuracy === undefined ? {} : { accuracy }),
    ...(kernel === undefined ? {} : { kernel }),
    ...(tuning === undefined ? {} : { tuning }),
  };
}

/** Plans that are kept: the length that most windows have, and the shorter rest of a clip. */
const KEPT_PLANS = 2;

/**
 * The weights of one network on a device. Plans are compiled for the sizes that come and kept for the next clip; all of
 * them share the weights. Calls start in their order; the next clip is uploaded while the device computes the one before, so
 * a caller who prepares clips meanwhile keeps it busy.
 */
export class Recogniser {
  /** Milliseconds so far in which it compiled and in which at least one run was under way. */
  readonly spent = { compile: 0, run: 0 };
  private running = 0;
  private busySince = 0;
  private readonly parameters: DeviceParameters;
  private readonly compileOptions: CompileOptions;
  private readonly endPoints: readonly string[];
  /** By size, the least recently used first. */
  private readonly plans = new Map<string, Plan>();
  /** Of runs, in the order of their calls; plans are compiled in between. */
  private readonly starts = new Serial();
  private readonly snapshots = new SnapshotPool(2);
  private disposed = false;

  /** @throws InputError for an option that is not known or is no choice. */
  constructor(
    readonly gpu: Gpu,
    readonly network: Network,
    options: RecogniserOptions = {},
  ) {
    checkNetwork('Recogniser', network);
    checkOptionNames('Recogniser', options, ['accuracy', 'kernel', 'tuning', 'endPoints']);
    this.endPoints = options.endPoints ?? [];
    this.compileOptions = compileOptions(network.spec, options);
    this.parameters = new DeviceParameters(gpu, network.parameters);
  }

  /**
   * Compiles the kernels of a network for clips of about this size, for instance while its weights are being read: on some
   * devices that takes longer than a clip.
   * @throws InputError when such clips do not suit the network; GraphError, KernelCompileError
   */
  static async compileAhead(
    gpu: Gpu,
    spec: ModelSpec,
    input: Pick<ClipInput, 'dtype' | 'shape'>,
    options: RecogniserOptions & RecogniserCompileOptions = {},
  ): Promise<void> {
    const { signal, onProgress } = options;
    await compileKernels(clipGraph(spec, input), gpu, { ...compileOptions(spec, options), signal, onProgress });
  }

  /**
   * Logits of a clip, or of a window of it. The frames are taken before it returns: their array may be filled anew at once; a clip in a
   * buffer of the device is to be left alone until the result is there.
   * @throws InputError when the clip does not suit the network, or the network has no logits layer; GraphError, GpuOutOfMemoryError, DeviceLostError; DisposedError when
   *   the recogniser or its device is disposed before the result is there; the reason of `signal`.
   */
  async logits(clip: RecogniserClip, window?: Window, options?: RecogniserRunOptions): Promise<Float32Array> {
    if (this.network.spec.classes === 0) {
      throw new InputError('These weights have no logits layer: they give features() and no logits.');
    }
    return (await this.run(clip, window, options)).logits;
  }

  /** Features of a clip, or of a window of it. As `logits`. */
  async features(clip: RecogniserClip, window?: Window, options?: RecogniserRunOptions): Promise<Float32Array> {
    return (await this.run(clip, window, options)).features;
  }

  /** Both at once. As `logits`. */
  async run(clip: RecogniserClip, window?: Window, options: RecogniserRunOptions = {}): Promise<Recognition> {
    this.assertUsable();
    checkOptionNames('Recogniser.run', options, ['borrow', 'signal', 'region']);
    const { signal } = options;
    checkSignal('Recogniser.run', signal);
    const input = isDeviceInput(clip) ? cutDeviceFrames(clip, window) : cutHostFrames(clip, window);
    if (!isDeviceInput(input)) checkRange(this.network.spec, input);
    const taken = options.borrow || isDeviceInput(input) ? undefined : this.snapshots.copy(input);
    try {
      const started = this.starts.run(() => this.start(taken?.tensor ?? input, options));
      started.catch(() => undefined);
      return await (await unlessAborted(started, signal)).result;
    } catch (error) {
      signal?.throwIfAborted();
      this.assertUsable();
      throw error;
    } finally {
      taken?.release();
    }
  }

  /** The windows of a clip of so many frames that this network takes. Throws as `windows` does. */
  windows(total: number, request?: WindowRequest): Window[] {
    return windows(total, windowRule(this.network.spec), request);
  }

  /** The plan for clips of a size, compiled where it is not yet. It lives until other sizes displace it. */
  async plan(
    input: Pick<ClipInput, 'dtype' | 'shape'>,
    options: RecogniserCompileOptions & Pick<RecogniserRunOptions, 'region'> = {},
  ): Promise<Plan> {
    this.assertUsable();
    checkOptionNames('Recogniser.plan', options, ['signal', 'onProgress', 'region']);
    checkSignal('Recogniser.plan', options.signal);
    return unlessAborted(
      this.starts.run(() => this.planFor(input, options)),
      options.signal,
    );
  }

  /** Frees what is the recogniser's own. Calls that are under way reject with DisposedError. */
  dispose(): void {
    this.disposed = true;
    for (const plan of this.plans.values()) plan.dispose();
    this.plans.clear();
    this.parameters.dispose();
  }

  private assertUsable(): void {
    this.gpu.assertUsable();
    if (this.disposed) throw new DisposedError('The recogniser was disposed; make another one of its weights.');
  }

  /** Hands a clip to its plan; the object around the result keeps a caller's turn from lasting until it is there. */
  private async start(
    input: RecogniserClip,
    { signal, region }: RecogniserRunOptions,
  ): Promise<{ readonly result: Promise<Recognition> }> {
    signal?.throwIfAborted();
    const plan = await this.planFor(input, { signal, region });
    const result = this.execute(plan, input, signal);
    result.catch(() => undefined);
    return { result };
  }

  private async execute(plan: Plan, input: RecogniserClip, signal: AbortSignal | undefined): Promise<Recognition> {
    if (this.running++ === 0) this.busySince = performance.now();
    try {
      const batch = { ...input, shape: [1, ...input.shape] };
      const results = await plan.run(input.dtype === 'u8' ? { frames: batch } : { clip: batch }, {
        borrow: true,
        signal,
      });
      const logits = results[OUTPUTS.logits]?.data ?? new Float32Array(0);
      const features = results[OUTPUTS.features]!.data;
      if (this.endPoints.length === 0) return { logits, features };
      const endPoints = Object.fromEntries(this.endPoints.map((name) => [name, results[name]!]));
      return { logits, features, endPoints };
    } finally {
      if (--this.running === 0) this.spent.run += performance.now() - this.busySince;
    }
  }

  private async planFor(
    { dtype, shape }: Pick<ClipInput, 'dtype' | 'shape'>,
    { signal, onProgress, region }: RecogniserCompileOptions & Pick<RecogniserRunOptions, 'region'>,
  ): Promise<Plan> {
    this.assertUsable();
    signal?.throwIfAborted();
    const key = `${dtype} ${formatShape(shape)} ${region ? Object.values(region).join() : ''}`;
    let plan = this.plans.get(key);
    if (plan) this.plans.delete(key);
    else {
      const graph = clipGraph(this.network.spec, { dtype, shape }, region);
      const start = performance.now();
      // Before the new one takes its memory.
      for (const [oldest, displaced] of this.plans) {
        if (this.plans.size < KEPT_PLANS) break;
        this.plans.delete(oldest);
        await displaced.idle();
        displaced.dispose();
      }
      plan = await compile(graph, this.parameters, { ...this.compileOptions, signal, onProgress });
      this.spent.compile += performance.now() - start;
    }
    if (this.disposed) plan.dispose();
    this.assertUsable();
    this.plans.set(key, plan);
    return plan;
  }
}

function cutHostFrames(clip: ClipInput, window: Window | undefined): ClipInput {
  checkTensor('The clip', clip, ['u8', 'f32']);
  return window ? cutFrames(clip, window) : clip;
}

/** @throws InputError when the clip does not have them all, or they begin within a word of the device's memory. */
function cutDeviceFrames(clip: DeviceInput, window: Window | undefined): DeviceInput {
  if (!window) return clip;
  const { dtype, shape, padded = false, offset = 0 } = clip;
  const [total = 0, ...rest] = shape;
  const { start, frames } = window;
  if (!(start >= 0 && frames >= 1 && start + frames <= total)) {
    throw new InputError(`Frames ${start} to ${start + frames - 1} were asked for; the clip has ${total}.`);
  }
  const each = dtype === 'u8' ? sizeOf(rest) : deviceBytes({ dtype, shape: rest, padded });
  if ((start * each) % 4 !== 0) {
    throw new InputError(
      `Frame ${start} of ${each} bytes each begins within a word of the buffer; begin the clip with it.`,
    );
  }
  return { ...clip, shape: [frames, ...rest], offset: offset + start * each };
}

/** Frames of which a part is taken as it is. */
function regionGeometry(spec: ModelSpec, height: number, width: number, region: Region): PreprocessAttributes {
  const { geometry: _, ...values } = spec.architecture.preprocessing ?? {};
  return { resized: { height, width }, crop: region, ...normalisation(values) };
}

/** @throws InputError when clips like this do not suit the network. */
function clipGraph(
  spec: ModelSpec,
  { dtype, shape }: Pick<ClipInput, 'dtype' | 'shape'>,
  region?: RecogniserRunOptions['region'],
): Graph {
  const { channels } = spec;
  const [frames = 0, height = 0, width = 0, depth] = shape;
  const wanted = dtype === 'u8' ? 3 : channels;
  if (shape.length !== 4 || depth !== wanted || channels !== wanted) {
    throw new InputError(
      `These weights take clips T×H×W×${channels}${channels === 3 ? '' : ' (float32)'}; this one is ${dtype} ${formatShape(shape)}.`,
    );
  }
  const size = { frames, height, width };
  if (dtype === 'u8') return frameGraph(spec, size, region && regionGeometry(spec, height, width, region));
  if (region)
    throw new InputError('A region is cut out of decoded frames, in bytes; cut it out of other clips before.');
  return modelGraph(spec, size);
}

/** @file A network that is given the frames of a stream one by one, and computes each of them once. */

import { type Abortable, checkSignal, unlessAborted } from '../core/abort.ts';
import { checkOptionNames } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { Serial } from '../core/serial.ts';
import { formatShape, type Shape } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { DisposedError } from '../gpu/errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { type CompileOptions, compile } from '../graph/compile.ts';
import { DeviceTensor } from '../graph/device_tensor.ts';
import type { Graph } from '../graph/graph.ts';
import { DeviceParameters } from '../graph/parameters.ts';
import type { Plan } from '../graph/plan.ts';
import type { ModelSpec } from './definition.ts';
import { type ClipInput, specGeometry } from './frames.ts';
import { addModel, OUTPUTS } from './graph.ts';
import { checkNetwork, compileOptions, type Network, type RecogniserOptions, type Recognition } from './recogniser.ts';
import { checkClipSize } from './spec.ts';

/** Names of what a frame leaves to the next one, as an input and as an output. */
const PAST = 'past';
const KEPT = 'kept';

interface Step {
  readonly graph: Graph;
  /** Shapes of what is kept, by name. */
  readonly memory: ReadonlyMap<string, Shape>;
}

/** The network on one frame, 1×H×W×C, and on what it kept of the frame before. */
function stepGraph(spec: ModelSpec, { dtype, shape }: Pick<ClipInput, 'dtype' | 'shape'>): Step {
  const [, height = 0, width = 0] = shape;
  const builder = new GraphBuilder();
  const attributes = dtype === 'u8' ? specGeometry(spec, height, width) : undefined;
  const side = attributes?.crop ?? { height, width };
  checkClipSize(spec, 1, side.height, side.width);
  const clip = attributes
    ? builder.preprocess('Preprocess', builder.input('frames', [1, ...shape], 'u8'), attributes)
    : builder.input('clip', [1, ...shape]);
  const memory = new Map<string, Shape>();
  addModel(builder, spec, clip, {
    dropout: 0,
    memory: {
      exchange(name, value) {
        const kept = builder.shapeOf(value);
        memory.set(name, kept);
        builder.name(`${KEPT}/${name}`, value);
        return builder.input(`${PAST}/${name}`, kept);
      },
    },
  });
  return { graph: builder.build(), memory };
}

/** A plan for frames of one size, and what the network keeps of the last of them. */
interface Running {
  readonly key: string;
  readonly plan: Plan;
  readonly memory: ReadonlyMap<string, DeviceTensor<'f32'>>;
}

/**
 * An online network on a device: each frame is computed once, with what the layers kept of those before, where a `Recogniser` computes all
 * frames of each window (for TSM: Lin et al., ICCV 2019, section 4.2). The means of the logits of frames that follow each other from the
 * first one on are those of the clip.
 */
export class OnlineRecogniser {
  private readonly parameters: DeviceParameters;
  private readonly compileOptions: CompileOptions;
  /** Frames come one after the other. */
  private readonly turns = new Serial();
  private running: Running | undefined;
  /** Whether there was a frame since the beginning of the stream. */
  private begun = false;
  private disposed = false;

  /** @throws InputError where the network looks at frames to come, or for an option that is not known or is no choice. */
  constructor(
    readonly gpu: Gpu,
    readonly network: Network,
    options: Omit<RecogniserOptions, 'endPoints'> = {},
  ) {
    checkNetwork('OnlineRecogniser', network);
    checkOptionNames('OnlineRecogniser', options, ['accuracy', 'kernel', 'tuning']);
    const { architecture } = network.spec;
    if (!architecture.online) {
      throw new InputError(
        `${architecture.name} looks at frames to come, too: it is given whole windows (Recogniser).`,
      );
    }
    this.compileOptions = compileOptions(network.spec, options);
    this.parameters = new DeviceParameters(gpu, network.parameters);
  }

  /**
   * What the network makes of the next frame. Frames are taken in the order of the calls.
   * @param frame 1×H×W×3 bytes, or 1×H×W×C float32 in the network's range; of one size until `reset`.
   * @throws InputError for anything else; GraphError, KernelCompileError, GpuOutOfMemoryError, DeviceLostError, DisposedError; the
   *   reason of `signal`.
   */
  async step(frame: ClipInput, { signal }: Abortable = {}): Promise<Recognition> {
    checkSignal('OnlineRecogniser.step', signal);
    this.assertUsable();
    return unlessAborted(
      this.turns.run(async () => {
        signal?.throwIfAborted();
        const running = await this.runningFor(frame);
        return this.see(running, frame);
      }),
      signal,
    );
  }

  /** Forgets all frames: the next one is the first of another stream, and may have another size. */
  reset(): Promise<void> {
    return this.turns.run(async () => {
      this.assertUsable();
      if (this.running) this.clear(this.running);
      this.begun = false;
    });
  }

  /** Frees what is the recogniser's own. Calls that are under way reject with DisposedError. */
  dispose(): void {
    this.disposed = true;
    this.free();
    this.parameters.dispose();
  }

  private async see({ plan, memory }: Running, frame: ClipInput): Promise<Recognition> {
    const past = [...memory].map(([name, tensor]) => [`${PAST}/${name}`, tensor] as const);
    const kept = [...memory].map(([name, { buffer }]) => [`${KEPT}/${name}`, { buffer }] as const);
    const inputs = {
      [frame.dtype === 'u8' ? 'frames' : 'clip']: { ...frame, shape: [1, ...frame.shape] },
      ...Object.fromEntries(past),
    };
    // Inputs are read before outputs are written, so both may be one buffer.
    this.begun = true;
    const outputs = await plan.runOnDevice(inputs, { into: Object.fromEntries(kept) });
    const ends = [outputs[OUTPUTS.logits], outputs[OUTPUTS.features]];
    try {
      const [logits, features] = await Promise.all(ends.map(async (tensor) => (await tensor?.read())?.data));
      return { logits: logits ?? new Float32Array(0), features: features! };
    } finally {
      for (const tensor of ends) tensor?.dispose();
    }
  }

  private async runningFor({ dtype, shape }: ClipInput): Promise<Running> {
    this.assertUsable();
    const { spec } = this.network;
    const depth = dtype === 'u8' ? 3 : spec.channels;
    if (shape.length !== 4 || shape[0] !== 1 || shape[3] !== depth) {
      throw new InputError(`A frame is 1×H×W×${depth}; this one is ${dtype} ${formatShape(shape)}.`);
    }
    const key = `${dtype} ${formatShape(shape)}`;
    if (this.running?.key === key) return this.running;
    if (this.running && this.begun) {
      throw new InputError(
        `This frame is ${key} and those before are ${this.running.key}; reset what was seen before another stream begins.`,
      );
    }
    this.free();
    const { graph, memory } = stepGraph(spec, { dtype, shape });
    const outputs = [...this.compileOptions.outputs!, ...[...memory.keys()].map((name) => `${KEPT}/${name}`)];
    const plan = await compile(graph, this.parameters, { ...this.compileOptions, outputs });
    const tensors = new Map([...memory].map(([name, kept]) => [name, DeviceTensor.make(this.gpu, 'f32', kept)]));
    this.running = { key, plan, memory: tensors };
    // What was in that memory before is somebody else's.
    this.clear(this.running);
    if (this.disposed) this.free();
    this.assertUsable();
    return this.running;
  }

  /** Zeros, as before the first frame. */
  private clear({ memory }: Running): void {
    const { device } = this.gpu;
    const encoder = device.createCommandEncoder({ label: 'clear memory' });
    for (const { buffer } of memory.values()) encoder.clearBuffer(buffer);
    device.queue.submit([encoder.finish()]);
  }

  private free(): void {
    this.running?.plan.dispose();
    for (const tensor of this.running?.memory.values() ?? []) tensor.dispose();
    this.running = undefined;
  }

  private assertUsable(): void {
    this.gpu.assertUsable();
    if (this.disposed) throw new DisposedError('The recogniser was disposed; make another one of its weights.');
  }
}

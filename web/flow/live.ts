/** @file Frame after frame into flow and onto the canvas, with settings that may change at any time. */

import type { Gpu } from '../../src/index.ts';
import type { CallContext } from '../shared/calls.ts';
import { drawAction } from '../video/drawn_clip.ts';
import type { GivenFrame } from '../video/given_clip.ts';
import { opaque } from '../worker/film.ts';
import { savedPicture } from './card.ts';
import { FlowPainter, type Painted } from './painter.ts';
import type { FlowCalls, FlowSettings, FlowSource, FlowView } from './protocol.ts';
import { FrameSolver } from './solver.ts';
import { type Surface, surfaceOf } from './surface.ts';

/** Pixels of the shorter side of the frame that shows through. */
const SHOWN_SIDE = 480;
/** Frames from one look at how long motions are to the next. */
const LOOK_EVERY = 6;
/** How much a look counts. */
const LOOK_WEIGHT = 0.25;
/** Pixels: shorter motions never get the full colour. */
const LEAST_LENGTH = 0.5;
/** Seconds over which the rate is taken. */
const RATE_OVER = 2;
/** Pixels of the longer side of a saved picture. */
const LARGEST = 1600;

type Context = CallContext<FlowCalls['show']>;

/** What is on the device. */
interface Stage {
  readonly gpu: Gpu;
  readonly painter: FlowPainter;
  readonly surface: Surface;
  solver: FrameSolver | undefined;
  shown: GPUTexture | undefined;
}

export class LiveFlow {
  canvas: OffscreenCanvas | undefined;
  settings: FlowSettings = { side: 160, preset: 'fast', own: {} };
  view: FlowView = { ground: 'black', frame: 0, gain: 1 };
  private solved: FlowSettings | undefined;
  private stage: Stage | undefined;
  /** Pixels: the longest motions lately. */
  private longest = 0;
  private painted: Painted | undefined;
  private frames = 0;
  private times: number[] = [];

  /** @param gpu A device, which may be another one than before: what was made on that is gone. */
  async show(gpu: Gpu, source: FlowSource, context: Context, progressed: () => void): Promise<undefined> {
    const { signal } = context;
    this.times = [];
    this.solved = undefined;
    const mirrored = source.kind === 'given' && source.mirrored;
    try {
      for await (const frame of source.kind === 'drawn' ? drawn(source, signal) : context.inputs) {
        try {
          await this.take(gpu, frame.frame, mirrored, context);
        } finally {
          frame.frame.close();
        }
        signal.throwIfAborted();
        progressed();
      }
      return undefined;
    } finally {
      this.stage?.solver?.dispose();
      if (this.stage) this.stage.solver = undefined;
      // The flow that is shown was on it.
      this.painted = undefined;
      this.last = undefined;
    }
  }

  /** What is shown now as a picture to keep. */
  async picture(): Promise<Blob> {
    const { stage, painted } = this;
    if (!stage || !painted) throw new Error('There is nothing to save yet: choose a source first.');
    const fps = this.rate();
    return savedPicture(stage.gpu, stage.painter, painted, this.view, { fps, largest: LARGEST });
  }

  private last: { readonly width: number; readonly height: number } | undefined;

  private async take(gpu: Gpu, frame: VideoFrame | ImageBitmap, mirrored: boolean, context: Context): Promise<void> {
    const { canvas, settings, view } = this;
    if (!canvas) throw new Error('The page has handed over no canvas.');
    const source = sizeOf(frame);
    const size = withSide(source, settings.side);
    const shown = withSide(source, Math.min(SHOWN_SIDE, Math.min(source.width, source.height)));
    const stage = this.stageOn(gpu, canvas);
    if (this.solved !== settings || this.last?.width !== size.width || this.last.height !== size.height) {
      context.emit({ kind: 'compiling' });
      this.painted = undefined;
      stage.solver?.dispose();
      stage.solver = undefined;
      stage.solver = await FrameSolver.create(gpu, { ...size, mirrored }, settings);
      this.solved = settings;
      this.last = size;
      resize(canvas, source, stage.surface.largest);
      stage.shown?.destroy();
      const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT;
      stage.shown = gpu.device.createTexture({ size: [shown.width, shown.height], format: 'rgba8unorm', usage });
    }
    const { solver } = stage as { solver: FrameSolver };
    const [small, large] = await Promise.all([bitmap(frame, size), bitmap(frame, shown)]);
    const { device } = gpu;
    solver.push(small);
    device.queue.copyExternalImageToTexture({ source: large }, { texture: stage.shown! }, [shown.width, shown.height]);
    small.close();
    large.close();
    if (!solver.ready) return;
    const length = Math.max(LEAST_LENGTH, this.longest) / view.gain;
    const painted = { ...size, flow: solver.tvl1.flow, picture: stage.shown!, mirrored, length };
    this.painted = painted;
    await stage.surface.paint((target, encoder) => {
      solver.encode(encoder);
      stage.painter.paint(encoder, target, painted, view);
    });
    // One frame at a time: what cannot be computed in time is never asked for.
    await gpu.idle();
    if (this.frames++ % LOOK_EVERY === 0) await this.look(gpu, solver);
    this.times = [...this.times, performance.now() / 1000].filter((time, _, all) => time > all.at(-1)! - RATE_OVER);
    const { description: adapter } = gpu.profile;
    context.emit({ kind: 'shown', ...size, fps: this.rate(), length, adapter });
  }

  private rate(): number {
    const [first, last] = [this.times[0] ?? 0, this.times.at(-1) ?? 0];
    return last > first ? (this.times.length - 1) / (last - first) : 0;
  }

  private stageOn(gpu: Gpu, canvas: OffscreenCanvas): Stage {
    if (this.stage?.gpu === gpu) return this.stage;
    this.stage = {
      gpu,
      painter: new FlowPainter(gpu.device),
      surface: surfaceOf(gpu, canvas),
      solver: undefined,
      shown: undefined,
    };
    return this.stage;
  }

  /** How long motions are: nearly the longest of them gets the full colour, and that changes slowly. */
  private async look(gpu: Gpu, { tvl1 }: FrameSolver): Promise<void> {
    const { device } = gpu;
    const { width, height } = tvl1.size;
    const bytes = width * height * 8;
    const staging = device.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(tvl1.flow, 0, staging, 0, bytes);
    device.queue.submit([encoder.finish()]);
    const flow = new Float32Array(await gpu.read(staging, bytes));
    staging.destroy();
    const lengths = Float32Array.from({ length: flow.length / 2 }, (_, i) =>
      Math.hypot(flow[2 * i]!, flow[2 * i + 1]!),
    );
    const longest = lengths.sort()[Math.floor(0.98 * (lengths.length - 1))]!;
    this.longest = this.longest === 0 ? longest : this.longest + (longest - this.longest) * LOOK_WEIGHT;
  }
}

const sizeOf = (frame: VideoFrame | ImageBitmap) =>
  'displayWidth' in frame
    ? { width: frame.displayWidth, height: frame.displayHeight }
    : { width: frame.width, height: frame.height };

/** The size whose shorter side has so many pixels. */
function withSide({ width, height }: { width: number; height: number }, side: number) {
  const scale = side / Math.min(width, height);
  return { width: Math.round(width * scale), height: Math.round(height * scale) };
}

/** Makes a canvas as large as it is worth: flow is smooth. */
function resize(canvas: OffscreenCanvas, source: { width: number; height: number }, largest: number): void {
  const scale = Math.min(largest, 2 * Math.max(source.width, source.height)) / Math.max(source.width, source.height);
  const [width, height] = [Math.round(source.width * scale), Math.round(source.height * scale)];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

const bitmap = (frame: VideoFrame | ImageBitmap, { width, height }: { width: number; height: number }) =>
  createImageBitmap(frame, { resizeWidth: width, resizeHeight: height, resizeQuality: 'medium' });

/** Drawn people, over and over, at the rate at which they move. */
async function* drawn(
  request: Extract<FlowSource, { kind: 'drawn' }>,
  signal: AbortSignal,
): AsyncGenerator<GivenFrame | { frame: ImageBitmap; time: number }, void, undefined> {
  const { size, fps } = request;
  const bytes = size * size * 3;
  const clips = new Map<string, Uint8Array>();
  let due = performance.now();
  for (;;) {
    for (const action of request.actions) {
      const data = clips.get(action) ?? drawAction(action, request);
      clips.set(action, data);
      for (let at = 0; at < data.length; at += bytes) {
        const image = new ImageData(opaque(data.subarray(at, at + bytes)), size, size);
        yield { frame: await createImageBitmap(image), time: 0 };
        due = Math.max(performance.now(), due + 1000 / fps);
        await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
        signal.throwIfAborted();
      }
    }
  }
}

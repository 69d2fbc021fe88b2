/** @file The side of a worker: it loads models, opens the device and recognises what a page sends. */

import { unlessAborted } from '../core/abort.ts';
import { checkOptionNames } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { computeFlow } from '../flow/index.ts';
import { Gpu } from '../gpu/device.ts';
import { DisposedError } from '../gpu/errors.ts';
import { STREAMS, type Stream } from '../models/definition.ts';
import type { ModelRegistry } from '../models/registry.ts';
import type { TwoStreamWindow } from './clip_result.ts';
import type { Frame } from './frame_parts.ts';
import { type LoadedModel, loadModel, loadTensorFlow } from './load_model.ts';
import type { Picture } from './pictures.ts';
import { TwoStream } from './two_stream.ts';
import {
  type Call,
  type FromWorker,
  type OpenedRecogniser,
  type OpenOptions,
  type Progress,
  post,
  receivedError,
  sentError,
  type ToWorker,
  type WorkerEnd,
} from './worker_protocol.ts';

export interface ServeOptions {
  /** Opens a device, also after one was lost; `Gpu.create()` where left out. */
  readonly openGpu?: (() => Promise<Gpu>) | undefined;
  /** The models that files may hold; those that come with the package where left out. */
  readonly models?: ModelRegistry | undefined;
}

/** What `serveRecogniser` gives to the worker itself. */
export interface RecogniserServer {
  /** The device that is in use, such as for what else the worker computes; nothing before a page has opened it. */
  readonly gpu: Gpu | undefined;
  /** Stops listening, and frees the device. */
  close(): void;
}

/** A call that is being worked on. */
interface Running {
  readonly controller: AbortController;
  /** Takes what the page answers to `wantsFrame`. */
  frame?: {
    readonly resolve: (frame: Frame | Picture | undefined) => void;
    readonly reject: (reason: unknown) => void;
  };
}

/**
 * Serves pages that `connectRecogniser` has connected: call it once, at the beginning of a worker. Everything slow happens in here, so
 * the page stays responsive.
 * @param end The worker's own `self` where left out; a `MessagePort` elsewhere.
 */
export function serveRecogniser(
  // A page's types know `self` as a window.
  end: WorkerEnd = globalThis as unknown as WorkerEnd,
  options: ServeOptions = {},
): RecogniserServer {
  checkOptionNames('serveRecogniser', options, ['openGpu', 'models']);
  return new Server(end, options);
}

class Server implements RecogniserServer {
  gpu: Gpu | undefined;
  private models: Partial<Record<Stream, LoadedModel>> = {};
  private opened: Omit<OpenOptions, Stream | 'cache'> = {};
  private twoStream: TwoStream | undefined;
  private readonly running = new Map<number, Running>();

  constructor(
    private readonly end: WorkerEnd,
    private readonly options: ServeOptions,
  ) {
    end.addEventListener('message', this.listen);
    end.start?.();
  }

  close(): void {
    this.end.removeEventListener('message', this.listen);
    for (const { controller } of this.running.values()) controller.abort(new DisposedError('The worker was closed.'));
    this.twoStream?.dispose();
    this.gpu?.dispose();
  }

  private readonly listen = ({ data }: MessageEvent): void => {
    const message = data as ToWorker;
    if ('call' in message) void this.answer(message.id, message.call);
    else {
      const running = this.running.get(message.id);
      if ('abort' in message) running?.controller.abort();
      else if ('failed' in message) running?.frame?.reject(receivedError(message.failed));
      else running?.frame?.resolve(message.frame);
    }
  };

  private async answer(id: number, call: Call): Promise<void> {
    const running: Running = { controller: new AbortController() };
    this.running.set(id, running);
    try {
      await this.work(id, call, running);
    } catch (error) {
      this.post({ id, error: sentError(error) });
    } finally {
      this.running.delete(id);
    }
  }

  private async work(id: number, call: Call, running: Running): Promise<void> {
    const { signal } = running.controller;
    switch (call.name) {
      case 'open':
        return this.post({ id, result: await this.open(id, call.options, signal) });
      case 'reopen':
        return this.post({ id, result: await this.compile(id, signal) });
      case 'windows': {
        const onProgress = this.progress(id);
        for await (const window of this.ready().windows(this.frames(id, running), {
          ...call.options,
          signal,
          onProgress,
        })) {
          this.post({ id, window }, memoryOf(window));
        }
        return this.post({ id, result: undefined });
      }
      case 'flow': {
        const onProgress = (done: number, total: number) => this.post({ id, progress: { done, total } });
        const gpu = await this.device(signal);
        const flow = await computeFlow(gpu, call.frames, { ...call.options, signal, onProgress });
        return this.post({ id, result: flow }, [flow.data.buffer as ArrayBuffer]);
      }
      case 'close':
        this.post({ id, result: undefined });
        return this.close();
    }
  }

  private async open(id: number, options: OpenOptions, signal: AbortSignal): Promise<OpenedRecogniser> {
    const { rgb, flow, cache, ...opened } = options;
    const models: Partial<Record<Stream, LoadedModel>> = {};
    for (const [part, source] of Object.entries({ rgb, flow }) as [Stream, OpenOptions['rgb']][]) {
      if (source === undefined) continue;
      const onProgress = (done: number, total: number | undefined) =>
        this.post({ id, progress: { part, stage: 'load', done, total } });
      const settings = { signal, onProgress, cache, stream: part, models: this.options.models };
      models[part] =
        source instanceof Map ? await loadTensorFlow(source, settings) : await loadModel(source as string, settings);
    }
    this.models = models;
    this.opened = opened;
    return this.compile(id, signal);
  }

  /** On the device that there is, or another one where that is gone. */
  private async compile(id: number, signal: AbortSignal): Promise<OpenedRecogniser> {
    this.twoStream?.dispose();
    this.twoStream = undefined;
    const gpu = await this.device(signal);
    const settings = { ...this.opened, signal, onProgress: this.progress(id) };
    const twoStream = await TwoStream.create(gpu, { ...this.models, ...settings });
    this.twoStream = twoStream;
    const models = STREAMS.flatMap((stream) => {
      const model = this.models[stream];
      return model
        ? [[stream, { spec: { ...model.spec, architecture: model.spec.architecture.id }, warnings: model.warnings }]]
        : [];
    });
    return { adapter: gpu.profile, classes: twoStream.classes, models: Object.fromEntries(models) };
  }

  private async device(signal: AbortSignal): Promise<Gpu> {
    try {
      this.gpu?.assertUsable();
    } catch {
      this.gpu?.dispose();
      this.gpu = undefined;
    }
    if (this.gpu) return this.gpu;
    const opening = this.options.openGpu?.() ?? Gpu.create();
    const gpu = await unlessAborted(opening, signal);
    this.gpu = gpu;
    gpu.lost.catch((error: unknown) => this.post({ lost: sentError(error) }));
    return gpu;
  }

  private ready(): TwoStream {
    if (this.twoStream) return this.twoStream;
    throw new InputError('The worker has no model yet: open it with one first.');
  }

  /** The page's frames, each asked for when it is wanted. */
  private async *frames(id: number, running: Running): AsyncGenerator<Frame | Picture, void, undefined> {
    for (;;) {
      const next = new Promise<Frame | Picture | undefined>((resolve, reject) => {
        running.frame = { resolve, reject };
      });
      this.post({ id, wantsFrame: true });
      const frame = await next;
      if (!frame) return;
      try {
        yield frame;
      } finally {
        // The clone that came over; the page closes its own.
        (frame as { close?(): void }).close?.();
      }
    }
  }

  private progress(id: number) {
    return (progress: Progress) => this.post({ id, progress });
  }

  private post(message: FromWorker, transfer: Transferable[] = []): void {
    post(this.end, message, transfer);
  }
}

/** What of a window need not be copied. */
const memoryOf = ({ flowField }: TwoStreamWindow): Transferable[] =>
  flowField ? [flowField.data.buffer as ArrayBuffer] : [];

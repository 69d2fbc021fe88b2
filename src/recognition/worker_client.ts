/** @file The side of a page: a recogniser that works in a worker, and is used as if it were here. */

import { type Abortable, checkProgress, checkSignal, unlessAborted } from '../core/abort.ts';
import { checkOptionNames } from '../core/check.ts';
import type { FloatTensor, HostTensor } from '../core/tensor.ts';
import { DisposedError } from '../gpu/errors.ts';
import { clipResult, type TwoStreamResult, type TwoStreamWindow } from './clip_result.ts';
import type { Frame } from './frame_parts.ts';
import { type Frames, openFrameStream } from './frame_source.ts';
import { isPicture, type Picture } from './pictures.ts';
import type { TwoStreamClassifyOptions, TwoStreamRunOptions } from './two_stream.ts';
import {
  type Call,
  type FromWorker,
  type OpenedRecogniser,
  type OpenOptions,
  type OpenProgress,
  type Progress,
  post,
  receivedError,
  type SentFlowOptions,
  sentError,
  type ToWorker,
  type WorkerEnd,
  type WorkerModelSource,
} from './worker_protocol.ts';

export interface ConnectOptions {
  /** Called when the worker's device is lost: with a DeviceLostError. `reopen` opens another one. */
  readonly onLost?: ((error: Error) => void) | undefined;
}

export interface WorkerCallOptions<P> extends Abortable {
  readonly onProgress?: ((progress: P) => void) | undefined;
}

/** What is done with a call's messages. */
type Listener = (message: Exclude<FromWorker, { lost: unknown }>) => void;

/**
 * Connects a page with a worker that `serveRecogniser` serves.
 * @param end The `Worker`; a `MessagePort` elsewhere.
 */
export function connectRecogniser(end: WorkerEnd, options: ConnectOptions = {}): WorkerRecogniser {
  checkOptionNames('connectRecogniser', options, ['onLost']);
  return new WorkerRecogniser(end, options);
}

/** A TwoStream in a worker. Errors come from there as the classes that they are, with their codes. */
export class WorkerRecogniser {
  private opened: OpenedRecogniser | undefined;
  private readonly listeners = new Map<number, Listener>();
  private calls = 0;
  private readonly closing = new AbortController();

  /** @internal Made by `connectRecogniser`. */
  constructor(
    private readonly end: WorkerEnd,
    private readonly options: ConnectOptions,
  ) {
    end.addEventListener('message', this.listen);
    end.start?.();
  }

  /** The names of the classes; none before the worker is open. */
  get classes(): readonly string[] {
    return this.opened?.classes ?? [];
  }

  /**
   * Loads models in the worker, opens a device and compiles. What was open before is replaced.
   * @throws as `loadModel`, `Gpu.create` and `TwoStream.create`; the reason of `signal`.
   */
  async open(options: OpenOptions & WorkerCallOptions<OpenProgress>): Promise<OpenedRecogniser> {
    const { signal, onProgress, rgb, flow, ...own } = options;
    const call: Call = { name: 'open', options: { ...own, rgb: absolute(rgb), flow: absolute(flow) } };
    this.opened = (await this.ask(call, { signal, onProgress: onProgress as never })) as OpenedRecogniser;
    return this.opened;
  }

  /** Opens another device after one was lost, and compiles for it; the models are still there. As `open` otherwise. */
  async reopen(options: WorkerCallOptions<OpenProgress> = {}): Promise<OpenedRecogniser> {
    this.opened = (await this.ask({ name: 'reopen' }, options as WorkerCallOptions<Progress>)) as OpenedRecogniser;
    return this.opened;
  }

  /** See `TwoStream.windows`. A frame is taken, and copied, when the worker wants it. */
  async *windows(frames: Frames, options: TwoStreamRunOptions = {}): AsyncGenerator<TwoStreamWindow, void, undefined> {
    const { signal, onProgress, ...own } = options;
    checkProgress('windows', onProgress);
    checkSignal('windows', signal);
    const source = await openFrameStream(frames, signal);
    const taken = source.frames();
    const found: TwoStreamWindow[] = [];
    let told: () => void = () => undefined;
    const leaving = new AbortController();
    const either = AbortSignal.any([leaving.signal, ...(signal ? [signal] : [])]);
    let failure: { readonly error: unknown } | undefined;
    let ended = false;
    const send = async (id: number) => {
      try {
        const { done, value } = await taken.next();
        if (done) return this.post({ id, frame: undefined });
        const { frame, transfer } = isPicture(value) ? await sentPicture(value) : sentFrame(value);
        this.post({ id, frame }, transfer);
      } catch (error) {
        // Thrown here, as it is; the worker only has to know that nothing comes any more.
        failure ??= { error };
        this.post({ id, failed: sentError(error) });
      }
    };
    const asked = this.ask(
      { name: 'windows', options: own },
      { signal: either, onProgress: onProgress as never },
      (message) => {
        if ('wantsFrame' in message) void send(message.id);
        if ('window' in message) {
          found.push(message.window);
          told();
        }
      },
    );
    const finished = asked
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => {
        ended = true;
        told();
      });
    try {
      for (;;) {
        while (found.length > 0) yield found.shift()!;
        if (ended) break;
        await new Promise<void>((resolve) => {
          told = resolve;
        });
      }
      if (failure) throw failure.error;
    } finally {
      if (!ended) leaving.abort();
      source.close();
      void taken.return().catch(() => undefined);
      void finished;
    }
  }

  /** See `TwoStream.classify`. */
  classify(frames: Frames, options: TwoStreamClassifyOptions = {}): Promise<TwoStreamResult> {
    const { sure, ...own } = options;
    return clipResult(this.windows(frames, own), this.classes, options);
  }

  /**
   * See `computeFlow`; needs no model.
   * @param frames T×H×W×3, copied.
   */
  async flow(
    frames: HostTensor<'u8'>,
    options: SentFlowOptions & Abortable & { readonly onProgress?: (done: number, total: number) => void } = {},
  ): Promise<FloatTensor> {
    const { signal, onProgress, ...own } = options;
    const report = onProgress && (({ done, total }: Progress) => onProgress(done, total!));
    // Of a view the whole memory behind it would be copied.
    const data = frames.data.slice();
    const call: Call = { name: 'flow', frames: { ...frames, data }, options: own };
    return (await this.ask(call, { signal, onProgress: report }, undefined, [data.buffer])) as FloatTensor;
  }

  /** Frees the worker's device, and ends what is under way with a DisposedError. The worker itself is its owner's to terminate. */
  async close(): Promise<void> {
    if (this.closing.signal.aborted) return;
    const closed = this.ask({ name: 'close' }, {});
    this.closing.abort(new DisposedError('The connection to the worker was closed; connect to it again.'));
    await closed.catch(() => undefined);
    this.end.removeEventListener('message', this.listen);
  }

  private readonly listen = ({ data }: MessageEvent): void => {
    const message = data as FromWorker;
    if ('lost' in message) this.options.onLost?.(receivedError(message.lost));
    else this.listeners.get(message.id)?.(message);
  };

  /** What the worker answers to a call. */
  private async ask(
    call: Call,
    { signal, onProgress }: WorkerCallOptions<Progress>,
    listener?: Listener,
    transfer: Transferable[] = [],
  ): Promise<OpenedRecogniser | FloatTensor | undefined> {
    checkProgress(call.name, onProgress);
    checkSignal(call.name, signal);
    this.closing.signal.throwIfAborted();
    const id = this.calls++;
    const answer = new Promise<OpenedRecogniser | FloatTensor | undefined>((resolve, reject) => {
      this.listeners.set(id, (message) => {
        if ('result' in message) resolve(message.result);
        else if ('error' in message) reject(receivedError(message.error));
        else if ('progress' in message) onProgress?.(message.progress);
        else listener?.(message);
      });
    });
    this.post({ id, call }, transfer);
    const either = call.name === 'close' ? signal : AbortSignal.any([this.closing.signal, ...(signal ? [signal] : [])]);
    try {
      return await unlessAborted(answer, either);
    } catch (error) {
      if (either?.aborted) this.post({ id, abort: true });
      throw error;
    } finally {
      this.listeners.delete(id);
    }
  }

  private post(message: ToWorker, transfer: Transferable[] = []): void {
    post(this.end, message, transfer);
  }
}

/** A copy of its bytes alone: of a view the whole memory behind it would be copied. */
function sentFrame({ data, width, height }: Frame): { frame: Frame; transfer: Transferable[] } {
  const copy = data.slice();
  return { frame: { data: copy, width, height }, transfer: [copy.buffer] };
}

/** Pictures that can be sent are cloned, without their pixels being copied where the browser can do that; of others a snapshot is sent. */
async function sentPicture(picture: Picture): Promise<{ frame: Picture; transfer: Transferable[] }> {
  if (/ImageData|VideoFrame|ImageBitmap/.test(Object.prototype.toString.call(picture))) {
    return { frame: picture, transfer: [] };
  }
  const bitmap = await createImageBitmap(picture as HTMLCanvasElement);
  return { frame: bitmap, transfer: [bitmap] };
}

/** What an address means depends on who fetches it: the page's is meant. */
function absolute(source: WorkerModelSource | undefined): WorkerModelSource | undefined {
  if (typeof source !== 'string' && !(source instanceof URL)) return source;
  const base = (globalThis as { readonly document?: { readonly baseURI: string } }).document?.baseURI;
  return new URL(source, base).href;
}

/** @file What a page and the worker that recognises for it say to each other. */

import type { ErrorCode } from '../core/errors.ts';
import { GraphError, I3dError, InputError } from '../core/errors.ts';
import type { Accuracy, DeviceProfile } from '../core/kernel.ts';
import type { FloatTensor, HostTensor } from '../core/tensor.ts';
import type { TuningTable } from '../core/tuning.ts';
import type { PresetName, Tvl1Settings } from '../flow/index.ts';
import {
  AdapterError,
  DeviceLostError,
  DisposedError,
  GpuOutOfMemoryError,
  GpuValidationError,
  KernelCompileError,
} from '../gpu/errors.ts';
import type { ModelSpec, Stream } from '../models/definition.ts';
import { NonFiniteLogitsError } from '../models/scores.ts';
import type { TwoStreamProgress } from './clip_networks.ts';
import type { TwoStreamWindow } from './clip_result.ts';
import type { Frame } from './frame_parts.ts';
import type { Picture } from './pictures.ts';
import { type FileSource, LoadError } from './source_bytes.ts';
import type { TwoStreamCompileProgress, TwoStreamRunOptions } from './two_stream.ts';

/**
 * One end of the way between a page and its worker: a `Worker`, the `self` of one, or a `MessagePort`. What `postMessage` takes is left
 * open: to programs without the types of workers, `self` is a window, whose second argument is another one.
 */
export interface WorkerEnd {
  postMessage(...message: never[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  removeEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  /** Of ports, which hold messages back until they are asked for. */
  start?(): void;
}

/** A model's file, or by their names the files of a TensorFlow checkpoint. What a `Response` holds cannot be sent. */
export type WorkerModelSource = Exclude<FileSource, Response> | ReadonlyMap<string, Exclude<FileSource, Response>>;

/** What a worker is to recognise with. */
export interface OpenOptions {
  readonly rgb?: WorkerModelSource | undefined;
  readonly flow?: WorkerModelSource | undefined;
  /** See `loadModel`. */
  readonly cache?: boolean | string | undefined;
  readonly accuracy?: Accuracy | undefined;
  readonly preset?: PresetName | undefined;
  readonly tuning?: TuningTable | undefined;
}

/** What an opened worker says of itself. */
export interface OpenedRecogniser {
  readonly adapter: DeviceProfile;
  readonly classes: readonly string[];
  readonly models: Partial<Record<Stream, WorkerModel>>;
}

/** A model as a page sees it. */
export interface WorkerModel {
  /** `architecture` is its id. */
  readonly spec: Omit<ModelSpec, 'architecture'> & { readonly architecture: string };
  /** See `LoadedModel`. */
  readonly warnings: readonly string[];
}

/** How far opening is: bytes of a model, kernels and weights. */
export type OpenProgress =
  | { readonly part: Stream; readonly stage: 'load'; readonly done: number; readonly total: number | undefined }
  | TwoStreamCompileProgress;

/** Options of calls that can be sent: signals and callbacks go their own ways. */
type SentRunOptions = Omit<TwoStreamRunOptions, 'signal' | 'onProgress'>;
export type SentFlowOptions = Omit<Tvl1Settings, 'solver'>;

/** What a page asks of its worker. */
export type Call =
  | { readonly name: 'open'; readonly options: OpenOptions }
  | { readonly name: 'reopen' }
  | { readonly name: 'windows'; readonly options: SentRunOptions }
  | { readonly name: 'flow'; readonly frames: HostTensor<'u8'>; readonly options: SentFlowOptions }
  | { readonly name: 'close' };

export type ToWorker =
  | { readonly id: number; readonly call: Call }
  /** The next frame of a clip; nothing behind the last one. */
  | { readonly id: number; readonly frame: Frame | Picture | undefined }
  /** The page's frames broke off. */
  | { readonly id: number; readonly failed: SentError }
  | { readonly id: number; readonly abort: true };

export type Progress = OpenProgress | TwoStreamProgress | { readonly done: number; readonly total: number };

export type FromWorker =
  | { readonly id: number; readonly progress: Progress }
  | { readonly id: number; readonly wantsFrame: true }
  | { readonly id: number; readonly window: TwoStreamWindow }
  | { readonly id: number; readonly result: OpenedRecogniser | FloatTensor | undefined }
  | { readonly id: number; readonly error: SentError }
  | { readonly lost: SentError };

/** An error on its way: classes are lost when they are cloned. */
interface SentError {
  readonly code: ErrorCode | undefined;
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Of `DeviceLostError`. */
  readonly reason?: string;
  /** Of `KernelCompileError`. */
  readonly kernel?: string;
  readonly wgsl?: string;
  /** Of `LoadError`. */
  readonly status?: number | undefined;
}

/** @param transfer What is handed over instead of being copied. */
export function post(end: WorkerEnd, message: ToWorker | FromWorker, transfer: Transferable[]): void {
  (end as { postMessage(message: unknown, transfer: Transferable[]): void }).postMessage(message, transfer);
}

export function sentError(error: unknown): SentError {
  const { name, message, stack } =
    error instanceof Error ? error : { name: 'Error', message: String(error), stack: undefined };
  const own = { code: error instanceof I3dError ? error.code : undefined, name, message, stack };
  if (error instanceof DeviceLostError) return { ...own, reason: error.reason };
  if (error instanceof KernelCompileError) return { ...own, kernel: error.kernel, wgsl: error.wgsl };
  if (error instanceof LoadError) return { ...own, status: error.status };
  return own;
}

const CLASSES: Partial<Record<ErrorCode, new (message: string) => I3dError>> = {
  'invalid-input': InputError,
  'invalid-graph': GraphError,
  'no-adapter': AdapterError,
  'gpu-validation': GpuValidationError,
  'gpu-out-of-memory': GpuOutOfMemoryError,
  disposed: DisposedError,
  'non-finite-logits': NonFiniteLogitsError,
};

/** The error as it was, of the same class. */
export function receivedError(sent: SentError): Error {
  const error = made(sent);
  // As it was said, whatever a constructor makes of it.
  Object.defineProperty(error, 'message', { value: sent.message, configurable: true, writable: true });
  if (sent.stack !== undefined) Object.defineProperty(error, 'stack', { value: sent.stack, configurable: true });
  return error;
}

function made({ code, name, message, reason, kernel, wgsl, status }: SentError): Error {
  if (code === 'device-lost') return new DeviceLostError(reason ?? 'unknown', message);
  if (code === 'kernel-compile') return new KernelCompileError(kernel ?? '', wgsl ?? '', []);
  if (code === 'load-failed') return new LoadError(message, status === undefined ? {} : { status });
  const known = code && CLASSES[code];
  return known ? new known(message) : Object.assign(new Error(message), { name });
}

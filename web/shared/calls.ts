/**
 * @file Calls from a page to its worker: each has parameters and a result, may tell of events meanwhile, may ask the page for
 * inputs one after the other (frames of a camera), and can be cancelled.
 */

/** What a call takes and gives. */
interface CallType {
  readonly params: unknown;
  readonly event: unknown;
  readonly input: unknown;
  readonly result: unknown;
}
/** An interface whose every member is a `Call`. */
type CallTypes<Names> = { readonly [Name in keyof Names]: CallType };

/** What `Calls` has for one name; what is left out is `undefined`, or never comes. */
export interface Call<Params, Result, Event = never, Input = never> {
  readonly params: Params;
  readonly event: Event;
  readonly input: Input;
  readonly result: Result;
}

export interface CallContext<Type extends CallType> {
  readonly signal: AbortSignal;
  readonly emit: (event: Type['event'], transfer?: Transferable[]) => void;
  /** Each is asked of the page when it is wanted here, so none piles up. */
  readonly inputs: AsyncIterable<Type['input']>;
}

export type Handlers<Types extends CallTypes<Types>> = {
  readonly [Name in keyof Types]: (
    params: Types[Name]['params'],
    context: CallContext<Types[Name]>,
  ) => Promise<Types[Name]['result'] | WithTransfer<Types[Name]['result']>>;
};

/** A result whose buffers are handed over instead of being copied. */
export class WithTransfer<Result> {
  constructor(
    readonly result: Result,
    readonly transfer: Transferable[],
  ) {}
}

interface ErrorText {
  readonly name: string;
  readonly message: string;
}

type ToWorker =
  | { readonly id: number; readonly call: string; readonly params: unknown }
  | { readonly id: number; readonly input: IteratorResult<unknown> }
  | { readonly id: number; readonly cancel: true };

type ToPage =
  | { readonly id: number; readonly event: unknown }
  | { readonly id: number; readonly wants: true }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: ErrorText };

/** The side of a worker: `self`, or anything else that messages come from and go to. */
export interface Port {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
}

/** What an error of the worker says of itself on the page. */
export class WorkerError extends Error {
  constructor({ name, message }: ErrorText) {
    super(message);
    this.name = name;
  }
}

type AnyHandler = (params: unknown, context: CallContext<CallType>) => Promise<unknown>;

interface Served {
  readonly controller: AbortController;
  /** Takes the input that was asked for. */
  take: ((input: IteratorResult<unknown>) => void) | undefined;
}

/** Answers calls, in a worker. */
export function serve<Types extends CallTypes<Types>>(handlers: Handlers<Types>, port: Port): void {
  const running = new Map<number, Served>();
  const send = (message: ToPage, transfer: Transferable[] = []): void => port.postMessage(message, transfer);

  async function answer(id: number, name: string, params: unknown): Promise<void> {
    const call: Served = { controller: new AbortController(), take: undefined };
    running.set(id, call);
    const next = (): Promise<IteratorResult<unknown>> =>
      new Promise((resolve, reject) => {
        const { signal } = call.controller;
        if (signal.aborted) return reject(signal.reason);
        const giveUp = (): void => reject(signal.reason);
        signal.addEventListener('abort', giveUp, { once: true });
        call.take = (input) => {
          signal.removeEventListener('abort', giveUp);
          resolve(input);
        };
        send({ id, wants: true });
      });
    const end = async (): Promise<IteratorResult<unknown>> => ({ done: true, value: undefined });
    try {
      const handler = handlers[name as keyof Types] as unknown as AnyHandler;
      const result = await handler(params, {
        signal: call.controller.signal,
        emit: (event, transfer) => send({ id, event }, transfer),
        inputs: { [Symbol.asyncIterator]: () => ({ next, return: end }) },
      });
      if (result instanceof WithTransfer) send({ id, result: result.result }, result.transfer);
      else send({ id, result });
    } catch (error) {
      const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
      send({ id, error: { name, message } });
    } finally {
      running.delete(id);
    }
  }

  port.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
    if ('call' in data) void answer(data.id, data.call, data.params);
    else if ('cancel' in data) running.get(data.id)?.controller.abort();
    else {
      const call = running.get(data.id);
      const take = call?.take;
      if (call) call.take = undefined;
      take?.(data.input);
    }
  });
}

export interface CallOptions<Type extends CallType> {
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: Type['event']) => void) | undefined;
  /** What of the parameters is handed over. */
  readonly transfer?: Transferable[] | undefined;
  /** What the worker may ask for. Left when the call is over. */
  readonly inputs?: AsyncIterator<Type['input']> | undefined;
  /** Which buffers of an input are handed over. */
  readonly transferOf?: ((input: Type['input']) => Transferable[]) | undefined;
}

/** Makes calls, on a page. */
export class Caller<Types extends CallTypes<Types>> {
  private count = 0;
  private readonly pending = new Map<number, (message: ToPage) => void>();

  constructor(private readonly worker: Worker) {
    worker.addEventListener('message', ({ data }: MessageEvent<ToPage>) => this.pending.get(data.id)?.(data));
    worker.addEventListener('error', (event) => this.fail(event.message || 'The worker of this page could not start.'));
  }

  /** Rejects with the signal's reason as soon as that is aborted; with a WorkerError for what the worker throws. */
  async call<Name extends keyof Types & string>(
    name: Name,
    params: Types[Name]['params'],
    { signal, onEvent, transfer, inputs, transferOf }: CallOptions<Types[Name]> = {},
  ): Promise<Types[Name]['result']> {
    signal?.throwIfAborted();
    const id = ++this.count;
    const send = (message: ToWorker, transfer: Transferable[] = []): void => this.worker.postMessage(message, transfer);
    let cancel: () => void = () => undefined;
    try {
      return await new Promise<Types[Name]['result']>((resolve, reject) => {
        cancel = () => {
          send({ id, cancel: true });
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', cancel, { once: true });
        const give = async (): Promise<void> => {
          const input = (await inputs?.next()) ?? { done: true as const, value: undefined };
          if (this.pending.has(id)) send({ id, input }, input.done ? [] : transferOf?.(input.value));
        };
        this.pending.set(id, (message) => {
          if ('event' in message) onEvent?.(message.event);
          else if ('wants' in message) give().catch(reject);
          else if ('result' in message) resolve(message.result);
          else reject(new WorkerError(message.error));
        });
        send({ id, call: name, params }, transfer);
      });
    } finally {
      signal?.removeEventListener('abort', cancel);
      this.pending.delete(id);
      // An input that was asked for too late is the giver's to free.
      void inputs?.return?.();
    }
  }

  private fail(message: string): void {
    for (const [id, take] of this.pending) take({ id, error: { name: 'Error', message } });
  }
}

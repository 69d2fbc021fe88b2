/** @file The bytes of a file from wherever a page has them: an address, a dropped file, memory; with progress, and from a cache. */

import { unlessAborted } from '../core/abort.ts';
import { describeValue, typedArrayName } from '../core/check.ts';
import { I3dError, InputError } from '../core/errors.ts';
import { counted } from '../core/words.ts';
import { isWebPage } from '../io/decode_weights.ts';

/** Where a file may come from. */
export type FileSource = string | URL | Blob | Uint8Array | ArrayBuffer | Response;

/** A file that could not be fetched, whole and as what it should be. */
export class LoadError extends I3dError {
  override name = 'LoadError';
  readonly code = 'load-failed';
  /** The status of HTTP, where that is what was wrong. */
  readonly status: number | undefined;

  constructor(message: string, options: ErrorOptions & { readonly status?: number } = {}) {
    super(message, options);
    this.status = options.status;
  }
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes that are there, and all of them where that is known. */
  readonly onProgress?: ((bytesDone: number, bytesTotal: number | undefined) => void) | undefined;
  /** Keeps what an address gave in this cache, and takes it from there; not kept where left out. */
  readonly cache?: string | undefined;
  /** What messages call the file, where it has no name of its own. */
  readonly name?: string | undefined;
}

interface SourceBytes {
  /** For messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Puts the bytes of an address into the cache; nothing where they came from there, or there is none. */
  keep(): Promise<void>;
}

const KEPT: Pick<SourceBytes, 'keep'> = { keep: async () => undefined };

/**
 * @throws InputError when `source` is nothing that holds a file; LoadError when the address gives none, or a part of it; the reason
 *   of the signal.
 */
export async function sourceBytes(source: FileSource, options: ReadOptions): Promise<SourceBytes> {
  const { signal, onProgress } = options;
  if (typeof source === 'string' || isA(source, 'URL')) return addressBytes(String(source), options);
  if (isA(source, 'Response')) {
    const response = source as Response;
    const name = options.name ?? lastPart(response.url) ?? 'The response';
    return { name, bytes: await bodyBytes(response, name, options), ...KEPT };
  }
  if (isA(source, 'Blob') || isA(source, 'File')) {
    const blob = source as Blob & { readonly name?: string };
    const name = options.name ?? (blob.name || 'The file');
    const bytes = await collect(blob.stream(), { name, total: blob.size, exact: true, signal, onProgress });
    return { name, bytes, ...KEPT };
  }
  const name = options.name ?? 'The file';
  const memory = isA(source, 'ArrayBuffer') ? new Uint8Array(source as ArrayBuffer) : (source as Uint8Array);
  if (typedArrayName(memory) === 'Uint8Array') {
    onProgress?.(memory.length, memory.length);
    return { name, bytes: memory, ...KEPT };
  }
  throw new InputError(
    `A file is given as its address, a Blob or File, a Response, or its bytes in a Uint8Array, not as ${describeValue(source)}.`,
  );
}

/** Also of another realm. */
const isA = (value: unknown, name: string): boolean => Object.prototype.toString.call(value) === `[object ${name}]`;

/** The name of the file in an address. */
function lastPart(address: string): string | undefined {
  const part = address.split(/[?#]/)[0]!.split('/').at(-1);
  if (part === undefined || part === '') return undefined;
  try {
    return decodeURI(part);
  } catch {
    // A percent sign that stands for itself.
    return part;
  }
}

async function addressBytes(address: string, options: ReadOptions): Promise<SourceBytes> {
  const { signal, cache: cacheName } = options;
  const name = options.name ?? lastPart(address) ?? address;
  if (address.startsWith('file:')) return { name, bytes: await fileBytes(new URL(address), options), ...KEPT };
  // Only a page has an address that others may be relative to; elsewhere what is no URL is a path. `C:` is no scheme.
  const isPath = typeof location === 'undefined' && (!URL.canParse(address) || /^[a-z]:[\\/]/i.test(address));
  if (isPath) return { name, bytes: await fileBytes(address, options), ...KEPT };
  // Pages without a secure context have none, and neither has Node.
  const cache = cacheName === undefined || typeof caches === 'undefined' ? undefined : await caches.open(cacheName);
  const kept = await cache?.match(address);
  if (kept) return { name, bytes: await bodyBytes(kept, name, options), ...KEPT };
  let response: Response;
  try {
    response = await fetch(address, signal ? { signal } : {});
  } catch (cause) {
    signal?.throwIfAborted();
    const { message, cause: inner } = cause as Error;
    const why = inner instanceof Error && inner.message ? inner.message : message;
    throw new LoadError(
      `${address} could not be fetched (${why}); check the address and the network, and that its server lets this page have it (CORS).`,
      { cause },
    );
  }
  const bytes = await bodyBytes(response, name, options);
  const keep = async () => {
    // Where there is no room left it is fetched again next time.
    await cache?.put(address, new Response(bytes as Uint8Array<ArrayBuffer>)).catch(() => undefined);
  };
  return { name, bytes, keep };
}

/** A file by its path, or by its URL, as `import.meta.url` of a module gives it: Node has it, and its `fetch` does not know how. */
async function fileBytes(address: string | URL, { signal, onProgress }: ReadOptions): Promise<Uint8Array> {
  // No import, which a page's bundler would follow.
  const files = typeof process === 'undefined' ? undefined : process.getBuiltinModule?.('node:fs/promises');
  if (!files) throw new LoadError(`${address} is a file, which a page cannot read; serve it, or let the user pick it.`);
  try {
    const bytes = await files.readFile(address, signal ? { signal } : {});
    onProgress?.(bytes.length, bytes.length);
    return bytes;
  } catch (cause) {
    signal?.throwIfAborted();
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = { ENOENT: 'there is none', EISDIR: 'it is a folder' }[code ?? ''] ?? message;
    throw new LoadError(`${address} could not be read (${why}); give the path or URL of a file that is there.`, {
      cause,
    });
  }
}

async function bodyBytes(response: Response, name: string, { signal, onProgress }: ReadOptions): Promise<Uint8Array> {
  const { status, statusText, headers, url, body } = response;
  if (!response.ok) {
    void body?.cancel().catch(() => undefined);
    const said = [status, statusText].filter(Boolean).join(' ');
    throw new LoadError(`${url || name} could not be fetched: its server answers ${said}.`, { status });
  }
  const length = Number(headers.get('content-length') ?? Number.NaN);
  // What is packed on its way has another length; of other origins a page cannot see whether it is.
  const exact = !headers.has('content-encoding') && response.type !== 'cors';
  const total = Number.isSafeInteger(length) && length > 0 && !headers.has('content-encoding') ? length : undefined;
  if (!body) throw new LoadError(`${url || name} has no contents, or they have been read before.`);
  const bytes = await collect(body, { name: url || name, total, exact, signal, onProgress });
  if (isWebPage(bytes)) {
    throw new LoadError(
      `${url || name} gives a web page where a file should be; check the address (many servers send their start page for what they do not have).`,
    );
  }
  return bytes;
}

interface Collecting extends Pick<ReadOptions, 'signal' | 'onProgress'> {
  readonly name: string;
  /** Bytes that are expected. */
  readonly total: number | undefined;
  /** Whether there must be so many. */
  readonly exact: boolean;
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  { name, total, exact, signal, onProgress }: Collecting,
): Promise<Uint8Array> {
  const reader = stream.getReader();
  // In one piece where the length is known: weights are large, and joining them would take their memory twice.
  let bytes = new Uint8Array(total ?? 1 << 16);
  let done = 0;
  try {
    for (;;) {
      const part = await unlessAborted(reader.read(), signal);
      if (part.done) break;
      const { value } = part;
      if (done + value.length > bytes.length) {
        const larger = new Uint8Array(Math.max(2 * bytes.length, done + value.length));
        larger.set(bytes.subarray(0, done));
        bytes = larger;
      }
      bytes.set(value, done);
      done += value.length;
      onProgress?.(done, total !== undefined && done <= total ? total : undefined);
    }
  } catch (cause) {
    void reader.cancel(cause).catch(() => undefined);
    signal?.throwIfAborted();
    if (cause instanceof I3dError || !isStreamError(cause)) throw cause;
    const of = total === undefined ? '' : ` of ${total}`;
    throw new LoadError(`${name} was cut off after ${counted(done, 'byte')}${of}; load it again.`, { cause });
  }
  if (exact && total !== undefined && done !== total) {
    throw new LoadError(
      `${name} should have ${counted(total, 'byte')} and has ${done}: it was cut off on its way, or its server names a wrong length.`,
    );
  }
  return bytes.subarray(0, done);
}

/** How browsers and Node report a stream that breaks off: other errors are whoever's that threw them, such as `onProgress`. */
const isStreamError = (error: unknown): boolean =>
  error instanceof TypeError || (error instanceof DOMException && error.name !== 'AbortError');

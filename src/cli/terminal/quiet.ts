/** @file Keeps known noise of native libraries off standard error while they load. */

import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { loadFfmpeg } from '../../io/ffmpeg.ts';
import { holdBack } from './output.ts';

/** Dawn says so of software adapters, each time it looks for adapters, and has no switch for it. Nobody can change these limits. */
const KNOWN =
  /^Warning: maxDynamic(Uniform|Storage)BuffersPerPipelineLayout artificially reduced from \d+ to \d+ .*\n?/gm;

/**
 * Runs `body` while what native code writes to standard error goes to a file; afterwards all of it but the known lines is printed,
 * or nothing where `body` fails. Nothing else may open files meanwhile: the descriptor is free for an instant. Only on Linux, whose software adapters are those that
 * make this noise.
 */
export async function withQuietLibraries<T>(body: () => Promise<T>): Promise<T> {
  if (process.platform !== 'linux' || process.argv.includes('--debug')) return body();
  const stderr = await StandardError.replace();
  if (!stderr) return body();
  const release = holdBack();
  try {
    const result = await body();
    stderr.restore(true);
    return result;
  } catch (error) {
    // What is wrong is said by the error.
    stderr.restore(false);
    throw error;
  } finally {
    release();
  }
}

/** Standard error, while something else has its descriptor. */
class StandardError {
  private constructor(
    private readonly duplicate: Duplicate,
    /** The same open file as descriptor 2 was. */
    private readonly copy: Descriptor,
    /** Where native code writes meanwhile; a file without a name. */
    private readonly aside: number,
  ) {}

  /** Undefined where it is nothing that anybody reads, or cannot be replaced. */
  static async replace(): Promise<StandardError | undefined> {
    try {
      const duplicate = await duplicator();
      if (!duplicate) return undefined;
      const path = join(tmpdir(), `i3d-${randomUUID()}.log`);
      const aside = openSync(path, 'wx+');
      rmSync(path);
      const copy = duplicate(2);
      closeSync(2);
      openSync(`/dev/fd/${aside}`, 'a');
      return new StandardError(duplicate, copy, aside);
    } catch {
      return undefined;
    }
  }

  /** @param tell Whether to print what native code has written, but for what is known. */
  restore(tell: boolean): void {
    closeSync(2);
    kept.push(this.duplicate(this.copy.number));
    this.copy.close();
    const rest = readFileSync(`/dev/fd/${this.aside}`, 'utf8').replaceAll(KNOWN, '');
    closeSync(this.aside);
    if (tell && rest !== '') process.stderr.write(rest);
  }
}

/** A descriptor takes the lowest number that is free: 2, where that has just been closed. */
interface Descriptor {
  readonly number: number;
  close(): void;
}

type Duplicate = (descriptor: number) => Descriptor;

/** Held for as long as the process lives: some descriptors are closed when nobody holds them any more. */
const kept: Descriptor[] = [];

/**
 * How a second descriptor of an open file is made. Terminals and pipes can be opened again; a file would get a place of its own to
 * write at, and a socket cannot. Node cannot duplicate descriptors, but FFmpeg does so for its protocol of pipes.
 */
async function duplicator(): Promise<Duplicate | undefined> {
  const kind = fstatSync(2);
  if (process.stderr.isTTY || kind.isFIFO()) {
    return (descriptor) => {
      const number = openSync(`/dev/fd/${descriptor}`, 'a');
      return { number, close: () => closeSync(number) };
    };
  }
  if (!kind.isFile() && !kind.isSocket()) return undefined;
  const av = await loadFfmpeg();
  return (descriptor) => {
    const number = openSync('/dev/null', 'r');
    closeSync(number);
    const context = new av.IOContext();
    if (context.open2Sync(`pipe:${descriptor}`, av.AVIO_FLAG_WRITE) < 0)
      throw new InputError('Standard error cannot be written twice.');
    return { number, close: () => void context.closepSync() };
  };
}

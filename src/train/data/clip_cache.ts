/** @file The frames of clips and the flow between them at training's size: in memory, and on disk. Node only. */

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { Serial } from '../../core/serial.ts';
import { type FloatTensor, type HostTensor, sameShape, sizeOf } from '../../core/tensor.ts';
import { computeFlow, type PresetName, resolveOptions } from '../../flow/index.ts';
import type { Gpu } from '../../gpu/device.ts';
import { onDevice } from '../../gpu/recover.ts';
import { readContents } from '../../io/images.ts';
import { decodeNpy, encodeNpy } from '../../io/npy.ts';
import type { ModelSpec } from '../../models/definition.ts';
import { readingRate } from '../../models/windows.ts';
import type { ClipSource } from './clip.ts';
import { type DecodeOptions, decodeClip, resizeClip } from './decode.ts';
import { DiskCache, defaultClipCache } from './disk_cache.ts';
import { flowFromFixedPoint, flowToFixedPoint } from './fixed_point_flow.ts';
import { MemoryCache } from './memory_cache.ts';

export interface ClipCacheOptions extends Omit<DecodeOptions, 'maxFrames'> {
  /** At most so many frames of a clip are used, its first ones; 300 where left out, 12 s at 25 Hz. */
  readonly maxFrames?: number | undefined;
  /** How flow is computed; `fast` where left out. */
  readonly preset?: PresetName | undefined;
  /** The device for flow, asked for when flow is first computed, and again where it is lost. */
  readonly gpu?: () => Promise<Gpu>;
  /** Where files are kept; `defaultClipCache()` where left out, and nowhere where it is `false`. */
  readonly folder?: string | false | undefined;
  /** Bytes that are kept in memory; 1 GiB where left out. */
  readonly memory?: number | undefined;
}

/** Of what is doubtful about clips, so much is told: a thousand folders may all have the same. */
const MOST_REMARKS = 5;

/** To be changed with anything that changes what the files hold: decoding, resizing, the flow, its unit. */
const VERSION = 3;

const DEFAULT_MEMORY = 2 ** 30;
const DEFAULT_FRAMES = 300;

/**
 * Decodes each clip once. Files are named by a hash of all that their contents depend upon (path, size and time of the clip, and
 * the settings), are complete or not there, and one that does not hold what it should is made again.
 */
export class ClipCache {
  /** @internal */
  readonly settings: Omit<DecodeOptions, 'onWarning'>;
  readonly preset: PresetName;
  readonly #gpu: (() => Promise<Gpu>) | undefined;
  readonly #disk: DiskCache | undefined;
  readonly #memory: MemoryCache;
  /** One solve at a time: a clip fills a device, and memory is bounded for one. */
  readonly #solving = new Serial();
  readonly #onWarning: (message: string) => void;
  #remarks = 0;

  /** @internal See `clipCaches`. */
  constructor(options: ClipCacheOptions) {
    const { shortSide, fps, maxFrames = DEFAULT_FRAMES, keepDamaged = false, memory = DEFAULT_MEMORY } = options;
    this.settings = { shortSide, fps, maxFrames, keepDamaged };
    for (const [name, value] of Object.entries({ shortSide, maxFrames })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new InputError(`The option ${name} must be a whole number of at least 1, not ${value}.`);
      }
    }
    this.preset = options.preset ?? 'fast';
    this.#gpu = options.gpu;
    const { folder = defaultClipCache(), onWarning = () => undefined } = options;
    this.#onWarning = onWarning;
    this.#disk = folder === false ? undefined : new DiskCache(folder, onWarning);
    this.#memory = new MemoryCache(memory);
  }

  /**
   * T×H×W×3, shared with others that ask: read only.
   * @throws InputError when the clip cannot be decoded.
   */
  frames(source: ClipSource): Promise<HostTensor<'u8'>> {
    return this.#memory.get(`frames ${source.path}`, async () => {
      const { load, path } = source;
      const make = async () =>
        load
          ? resizeClip(await load(), path, this.settings)
          : await decodeClip(path, { ...this.settings, onWarning: (text) => this.#remark(text) });
      const identity = await identityOf(source);
      if (identity === undefined) return make();
      const { shortSide, maxFrames } = this.settings;
      const fits = (tensor: HostTensor): tensor is HostTensor<'u8'> => {
        const [count = 0, height = 0, width = 0, channels] = tensor.shape;
        const sized = Math.min(height, width) === shortSide && count >= 1 && count <= maxFrames;
        return tensor.dtype === 'u8' && tensor.shape.length === 4 && channels === 3 && sized;
      };
      return this.#kept(digest('frames', identity, this.settings), fits, make);
    });
  }

  /** Flow from each frame to the next in pixels of the frames, T×H×W×2; that of the last frame is the one before it. */
  async flow(source: ClipSource): Promise<FloatTensor> {
    return flowFromFixedPoint(await this.fixedPointFlow(source));
  }

  /**
   * The same in units of `FLOW_UNIT` pixels, as it is kept; shared with others that ask: read only.
   * @throws InputError when the clip cannot be decoded.
   */
  fixedPointFlow(source: ClipSource): Promise<HostTensor<'i16'>> {
    return this.#memory.get(`flow ${source.path}`, async () => {
      const frames = await this.frames(source);
      const identity = (await identityOf(source)) ?? contentsOf(frames);
      const options = resolveOptions({ preset: this.preset });
      const shape = [...frames.shape.slice(0, 3), 2];
      const fits = (tensor: HostTensor): tensor is HostTensor<'i16'> =>
        tensor.dtype === 'i16' && sameShape(tensor.shape, shape);
      return this.#kept(digest('flow', identity, this.settings, options), fits, async () =>
        flowToFixedPoint(await this.#solve(frames), shape),
      );
    });
  }

  #remark(text: string): void {
    this.#remarks++;
    if (this.#remarks <= MOST_REMARKS) this.#onWarning(text);
    else if (this.#remarks === MOST_REMARKS + 1)
      this.#onWarning('Other clips have the like, which is not told of each.');
  }

  /** What a file holds, or what is made now and stored in it where the file is missing, damaged or another's. */
  async #kept<T extends HostTensor>(
    name: string,
    fits: (tensor: HostTensor) => tensor is T,
    make: () => Promise<T>,
  ): Promise<T> {
    const file = `${name}.npy`;
    const bytes = await this.#disk?.read(file);
    const found = bytes && decoded(bytes, file);
    if (found && fits(found)) return found;
    const made = await make();
    await this.#disk?.write(file, encodeNpy(made));
    return made;
  }

  /** (T − 1)×H×W×2, pixels. */
  async #solve(frames: HostTensor<'u8'>): Promise<Float32Array> {
    // A single frame does not move.
    if (frames.shape[0] === 1) return new Float32Array(0);
    const open = this.#gpu;
    if (!open) throw new InputError('A cache without a device cannot compute flow.');
    const solve = () => onDevice(open, (gpu) => computeFlow(gpu, frames, { preset: this.preset }));
    return (await this.#solving.run(solve)).data;
  }
}

export interface ClipCachesOptions {
  /** The user's cache folder where left out. */
  readonly folder?: string | undefined;
  gpu(): Promise<Gpu>;
  onWarning(message: string): void;
}

/** The cache of the clips that a model takes. */
export type ClipCaches = (spec: ModelSpec) => ClipCache;

/** One cache for all models that look at clips in the same way. */
export function clipCaches(options: ClipCachesOptions): ClipCaches {
  const caches = new Map<string, ClipCache>();
  return (spec) => {
    const { shortSide, flowPreset } = spec;
    const fps = readingRate(spec);
    const key = JSON.stringify([shortSide, fps, flowPreset]);
    const cache = caches.get(key) ?? new ClipCache({ ...options, shortSide, fps, preset: flowPreset });
    caches.set(key, cache);
    return cache;
  };
}

function digest(...parts: unknown[]): string {
  return createHash('sha256')
    .update(JSON.stringify([VERSION, ...parts]))
    .digest('hex')
    .slice(0, 32);
}

function decoded(bytes: Uint8Array, name: string): HostTensor | undefined {
  try {
    return decodeNpy(bytes, name);
  } catch {
    return undefined;
  }
}

/** What changes when the clip does; undefined where nothing but its frames tells. */
async function identityOf({ path, load, fingerprint }: ClipSource): Promise<unknown> {
  if (load) return fingerprint?.();
  const stats = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'does not exist' : `cannot be opened (${cause.code})`;
    throw new InputError(`${path} ${reason}.`, { cause });
  });
  const own = [resolve(path), stats.size, stats.mtimeMs];
  if (!stats.isDirectory()) return own;
  // A picture that is written over leaves its folder as it was.
  const { pictures } = await readContents(path);
  const each = pictures.map(async (name) => {
    const found = await stat(join(path, name)).catch(() => undefined);
    return [name, found?.size, found?.mtimeMs];
  });
  return [...own, await Promise.all(each)];
}

function contentsOf({ shape, data }: HostTensor<'u8'>): unknown {
  return [
    shape,
    createHash('sha256')
      .update(data.subarray(0, sizeOf(shape)))
      .digest('hex'),
  ];
}

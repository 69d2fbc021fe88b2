/** @file Loads the FFmpeg binding on first use and keeps it quiet; what every media file here shares. */

import { resolve } from 'node:path';
import type { FormatContext } from 'node-av/lib';
import { InputError } from '../core/errors.ts';
import { importFailure } from './optional_package.ts';

/** The low-level FFmpeg binding together with FFmpeg's constants. */
export type Ffmpeg = typeof import('node-av/lib') & typeof import('node-av/constants');

/** Something that gives video and is no file: a camera, an address, a pipe. */
export interface StreamInput {
  /** How it is called in messages. */
  readonly name: string;
  /** What to say besides where it cannot be opened. */
  readonly advice?: string;
  /** Opens it in a context; gives FFmpeg's code, which is negative when that failed. */
  open(av: Ffmpeg, format: FormatContext): Promise<number>;
}

let loaded: Promise<Ffmpeg> | undefined;

/**
 * The binding, loaded once. Loading it late keeps programs that decode nothing free of it.
 * @throws InputError when the package is not installed, or has no binary for this platform.
 */
export function loadFfmpeg(): Promise<Ffmpeg> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Ffmpeg> {
  try {
    const [lib, constants] = await Promise.all([import('node-av/lib'), import('node-av/constants')]);
    // FFmpeg writes its own diagnostics to stderr; what matters of them comes back as errors and warnings instead.
    lib.Log.setLevel(constants.AV_LOG_QUIET);
    return { ...lib, ...constants };
  } catch (cause) {
    const broken = `Video cannot be read or written because the package node-av has no working FFmpeg binary for ${process.platform}-${process.arch}; install it for this platform.`;
    throw new InputError(importFailure(cause, 'node-av', 'Reading and writing pictures and video needs', broken), {
      cause,
    });
  }
}

/** FFmpeg's own words for an error code. */
export function explain(av: Ffmpeg, code: number): string {
  return av.FFmpegError.strerror(code);
}

/** FFmpeg's name of a local file; the prefix keeps names with a colon from being taken for a protocol. */
export function fileUrl(path: string): string {
  return `file:${path}`;
}

/** Opens a local file for reading; gives FFmpeg's code, which is negative when that failed. */
export async function openInput(av: Ffmpeg, format: FormatContext, path: string): Promise<number> {
  // Playlists must not reach out to the network, and a per cent sign in a name is no pattern.
  const settings = av.Dictionary.fromObject({ protocol_whitelist: 'file', pattern_type: 'none' });
  const code = await format.openInput(fileUrl(resolve(path)), null, settings);
  settings.free();
  return code;
}

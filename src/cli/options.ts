/** @file Parsers of option values, and options that several commands share. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { MODELS } from '../catalogue.ts';
import { InputError } from '../core/errors.ts';
import { presets } from '../flow/index.ts';
import type { ModelDefinition } from '../models/definition.ts';

/** A whole number; its range is checked where its meaning is known. */
export function wholeNumber(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('It is too large.');
  return value;
}

/** A parser of whole numbers from `least` to `most`. */
export function wholeFrom(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = wholeNumber(text);
    if (value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`It must be ${range}.`);
  };
}

/** A whole number of at least 1. */
export const positiveNumber = wholeFrom(1);

/** Frames of a window of which a plan is made; more would not fit into the memory of any device. */
export const windowFrames = wholeFrom(1, 4096);

/** Side of a frame of which a plan is made, pixels. */
export const frameSide = wholeFrom(1, 8192);

/** A number from 0 to below 1. */
export function share(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value < 1)) throw new InvalidArgumentError('It must be a number from 0 to below 1.');
  return value;
}

/** A number above 0: seconds, rates, lengths. */
export function positiveReal(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

/** A number of at least 0. */
export function notNegative(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= 0 && Number.isFinite(value))) throw new InvalidArgumentError('It must be a number of at least 0.');
  return value;
}

/** A number above 0 and at most 1. */
export function probability(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('It must be above 0 and at most 1.');
  return value;
}

export interface FrameSize {
  readonly width: number;
  readonly height: number;
}

/** Pixels on a side of frames that are only scaled or filmed: no adapter has wider textures. */
const MOST_PIXELS = 16384;

/** Width and height in pixels, such as 320x240. */
export function frameSize(text: string): FrameSize {
  const [width, height] = (/^(\d+)[x×](\d+)$/i.exec(text) ?? []).slice(1).map(Number);
  const fits = (side = 0) => side >= 1 && side <= MOST_PIXELS;
  if (fits(width) && fits(height)) return { width: width!, height: height! };
  throw new InvalidArgumentError(
    `It must be WIDTHxHEIGHT, such as 320x240, with at most ${MOST_PIXELS} pixels on each side.`,
  );
}

/** Frames are repeated up to the rate that is asked for: no camera has more, and a video would never end. */
const MOST_FPS = 10_000;

/** `native`, or frames per second. */
export function frameRate(text: string): number | 'native' {
  if (text === 'native') return text;
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) {
    throw new InvalidArgumentError('It must be a positive number or "native".');
  }
  if (value > MOST_FPS) throw new InvalidArgumentError(`It must be at most ${MOST_FPS}.`);
  return value;
}

/**
 * No option and no argument is empty: where one is, a variable of a script had no value.
 * @throws InputError that names it.
 */
export function refuseEmpty(command: Command): void {
  for (const option of command.options) {
    if (command.getOptionValue(option.attributeName()) === '') {
      throw new InputError(`${option.long ?? option.flags} was given an empty value.`);
    }
  }
  for (const [i, argument] of command.registeredArguments.entries()) {
    if (command.args[i] === '') throw new InputError(`The argument ${argument.name()} was given an empty value.`);
  }
}

/** Numbers with commas between. */
export function numbers(text: string): number[] {
  const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (values.some((value) => !Number.isFinite(value))) {
    throw new InvalidArgumentError('It must be numbers with a comma between, such as 0.5,0.5.');
  }
  return values;
}

export interface ClipFlags {
  readonly frames?: number;
  readonly start?: number;
  readonly fps?: number | 'native';
  readonly videoStream?: number;
  readonly keepGoing?: boolean;
}

/** Which frames of an input are taken. */
export function addClipOptions(command: Command, frames: string): Command {
  return command
    .option('--frames <n>', frames, wholeNumber)
    .option('--start <k>', 'first frame, counted at the frame rate in use', wholeNumber)
    .option('--fps <rate>', 'frames per second, or "native" for every frame (default: 25 for videos)', frameRate)
    .option('--video-stream <n>', 'which stream of a file with several videos', wholeFrom(0))
    .option('--keep-going', 'take a damaged file as far as it can be decoded');
}

export interface ModelTypeFlags {
  readonly modelType?: string;
}

/** Which model a checkpoint is of, where it is not to be told by the names of its tensors. */
export function addModelTypeOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--model-type <name>',
      'which model a checkpoint is of (default: told by the names of its tensors)',
    ).choices(MODELS.ids),
  );
}

/** The models that a checkpoint may be of. */
export const typedModels = ({ modelType }: ModelTypeFlags): Iterable<ModelDefinition> =>
  modelType === undefined ? MODELS : [MODELS.get(modelType)];

/** Which of two networks are run. */
export const streamOption = (): Option =>
  new Option('--stream <name>', 'which streams (default: those with weights)').choices(['rgb', 'flow', 'both']);

/** How the scores of two networks are joined. */
export const fusionOption = (): Option =>
  new Option('--fusion <what>', 'what of two streams is added').choices(['logits', 'probabilities']).default('logits');

/** In place of what a model says. */
export const flowPresetOption = (): Option =>
  new Option('--flow-preset <name>', 'how flow is computed (default: opencv, or as for training)').choices(
    Object.keys(presets),
  );

export interface DeviceFlags {
  readonly adapter?: string;
  readonly experimental?: boolean;
  readonly accuracy?: 'exact' | 'fast' | 'half';
  readonly kernel?: string;
}

/** On which adapter and by which kernels the work is done. */
export function addDeviceOptions(command: Command): Command {
  return command
    .option('--adapter <name>', 'take the adapter whose name contains this')
    .option('--experimental', 'use experimental features of WebGPU: the matrix units of GPUs')
    .addOption(
      new Option('--accuracy <level>', 'how far kernels may trade accuracy for speed').choices([
        'exact',
        'fast',
        'half',
      ]),
    )
    .option('--kernel <name>', 'prefer kernels whose name starts with this (for research)');
}

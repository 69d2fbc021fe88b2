/** @file Parsers of option values, and options that several commands share. */

import { type Command, InvalidArgumentError, Option } from 'commander';

/** A whole number; its range is checked where its meaning is known. */
export function wholeNumber(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** A whole number of at least 1. */
export function positiveNumber(text: string): number {
  const value = wholeNumber(text);
  if (value < 1 || !Number.isSafeInteger(value)) throw new InvalidArgumentError('It must be at least 1.');
  return value;
}

/** `native`, or frames per second. */
export function frameRate(text: string): number | 'native' {
  if (text === 'native') return text;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError('It must be a positive number or "native".');
  }
  return value;
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
    .option('--video-stream <n>', 'which stream of a file with several videos', wholeNumber)
    .option('--keep-going', 'take a damaged file as far as it can be decoded');
}

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

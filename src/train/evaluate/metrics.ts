/** @file `metrics.jsonl`: one line of JSON for every step and every evaluation, to be read while training runs. Node only. */

import { appendFile, readFile } from 'node:fs/promises';
import { explainWriteError, writeFileAtomic } from '../../io/atomic.ts';
import type { Stream } from '../../models/definition.ts';
import type { StepReport } from '../run/step_runner.ts';

export interface StepLine extends StepReport {
  readonly kind: 'step';
  readonly stream: Stream;
}

export interface EvaluationLine {
  readonly kind: 'evaluation';
  readonly stream: Stream;
  readonly stage: string;
  /** Steps done. */
  readonly step: number;
  /** Shares of the test clips whose class was the best, or among the best five. */
  readonly top1: number;
  readonly top5: number;
  /** Mean cross entropy. */
  readonly loss: number;
}

export type MetricsLine = StepLine | EvaluationLine;

export class MetricsFile {
  private constructor(
    readonly path: string,
    /** Every line so far. */
    readonly lines: MetricsLine[],
  ) {}

  /**
   * @param keep Which lines of an existing file stay: those of steps that are about to be done again must not.
   * @throws InputError when the file cannot be written.
   */
  static async open(path: string, keep: (line: MetricsLine) => boolean): Promise<MetricsFile> {
    const text = await readFile(path, 'utf8').catch(() => '');
    const lines = text.split('\n').flatMap(parseLine).filter(keep);
    await writeFileAtomic(path, lines.map(formatLine).join(''));
    return new MetricsFile(path, lines);
  }

  /**
   * Drops the lines that are not to stay: those of steps that are done again.
   * @throws InputError when the file cannot be written.
   */
  async keep(stays: (line: MetricsLine) => boolean): Promise<void> {
    const kept = this.lines.filter(stays);
    this.lines.splice(0, this.lines.length, ...kept);
    await writeFileAtomic(this.path, kept.map(formatLine).join(''));
  }

  /** @throws InputError when the file cannot be written, such as on a full disk. */
  async add(line: MetricsLine): Promise<void> {
    this.lines.push(line);
    await appendFile(this.path, formatLine(line)).catch((error) => {
      throw explainWriteError(error, this.path);
    });
  }
}

const formatLine = (line: MetricsLine): string => `${JSON.stringify(line, rounded)}\n`;

/** Seven digits are what a float32 has. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(7)) : value;
}

/** A run that was killed may have left half a line. */
function parseLine(text: string): MetricsLine[] {
  try {
    const line = JSON.parse(text);
    return typeof line?.step === 'number' ? [line] : [];
  } catch {
    return [];
  }
}

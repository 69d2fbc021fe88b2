/** @file What `i3d watch` prints: a line for each window, as text or JSON. */

import { counted } from '../../core/words.ts';
import type { LiveSource } from '../../io/live.ts';
import type { Session } from '../session.ts';
import { printed } from '../terminal/output.ts';
import { clock, percent, seconds } from '../terminal/table.ts';
import type { Sighting } from './command.ts';
import type { WatchedWindow, WatchSummary } from './watcher.ts';

interface OpenedFacts {
  readonly streams: readonly string[];
  /** Frames of a window. */
  readonly frames: number;
  /** Seconds from one window to the next. */
  readonly every: number;
  readonly adapter: string;
}

/** Times in a stream are given to the millisecond. */
const rounded = (value: number): number => Math.round(value * 1000) / 1000;

export class WatchLines {
  private dropped = 0;

  constructor(
    private readonly session: Session,
    private readonly json: boolean,
    /** Called when nobody reads any more. */
    private readonly onClosed: () => void,
  ) {}

  async opened(
    { name, width, height, fps }: LiveSource,
    { streams, frames, every, adapter }: OpenedFacts,
  ): Promise<void> {
    const [window, step] = [rounded(frames / fps), rounded(every)];
    if (this.json) {
      await this.line({
        type: 'opened',
        source: name,
        width,
        height,
        fps,
        streams,
        frames,
        window,
        every: step,
        adapter,
      });
      return;
    }
    const rate = Number(fps.toFixed(2));
    this.session.warn(
      `watching ${name}: ${width}×${height} at ${rate} Hz, windows of ${counted(frames, 'frame')} (${window} s) every ${step} s, ${streams.join(' and ')}, on ${adapter}`,
    );
  }

  async window({ from, to, time, latency, dropped, fused }: WatchedWindow): Promise<void> {
    if (this.json) {
      const top = fused.map(({ label, index, probability }) => ({ label, index, probability }));
      await this.line({
        type: 'window',
        time: time.toISOString(),
        from: rounded(from),
        to: rounded(to),
        latency: rounded(latency),
        dropped,
        top,
      });
      return;
    }
    const classes = fused.map(({ label, probability }) => `${label} ${percent(probability)}`).join(', ');
    const lost = dropped > this.dropped ? `  (${dropped - this.dropped} dropped)` : '';
    this.dropped = dropped;
    await this.text(`${clock(to).padStart(8)}  ${classes}  ${seconds(latency)}${lost}`);
  }

  async seen({ label, score, time, from, to }: Sighting): Promise<void> {
    if (this.json) {
      const at = { time: time.toISOString(), from: rounded(from), to: rounded(to) };
      await this.line({ type: 'seen', class: label, score, ...at });
    } else await this.text(`${clock(to).padStart(8)}  ${label} is seen (${percent(score)})`);
  }

  async broken(reason: string, again: number): Promise<void> {
    this.session.warn(`${reason}; it is opened again in ${again} s`);
    if (this.json) await this.line({ type: 'broken', reason, again });
  }

  async summary(
    { windows, dropped, reconnects, seconds: whole, latency }: WatchSummary,
    started: number | undefined,
  ): Promise<void> {
    if (this.json) {
      const times = latency && { median: rounded(latency.median), p95: rounded(latency.p95) };
      const commands = started === undefined ? {} : { commands: started };
      await this.line({
        type: 'summary',
        seconds: rounded(whole),
        windows,
        dropped,
        reconnects,
        latency: times,
        ...commands,
      });
      return;
    }
    const parts = [
      `${counted(windows, 'window')} in ${seconds(whole)}`,
      `${dropped} dropped`,
      ...(latency ? [`latency ${seconds(latency.median)} (median), ${seconds(latency.p95)} (95 %)`] : []),
      `opened again ${counted(reconnects, 'time')}`,
      ...(started === undefined ? [] : [`the command ran ${counted(started, 'time')}`]),
    ];
    await this.text(parts.join(', '));
  }

  private line(value: object): Promise<void> {
    return this.text(JSON.stringify(value));
  }

  private async text(line: string): Promise<void> {
    this.session.progress.clear();
    if (!(await printed(`${line}\n`))) this.onClosed();
  }
}

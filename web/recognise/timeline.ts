/** @file The classes of a long clip over time: a lane for each of the best ones, as dark as it is likely. */

import { classProbabilities } from '../../src/models/scores.ts';
import { byId, h } from '../shared/dom.ts';
import { percent } from '../shared/words.ts';
import type { WindowScores } from '../worker/protocol.ts';

/** Lanes that are shown. */
const LANES = 6;
/** A clip of so few windows needs no timeline. */
const FEW = 2;

export class Timeline {
  private readonly host = byId('timeline', HTMLElement);
  private windows: readonly WindowScores[] = [];
  private last = 0;

  /** @param onSeek Is told the index of the frame that was clicked. */
  constructor(onSeek: (index: number) => void) {
    this.host.addEventListener('click', (event) => {
      const lane = (event.target as Element).closest<HTMLElement>('.lane');
      if (!lane) return;
      const { left, width } = lane.getBoundingClientRect();
      onSeek(Math.round(((event.clientX - left) / width) * this.last));
    });
  }

  /** @param last The last frame of the clip so far. */
  show(windows: readonly WindowScores[], classes: readonly string[], last: number): void {
    this.windows = windows;
    this.last = Math.max(1, last);
    this.host.hidden = windows.length < FEW;
    if (this.host.hidden) {
      this.host.replaceChildren();
      return;
    }
    const chances = windows.map(({ fused }) => classProbabilities(fused));
    const lanes = this.best(chances).map((index) =>
      this.lane(
        classes[index]!,
        chances.map((all) => all[index]!),
      ),
    );
    this.host.replaceChildren(...lanes);
  }

  /** The classes that are likeliest anywhere, in the order in which they first are. */
  private best(chances: readonly Float64Array[]): number[] {
    const peaks = new Map<number, { peak: number; at: number }>();
    for (const [at, all] of chances.entries()) {
      for (const [index, chance] of all.entries()) {
        const known = peaks.get(index);
        if (chance > (known?.peak ?? 0.05)) peaks.set(index, { peak: chance, at });
      }
    }
    const sorted = [...peaks].sort(([, a], [, b]) => b.peak - a.peak).slice(0, LANES);
    return sorted.sort(([, a], [, b]) => a.at - b.at).map(([index]) => index);
  }

  private lane(label: string, chances: readonly number[]): HTMLElement {
    const place = (frame: number): string => `${((100 * frame) / (this.last + 1)).toFixed(3)}%`;
    const stops = this.windows.map(({ start, frames }, i) => {
      const colour = `color-mix(in oklab, var(--fused) ${(100 * chances[i]!).toFixed(1)}%, var(--track))`;
      return `${colour} ${place(start)} ${place(start + frames)}`;
    });
    const lane = h('div', { class: 'lane', title: `${label}: up to ${percent(Math.max(...chances))}` });
    lane.style.background = `linear-gradient(90deg, ${stops.join(', ')})`;
    return h('div', { class: 'lane-row' }, h('span', { class: 'lane-name' }, label), lane);
  }
}

/** @file What the networks say, as words and bars, and where the time went. */

import { fuse, topK } from '../../src/models/scores.ts';
import type { Spent } from '../../src/recognition/stopwatches.ts';
import { barChart } from '../shared/bar_chart.ts';
import { byId, h } from '../shared/dom.ts';
import { duration, percent } from '../shared/words.ts';

/** Classes that are listed. */
const LISTED = 5;

/** Logits, one per class, of a window or a clip. */
export interface Scores {
  readonly rgb?: Float64Array;
  readonly flow?: Float64Array;
  readonly fused: Float64Array;
}

/** The mean over windows that are known so far. */
export function meanScores(all: readonly Scores[]): Scores {
  const mean = (of: 'rgb' | 'flow'): Float64Array | undefined => {
    const lists = all.map((scores) => scores[of]).filter((logits) => logits !== undefined);
    if (lists.length === 0) return undefined;
    return lists[0]!.map((_, i) => lists.reduce((sum, logits) => sum + logits[i]!, 0) / lists.length);
  };
  const [rgb, flow] = [mean('rgb'), mean('flow')];
  return { ...(rgb && { rgb }), ...(flow && { flow }), fused: fuse({ rgb, flow }) };
}

export function showCharts(scores: Scores, classes: readonly string[]): void {
  const chart = (title: string, kind: string, logits: Float64Array | undefined): HTMLElement[] => {
    if (!logits) return [];
    const bars = topK(logits, classes, Math.min(LISTED, classes.length)).map(({ label, logit, probability }, i) => ({
      label,
      share: probability,
      value: percent(probability),
      detail: `logit ${logit.toFixed(3)}`,
      best: i === 0,
    }));
    return [barChart(title, kind, bars)];
  };
  byId('charts', HTMLElement).replaceChildren(
    ...chart('Frames', 'rgb', scores.rgb),
    ...chart('Motion', 'flow', scores.flow),
    ...(scores.rgb && scores.flow ? chart('Both together', 'fused', scores.fused) : []),
  );
}

/** The best class as a sentence. */
export function showVerdict({ fused }: Scores, classes: readonly string[]): void {
  const [best] = topK(fused, classes, 1);
  byId('verdict', HTMLElement).replaceChildren(
    best!.label,
    ' ',
    h('span', { class: 'share' }, percent(best!.probability)),
  );
}

const PHASES: readonly (readonly [keyof Spent, string, string])[] = [
  ['decode', 'Frames', 'decode'],
  ['flow', 'Motion', 'flow'],
  ['run', 'Networks', 'fused'],
  ['compile', 'Compiling', 'compile'],
  ['prepare', 'Weights', 'weights'],
];

/** A bar for each stage on one scale: most of them go on at the same time. */
export function showTimes(times: Spent, adapter: string): void {
  const longest = Math.max(...PHASES.map(([phase]) => times[phase]), 1e-9);
  const rows = PHASES.map(([phase, label, kind]) => {
    const bar = h('span', { class: 'bar' });
    bar.style.inlineSize = `${((100 * times[phase]) / longest).toFixed(2)}%`;
    return h(
      'div',
      { class: `time-row ${kind}` },
      h('span', { class: 'label' }, label),
      h('span', { class: 'track', 'aria-hidden': 'true' }, bar),
      h('span', { class: 'value' }, duration(times[phase])),
    );
  });
  byId('times', HTMLElement).replaceChildren(...rows);
  byId('adapter', HTMLElement).textContent = `${duration(times.total)} in all; stages overlap. On ${adapter}.`;
}

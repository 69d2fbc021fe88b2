/** @file Horizontal bars with a name and a value each. */

import { h } from './dom.ts';

export interface Bar {
  readonly label: string;
  /** Of the whole track, 0 … 1. */
  readonly share: number;
  /** As it is written beside the name. */
  readonly value: string;
  /** What more there is to say, on hovering. */
  readonly detail?: string | undefined;
  /** Set in bold. */
  readonly best?: boolean | undefined;
}

/** @param kind Gives the bars their colour: a class that sets `--color`, such as `rgb`, `flow`, `fused`. */
export function barChart(title: string, kind: string, bars: readonly Bar[]): HTMLElement {
  const rows = bars.map(({ label, share, value, detail, best }) => {
    const bar = h('span', { class: 'bar' });
    bar.style.inlineSize = `${(100 * Math.min(1, Math.max(0, share))).toFixed(2)}%`;
    return h(
      'li',
      { class: best ? 'best' : undefined, title: detail },
      h('span', { class: 'label' }, label),
      h('span', { class: 'value' }, value),
      h('span', { class: 'track', 'aria-hidden': 'true' }, bar),
    );
  });
  return h('div', { class: `chart ${kind}` }, h('h3', {}, title), h('ol', {}, ...rows));
}

/** @file A bar that says what goes on and how much of it is done. */

import { h } from './dom.ts';

export class Progress {
  readonly element: HTMLElement;
  private readonly label = h('span', { class: 'label' });
  private readonly amount = h('span', { class: 'value' });
  private readonly bar = h('progress', { max: 1 });

  constructor(private readonly describedBy = 'Progress') {
    this.bar.setAttribute('aria-label', describedBy);
    this.element = h('div', { class: 'progress', hidden: true }, this.label, this.amount, this.bar);
  }

  /** @param done 0 … 1; left out where it is not known. */
  show(text: string, done?: number): void {
    this.element.hidden = false;
    this.label.textContent = text;
    this.bar.setAttribute('aria-label', `${this.describedBy}: ${text}`);
    if (done === undefined) {
      this.bar.removeAttribute('value');
      this.amount.textContent = '';
    } else {
      this.bar.value = done;
      this.amount.textContent = `${Math.round(100 * done)} %`;
    }
  }

  hide(): void {
    this.element.hidden = true;
  }
}

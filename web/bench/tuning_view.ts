/** @file Tuning in the page: what is known of this device, what is measured now, and what it changed. */

import { digits, percent } from '../../bench/format.ts';
import type { TuningTable } from '../../src/core/tuning.ts';
import { counted } from '../../src/core/words.ts';
import { byId, h } from '../shared/dom.ts';
import { Progress } from '../shared/progress.ts';
import { sharedTuning } from '../shared/tuning.ts';
import type { TuneMessage } from './messages.ts';
import { NETWORKS, TUNABLE, type Tunable } from './networks.ts';
import { runTuning } from './run.ts';
import { tableElement } from './section_view.ts';

/** After so long it stops by itself. Milliseconds. */
const BUDGET = 30 * 60_000;
/** Rows of the table: those that save most. */
const SHOWN = 20;

interface TuningOptions {
  readonly tell: (text: string, told: boolean) => void;
  /** Only one thing at a time works with the device. */
  readonly onBusy: (busy: boolean) => void;
}

export class TuningView {
  private readonly progress = new Progress('Tuning');
  private readonly boxes = new Map<Tunable, HTMLInputElement>();
  private readonly start = byId('tune', HTMLButtonElement);
  private readonly stop = byId('tune-stop', HTMLButtonElement);
  private records: TuningTable = {};
  private controller: AbortController | undefined;

  constructor(private readonly options: TuningOptions) {
    byId('tune-progress', HTMLElement).append(this.progress.element);
    for (const name of TUNABLE) {
      const box = h('input', { type: 'checkbox', value: name, checked: name === 'small' });
      this.boxes.set(name, box);
      byId('networks', HTMLElement).append(h('label', { class: 'check' }, box, h('span', {}, NETWORKS[name].title)));
    }
    byId('tune-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.run();
    });
    this.stop.addEventListener('click', () => this.controller?.abort());
  }

  set enabled(enabled: boolean) {
    this.start.disabled = !enabled;
  }

  /** Shows what the browser has kept. */
  async load(): Promise<void> {
    try {
      this.records = await sharedTuning().load();
      this.draw();
    } catch {
      this.say('This browser keeps nothing for this page, so what is measured is lost with it.');
    }
  }

  private async run(): Promise<void> {
    const networks = TUNABLE.filter((name) => this.boxes.get(name)!.checked).flatMap((name) => NETWORKS[name].shapes);
    if (networks.length === 0) return this.options.tell('Choose at least one network to tune for.', false);
    this.controller = new AbortController();
    this.busy = true;
    this.progress.show('starting …');
    try {
      const { left } = await runTuning(
        { kind: 'tune', networks, budget: BUDGET },
        { signal: this.controller.signal, onMessage: (message) => this.take(message) },
      );
      this.draw();
      this.options.tell(
        left === 0 ? 'Tuned: nothing is left to measure.' : `Time was up with ${counted(left, 'problem')} left.`,
        true,
      );
    } catch (error) {
      if (!this.controller.signal.aborted)
        this.options.tell(error instanceof Error ? error.message : String(error), false);
    } finally {
      this.progress.hide();
      this.busy = false;
      this.controller = undefined;
    }
  }

  private set busy(busy: boolean) {
    this.start.hidden = busy;
    this.stop.hidden = !busy;
    for (const box of this.boxes.values()) box.disabled = busy;
    this.options.onBusy(busy);
  }

  private take(message: TuneMessage): void {
    if (message.kind === 'tuning') {
      const { network, layer, candidate, done, total } = message;
      this.progress.show(`${network}, ${layer}${candidate ? `: ${candidate}` : ''}`, done / Math.max(1, total));
    } else if (message.kind === 'tuned') {
      this.records = { ...this.records, ...message.records };
      this.draw();
    } else if (message.kind === 'warning') this.options.tell(message.text, false);
  }

  private draw(): void {
    const entries = Object.entries(this.records).map(([key, record]) => ({ key, guessMs: record.ms, ...record }));
    const changed = entries.filter(({ ms, guessMs }) => ms < guessMs);
    const sum = (of: 'ms' | 'guessMs') => entries.reduce((total, entry) => total + entry[of], 0);
    this.say(
      entries.length === 0
        ? 'Nothing is kept yet.'
        : `${counted(entries.length, 'problem')} kept in this browser; for ${changed.length} of them another kernel is faster than the one that is taken without measuring. One run of each: ${digits(sum('guessMs'))} → ${digits(sum('ms'))} ms.`,
    );
    const rows = changed
      .sort((a, b) => b.guessMs - b.ms - (a.guessMs - a.ms))
      .slice(0, SHOWN)
      .map(({ key, candidate, ms, guessMs }) => [
        (key.split(' | ')[1] ?? key).replace(/\{.*\} /, ''),
        candidate,
        digits(ms),
        digits(guessMs),
        percent(guessMs / ms - 1),
      ]);
    const header = ['problem', 'fastest', 'ms', 'untuned', 'faster by'];
    byId('tune-table', HTMLElement).replaceChildren(
      ...(rows.length > 0 ? [tableElement({ header, rows }, 'What tuning changed')] : []),
    );
  }

  private say(text: string): void {
    byId('tune-state', HTMLElement).textContent = text;
  }
}

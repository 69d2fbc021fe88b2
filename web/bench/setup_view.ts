/** @file The form: how long, on which network, which stages; and beside each stage how it goes. */

import { digits } from '../../bench/format.ts';
import { type Event, STAGES, type StageEnd, type StageName } from '../../bench/gpu/outcome.ts';
import { byId, h } from '../shared/dom.ts';
import { BUDGET, BUDGETS, type Budget, SCALE, SCALES, type Scale, STAGE_TITLES } from './choices.ts';

/** The facts are always asked for. */
const CHOOSABLE = STAGES.filter((stage) => stage !== 'facts');

export interface Wishes {
  readonly budget: Budget;
  readonly scale: Scale;
  readonly stages: readonly StageName[];
}

interface StageRow {
  readonly box: HTMLInputElement;
  readonly element: HTMLElement;
  readonly state: HTMLElement;
}

export class SetupView {
  private readonly rows = new Map<StageName, StageRow>();
  private readonly budgets: readonly HTMLInputElement[];
  private readonly scales: readonly HTMLInputElement[];

  /** @param peers Whether the other engines lie beside the page. */
  constructor(private readonly peers: boolean) {
    this.budgets = segments(
      'budgets',
      'budget',
      BUDGETS.map((name) => [name, BUDGET[name].title]),
    );
    this.scales = segments(
      'scales',
      'scale',
      SCALES.map((name) => [name, SCALE[name].title]),
    );
    for (const stage of CHOOSABLE) {
      const { title, finds } = STAGE_TITLES[stage];
      const lacks = stage === 'peers' && !peers;
      const box = h('input', { type: 'checkbox', name: 'stage', value: stage, disabled: lacks });
      const state = h('span', { class: 'state' });
      const what = lacks ? 'tfjs and onnxruntime-web: this build of the page comes without them' : finds;
      const element = h(
        'li',
        { 'data-stage': stage },
        h('label', { class: 'check' }, box, h('span', {}, h('strong', {}, title), ' ', h('small', {}, what))),
        state,
      );
      this.rows.set(stage, { box, element, state });
    }
    byId('stages', HTMLOListElement).append(...[...this.rows.values()].map(({ element }) => element));
    for (const input of this.budgets) input.addEventListener('change', () => this.suggest());
    this.suggest();
  }

  get wishes(): Wishes {
    return {
      budget: checked(this.budgets) as Budget,
      scale: checked(this.scales) as Scale,
      stages: CHOOSABLE.filter((stage) => this.rows.get(stage)!.box.checked),
    };
  }

  choose(scale: Scale): void {
    for (const input of this.scales) input.checked = input.value === scale;
  }

  /** Those that are worth the time that was chosen. */
  private suggest(): void {
    const { stages } = BUDGET[this.wishes.budget];
    for (const [stage, { box }] of this.rows) box.checked = stages.includes(stage);
  }

  /** While a session goes on, nothing can be chosen. */
  set running(running: boolean) {
    for (const input of [...this.budgets, ...this.scales]) input.disabled = running;
    for (const [stage, { box, element, state }] of this.rows) {
      box.disabled = running || (stage === 'peers' && !this.peers);
      if (!running && element.classList.contains('running')) {
        element.classList.remove('running');
        state.textContent = 'not finished';
      }
      if (running) state.textContent = '';
    }
  }

  show(event: Event): void {
    if (event.kind === 'stage') this.showEnd(event.end);
    else {
      const stage = event.kind === 'begin' ? event.stage : event.outcome.stage;
      const row = this.rows.get(stage);
      if (!row) return;
      row.element.classList.add('running');
      row.state.textContent = 'running';
    }
  }

  private showEnd({ stage, how, because, seconds }: StageEnd): void {
    const row = this.rows.get(stage);
    if (!row) return;
    row.element.classList.remove('running');
    row.state.textContent = how === 'done' ? `done, ${digits(seconds)} s` : [how, because].filter(Boolean).join(': ');
  }
}

function segments(id: string, name: string, choices: readonly (readonly [value: string, title: string])[]) {
  const inputs = choices.map(([value], i) => h('input', { type: 'radio', name, value, checked: i === 0 }));
  const labels = choices.map(([, title], i) => h('label', {}, inputs[i], h('span', {}, title)));
  byId(id, HTMLFieldSetElement)
    .querySelector('.segments')!
    .append(...labels);
  return inputs;
}

const checked = (inputs: readonly HTMLInputElement[]): string => inputs.find((input) => input.checked)!.value;

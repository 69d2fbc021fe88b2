/** @file Which networks look: a choice for each stream, weights to add, and those that the browser keeps. */

import { counted } from '../../src/core/words.ts';
import { STREAMS, type Stream } from '../../src/models/definition.ts';
import type { Caller } from '../shared/calls.ts';
import { byId, h } from '../shared/dom.ts';
import { Progress } from '../shared/progress.ts';
import { megabytes } from '../shared/words.ts';
import type { Calls, ChosenWeights, WeightsEntry } from '../worker/protocol.ts';

/** Files that hold weights, by their names: whatever else is dropped is a clip. */
export const isWeights = ({ name }: File): boolean =>
  /\.(pt|pth|safetensors|ckpt|index|meta|data-\d{5}-of-\d{5})$/i.test(name);

const NONE = 'none';

interface PanelEvents {
  /** Other networks are chosen. */
  readonly onChange: () => void;
  readonly onError: (error: unknown) => void;
}

export class WeightsPanel {
  private readonly selects: Readonly<Record<Stream, HTMLSelectElement>> = {
    rgb: byId('rgb-weights', HTMLSelectElement),
    flow: byId('flow-weights', HTMLSelectElement),
  };
  private readonly keep = byId('keep', HTMLInputElement);
  private readonly progress = new Progress('Weights');
  private entries: readonly WeightsEntry[] = [];
  private chosen: Record<Stream, string> = { rgb: 'small-rgb', flow: 'small-flow' };

  constructor(
    private readonly caller: Caller<Calls>,
    private readonly events: PanelEvents,
  ) {
    byId('weights-progress', HTMLElement).append(this.progress.element);
    for (const stream of STREAMS) {
      this.selects[stream].addEventListener('change', () => {
        this.choose(stream, this.selects[stream].value);
        events.onChange();
      });
    }
  }

  /** What is chosen, and the rate in Hz that it wants, where it says one. */
  get request(): { readonly weights: ChosenWeights; readonly fps: number | undefined } {
    const { rgb, flow } = this.chosen;
    const { fps } = this.entries.find(({ id }) => id === rgb || id === flow) ?? {};
    const weights = { rgb: rgb === NONE ? undefined : rgb, flow: flow === NONE ? undefined : flow };
    return { weights, fps: typeof fps === 'number' ? fps : undefined };
  }

  async load(): Promise<void> {
    this.show(await this.caller.call('weights', undefined));
  }

  async add(files: readonly File[]): Promise<void> {
    const keep = this.keep.checked;
    // Browsers may throw away what is kept when room gets short, unless they are asked not to.
    if (keep) void navigator.storage.persist?.();
    const before = new Set(this.entries.map(({ id }) => id));
    await this.during(
      this.caller.call('addWeights', { files, keep }, { onEvent: ({ text, done }) => this.progress.show(text, done) }),
    );
    for (const { id, stream } of this.entries) if (!before.has(id)) this.choose(stream, id);
    this.show(this.entries);
    this.events.onChange();
  }

  private async during(call: Promise<readonly WeightsEntry[]>): Promise<void> {
    try {
      this.show(await call);
    } catch (error) {
      // What was read before is there all the same.
      this.show(await this.caller.call('weights', undefined));
      throw error;
    } finally {
      this.progress.hide();
    }
  }

  /** Chooses weights and, where the other stream's do not go with them, others for that one. */
  private choose(stream: Stream, id: string): void {
    this.chosen[stream] = id;
    const other: Stream = stream === 'rgb' ? 'flow' : 'rgb';
    const find = (wanted: string): WeightsEntry | undefined => this.entries.find((entry) => entry.id === wanted);
    const [mine, theirs] = [find(id), find(this.chosen[other])];
    if (mine && theirs && !agree(mine, theirs)) {
      this.chosen[other] = this.entries.find((entry) => entry.stream === other && agree(entry, mine))?.id ?? NONE;
    }
    if (!mine && !theirs) this.chosen[other] = this.entries.find((entry) => entry.stream === other)?.id ?? NONE;
    this.show(this.entries);
  }

  private show(entries: readonly WeightsEntry[]): void {
    this.entries = entries;
    for (const stream of STREAMS) {
      const own = entries.filter((entry) => entry.stream === stream);
      if (!own.some(({ id }) => id === this.chosen[stream]) && this.chosen[stream] !== NONE) {
        this.chosen[stream] = own[0]?.id ?? NONE;
      }
      const options = own.map(({ id, name, model, classes }) =>
        h('option', { value: id }, `${name} · ${model}, ${counted(classes, 'class')}`),
      );
      const select = this.selects[stream];
      select.replaceChildren(...options, h('option', { value: NONE }, 'None'));
      select.value = this.chosen[stream];
    }
    const items = entries.filter(({ shipped }) => !shipped).map((entry) => this.item(entry));
    byId('weights-list', HTMLElement).replaceChildren(...items);
  }

  private item({ id, name, stream, bytes, kept, warnings }: WeightsEntry): HTMLElement {
    const button = (text: string, label: string, call: () => Promise<readonly WeightsEntry[]>): HTMLElement => {
      const made = h('button', { type: 'button', 'aria-label': label }, text);
      made.addEventListener('click', () => void this.during(call()).catch(this.events.onError));
      return made;
    };
    const onEvent = ({ text, done }: { text: string; done?: number | undefined }): void =>
      this.progress.show(text, done);
    const facts = [
      stream === 'rgb' ? 'frames' : 'motion',
      megabytes(bytes),
      kept ? 'kept in this browser' : 'until this page is closed',
    ];
    return h(
      'li',
      {},
      h(
        'span',
        { class: 'name' },
        name,
        h('span', { class: 'note' }, ` ${facts.join(', ')}`),
        ...warnings.map((text) => h('p', { class: 'note' }, text)),
      ),
      !kept &&
        button('Keep', `Keep ${name} in this browser`, () => this.caller.call('keepWeights', { id }, { onEvent })),
      button('Forget', `Forget ${name}`, () => this.caller.call('forgetWeights', { id })),
    );
  }
}

/** Whether two networks take the same clips and tell the same classes apart. */
const agree = (a: WeightsEntry, b: WeightsEntry): boolean =>
  a.classes === b.classes && a.frames === b.frames && a.size === b.size && a.fps === b.fps && a.shipped === b.shipped;

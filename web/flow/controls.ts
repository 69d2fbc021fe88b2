/** @file The sliders of the flow page: what they say goes to the worker, a little after the hand has come to rest. */

import { type PresetName, presets } from '../../src/flow/options.ts';
import { byId } from '../shared/dom.ts';
import type { Ground } from '../shared/motion_painter.ts';
import type { FlowSettings, FlowView } from './protocol.ts';

/** Milliseconds of rest before a solver is compiled for what the sliders say. */
const REST = 250;
/** More levels than a picture has are none. */
const ALL_SCALES = 12;

type Parameter = keyof FlowSettings['own'];

/** What a slider's place stands for, and how that is written. */
interface Scale {
  readonly value: (place: number) => number;
  readonly place: (value: number) => number;
  readonly text: (value: number) => string;
}

const plain: Scale = { value: (place) => place, place: (value) => value, text: (value) => String(value) };
const decades: Scale = {
  value: (place) => Number((10 ** place).toPrecision(2)),
  place: (value) => Math.log10(value),
  text: (value) => String(value),
};

const PARAMETERS: Readonly<Record<Parameter, Scale>> = {
  warps: plain,
  scales: {
    ...plain,
    place: (value) => Math.min(ALL_SCALES, value),
    text: (value) => (value >= ALL_SCALES ? 'all' : String(value)),
  },
  lambda: decades,
  theta: decades,
  tau: plain,
};
const NAMES = Object.keys(PARAMETERS) as Parameter[];

interface ControlEvents {
  readonly onSettings: (settings: FlowSettings) => void;
  readonly onView: (view: FlowView) => void;
}

export class Controls {
  private readonly form = byId('controls', HTMLFormElement);
  private own: Partial<Record<Parameter, number>> = {};
  private timer: number | undefined;

  constructor(private readonly events: ControlEvents) {
    this.form.addEventListener('submit', (event) => event.preventDefault());
    this.form.addEventListener('input', ({ target }) => {
      const { id } = target as HTMLElement;
      if (id === 'preset') this.own = {};
      const name = NAMES.find((each) => each === id);
      if (name) this.own[name] = PARAMETERS[name].value(Number(this.slider(name).value));
      this.show();
      this.tell(id);
    });
    byId('reset', HTMLButtonElement).addEventListener('click', () => {
      this.own = {};
      this.show();
      this.tell('preset');
    });
    this.show();
  }

  get settings(): FlowSettings {
    const scales = this.own.scales === ALL_SCALES ? 100 : this.own.scales;
    const own = scales === undefined ? this.own : { ...this.own, scales };
    return { preset: this.preset, side: Number(this.slider('side').value), own: { ...own } };
  }

  get view(): FlowView {
    const ground = new FormData(this.form).get('ground') as Ground;
    const frame = Number(this.slider('frame-share').value);
    return { ground, frame, gain: 2 ** Number(this.slider('gain').value) };
  }

  private get preset(): PresetName {
    return byId('preset', HTMLSelectElement).value as PresetName;
  }

  private slider(id: string): HTMLInputElement {
    return byId(id, HTMLInputElement);
  }

  private tell(changed: string): void {
    if (!(changed in PARAMETERS) && changed !== 'preset' && changed !== 'side') {
      this.events.onView(this.view);
      return;
    }
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.events.onSettings(this.settings), REST);
  }

  /** Puts the sliders where they belong, and writes what they say. */
  private show(): void {
    const write = (id: string, text: string): void => {
      const output = this.form.querySelector<HTMLOutputElement>(`output[for="${id}"]`);
      if (output) output.value = text;
      this.slider(id).setAttribute('aria-valuetext', text);
    };
    for (const name of NAMES) {
      const { place, text } = PARAMETERS[name];
      const value = this.own[name] ?? presets[this.preset][name];
      this.slider(name).value = String(place(value));
      write(name, text(value));
    }
    write('side', `${this.slider('side').value} px`);
    write('frame-share', `${Math.round(100 * this.view.frame)} %`);
    write('gain', `× ${Number(this.view.gain.toFixed(2))}`);
    byId('reset', HTMLButtonElement).disabled = Object.keys(this.own).length === 0;
  }
}

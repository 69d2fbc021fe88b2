/** @file Small drawn clips to choose from, which move while the pointer or the focus is on them. */

import { CLIP_FORMAT, FIRST_TEST_SEED } from '../../src/train/actions/index.ts';
import type { Caller } from '../shared/calls.ts';
import { byId, h } from '../shared/dom.ts';
import type { Calls, ClipSource, Thumbnail } from '../worker/protocol.ts';

/** What is drawn: some of the actions that the small networks know, and several in a row. */
const SAMPLES: readonly (readonly [name: string, actions: readonly string[]])[] = [
  ['Jumping jacks', ['jumping-jack']],
  ['Waving', ['wave-both-hands']],
  ['A kick', ['kick']],
  ['A punch', ['punch']],
  ['Running', ['run-right']],
  ['Sitting down', ['sit-down']],
  ['A spin', ['spin']],
  ['A medley', ['walk-right', 'clap', 'squat', 'jumping-jack', 'raise-arms', 'bend']],
];

/** Drawn larger and smoother than the networks see it: it is looked at, too. */
const DRAWN = { size: 192, fps: 2 * CLIP_FORMAT.fps, frames: 2 * CLIP_FORMAT.frames } as const;
/** The frame that a thumbnail shows while it stands still. */
const STILL = 7;

export class Samples {
  private seed = FIRST_TEST_SEED + 41;

  /** @param onChoose Is told what was chosen. */
  constructor(
    private readonly caller: Caller<Calls>,
    private readonly onChoose: (source: ClipSource) => void,
  ) {
    byId('redraw', HTMLButtonElement).addEventListener('click', () => {
      this.seed += SAMPLES.length;
      void this.draw();
    });
  }

  /** Draws all of them, one after the other; the page may be used meanwhile. */
  async draw(): Promise<void> {
    const { seed } = this;
    const entries = SAMPLES.map(([name, actions], i) => this.entry(name, actions, seed + i));
    byId('samples', HTMLElement).replaceChildren(...entries.map(({ button }) => button));
    for (const { canvas, button, actions, own } of entries) {
      if (this.seed !== seed) return;
      const request = { ...CLIP_FORMAT, actions, seed: own };
      animate(button, canvas, await this.caller.call('thumbnail', request));
    }
  }

  private entry(name: string, actions: readonly string[], own: number) {
    const { size } = CLIP_FORMAT;
    const canvas = h('canvas', { width: size, height: size, 'aria-hidden': 'true' });
    const button = h('button', { type: 'button', class: 'sample' }, canvas, h('span', {}, name));
    button.addEventListener('click', () => this.onChoose({ kind: 'drawn', actions, seed: own, ...DRAWN }));
    return { button, canvas, actions, own };
  }
}

function animate(button: HTMLElement, canvas: HTMLCanvasElement, { size, rgba }: Thumbnail): void {
  const context = canvas.getContext('2d')!;
  const bytes = size * size * 4;
  const show = (frame: number): void =>
    context.putImageData(new ImageData(rgba.slice(frame * bytes, (frame + 1) * bytes), size, size), 0, 0);
  show(STILL);
  let timer: number | undefined;
  let frame = 0;
  const start = (): void => {
    if (timer !== undefined || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    timer = window.setInterval(() => show(frame++ % (rgba.length / bytes)), 1000 / CLIP_FORMAT.fps);
  };
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
    frame = 0;
    show(STILL);
  };
  button.addEventListener('pointerenter', start);
  button.addEventListener('focus', start);
  button.addEventListener('pointerleave', stop);
  button.addEventListener('blur', stop);
}

/** @file What every page does when it starts. */

import { byId, h } from './dom.ts';
import { webGpuProblem } from './support.ts';
import { mountTheme } from './theme.ts';

/** A sentence in a box of its own; `bad` for what went wrong. */
export function message(text: string, kind: 'bad' | 'told' = 'bad'): HTMLElement {
  return h('div', { class: kind === 'told' ? 'message told' : 'message', role: 'alert' }, h('p', {}, text));
}

/** The same with a button that puts it away. */
function closableMessage(text: string, kind: 'bad' | 'told' = 'bad'): HTMLElement {
  const box = message(text, kind);
  const close = h('button', { type: 'button', class: 'quiet', 'aria-label': 'Close this message' }, '✕');
  close.addEventListener('click', () => box.remove());
  box.append(close);
  return box;
}

/** Where a page says things, one at a time: the element `messages`. */
export interface MessageBoard {
  say(text: string, kind: 'bad' | 'told'): void;
  /** Says what was thrown. */
  fail(error: unknown): void;
  clear(): void;
}

export function messageBoard(): MessageBoard {
  const messages = byId('messages', HTMLElement);
  const say = (text: string, kind: 'bad' | 'told'): void => messages.replaceChildren(closableMessage(text, kind));
  return {
    say,
    fail: (error) => say(error instanceof Error ? error.message : String(error), 'bad'),
    clear: () => messages.replaceChildren(),
  };
}

/**
 * Makes the header work, and says what to do where there is no WebGPU.
 * @param main Gets the sentence at its beginning; what it holds that needs WebGPU has the class `needs-webgpu`, and is put away. It is
 *   busy until that is known.
 * @returns Whether WebGPU can be used.
 */
export async function startPage(main: HTMLElement): Promise<boolean> {
  mountTheme();
  // Looking for a device takes a moment. A file that is dropped meanwhile would take the page's place in its tab.
  const controller = new AbortController();
  const keep = (event: Event): void => event.preventDefault();
  for (const type of ['dragover', 'drop']) window.addEventListener(type, keep, { signal: controller.signal });
  const problem = await webGpuProblem();
  controller.abort();
  main.removeAttribute('aria-busy');
  if (problem === undefined) return true;
  const box = message(problem);
  box.id = 'no-webgpu';
  const intro = main.querySelector('.intro');
  if (intro) intro.after(box);
  else main.prepend(box);
  for (const element of main.querySelectorAll<HTMLElement>('.needs-webgpu')) element.hidden = true;
  return false;
}

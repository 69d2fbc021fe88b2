/** @file The switch between light, dark and what the system has. */

import { byId } from './dom.ts';

type Theme = 'light' | 'dark' | undefined;

const NEXT = new Map<Theme, Theme>([
  [undefined, 'dark'],
  ['dark', 'light'],
  ['light', undefined],
]);

const NAMES = new Map<Theme, string>([
  [undefined, 'as the system has it'],
  ['dark', 'dark'],
  ['light', 'light'],
]);

function current(): Theme {
  const { theme } = document.documentElement.dataset;
  return theme === 'dark' || theme === 'light' ? theme : undefined;
}

const system = matchMedia('(prefers-color-scheme: dark)');
const listeners: (() => void)[] = [];

/** Whether the page is dark now. */
export const isDark = (): boolean => (current() ?? (system.matches ? 'dark' : 'light')) === 'dark';

/** Calls whenever that may have changed: canvases are not painted by the style sheet. */
export function onThemeChange(listener: () => void): void {
  listeners.push(listener);
  system.addEventListener('change', listener);
}

function choose(theme: Theme): void {
  const { dataset } = document.documentElement;
  if (theme) dataset.theme = theme;
  else delete dataset.theme;
  try {
    if (theme) localStorage.theme = theme;
    else localStorage.removeItem('theme');
  } catch {
    // Where storage is forbidden, the choice lasts as long as the page.
  }
  for (const listener of listeners) listener();
}

/** Makes the header's button work. */
export function mountTheme(): void {
  const button = byId('theme', HTMLButtonElement);
  const describe = (): void => {
    const text = `Theme: ${NAMES.get(current())}`;
    button.setAttribute('aria-label', text);
    button.title = text;
  };
  describe();
  button.addEventListener('click', () => {
    choose(NEXT.get(current()));
    describe();
  });
}
